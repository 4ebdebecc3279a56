/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_narrow.cuh"

template <typename T, class Shape, bool ALIGNED>
static gboolean
attend_shape (HdCudaContext   *cuda,
              HdAttentionJob  *job,
              int              images,
              GError         **error)
{
  return hd_attention_launch (cuda, hd_attention_kernel<T, Shape, ALIGNED>, job, images, Shape::queries, Shape::size,
                              Shape::threads, Shape::shared_bytes, error);
}

/* Heads of 40, 64, 80, 128 and 160 channels are those of real models. */
template <typename T>
static gboolean
attend (HdCudaContext   *cuda,
        HdAttentionJob  *job,
        int              images,
        gboolean         aligned,
        GError         **error)
{
  if (!aligned)
    return attend_shape<T, HdAttentionShape<64, 2, 4, 64>, false> (cuda, job, images, error);
  if (job->head_size <= 48)
    return attend_shape<T, HdAttentionShape<48, 2, 4, 64>, true> (cuda, job, images, error);
  if (job->head_size <= 64)
    return attend_shape<T, HdAttentionShape<64, 2, 4, 64>, true> (cuda, job, images, error);
  if (job->head_size <= 80)
    return attend_shape<T, HdAttentionShape<80, 2, 4, 64>, true> (cuda, job, images, error);
  if (job->head_size <= 128)
    return attend_shape<T, HdAttentionShape<128, 1, 8, 64>, true> (cuda, job, images, error);

  return attend_shape<T, HdAttentionShape<160, 1, 8, 64>, true> (cuda, job, images, error);
}

static HdAttentionMap
get_map (const HdTensor *x)
{
  HdAttentionMap map = { x->data, (gint64) x->height * x->width * x->pixel_stride, x->pixel_stride };

  return map;
}

static gboolean
is_aligned (const HdTensor *x)
{
  return (gsize) x->data % 16 == 0 && x->pixel_stride % 8 == 0;
}

gboolean
hd_cuda_attention (HdContext                 *context,
                   HdTensor                  *y,
                   const HdTensor            *q,
                   const HdTensor            *k,
                   const HdTensor            *v,
                   const HdAttentionOptions  *options,
                   GError                   **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  HdAttentionJob job = { };
  gboolean       aligned;

  job.q = get_map (q);
  job.k = get_map (k);
  job.v = get_map (v);
  job.y = get_map (y);
  job.heads = options->heads;
  job.head_size = q->channels / options->heads;
  job.n_windows = options->window != NULL ? HD_WINDOWS_PER_SIDE * HD_WINDOWS_PER_SIDE : 1;
  job.queries = q->height * q->width / job.n_windows;
  job.keys = k->height * k->width / job.n_windows;
  job.factor = (float) (M_LOG2E / sqrt (job.head_size));
  job.causal = options->causal;
  if (options->window != NULL)
    {
      job.window = *options->window;
      if (cuda->window_shifts != NULL)
        job.shift = cuda->window_shifts + 2 * cuda->window_calls++;
    }

  if (q->dtype == HD_DTYPE_F32 || job.head_size > HD_ATTENTION_WIDE_SIZE)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "Attention: expected heads of at most %d channels of float16 or bfloat16, found %d of %s",
                   HD_ATTENTION_WIDE_SIZE, job.head_size, hd_dtype_name (q->dtype));
      return FALSE;
    }

  aligned = job.head_size % 8 == 0 && is_aligned (q) && is_aligned (k) && is_aligned (v) && is_aligned (y);
  if (job.head_size > (aligned ? HD_ATTENTION_NARROW_SIZE : 64))
    return hd_cuda_attention_wide (cuda, q->dtype, &job, q->batch, aligned, error);

  return q->dtype == HD_DTYPE_F16 ? attend<__half> (cuda, &job, q->batch, aligned, error)
                                  : attend<__nv_bfloat16> (cuda, &job, q->batch, aligned, error);
}
