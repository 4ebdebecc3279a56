/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* The rows of tokens, plus those of their places. */

#define THREADS 128

/* Grid: tokens of all texts. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
embed_kernel (T             *y,              /* (@batch, @length, @channels) */
              const T       *tokens,         /* (V, @channels) */
              const T       *positions,      /* (at least @length, @channels) */
              const int32_t *ids,            /* (@batch, @length), below V */
              int            length,
              int            channels)
{
  const T *token = tokens + (int64_t) ids[blockIdx.x] * channels;
  const T *position = positions + (int64_t) (blockIdx.x % length) * channels;

  for (int i = threadIdx.x; i < channels; i += THREADS)
    y[(int64_t) blockIdx.x * channels + i] = hd_from_float<T> (hd_to_float (token[i]) + hd_to_float (position[i]));
}

template <typename T> static gboolean
launch (HdCudaContext  *cuda,
        HdTensor       *y,
        const HdWeight *tokens,
        const HdWeight *positions,
        const gint32   *ids,
        GError        **error)
{
  return hd_cuda_launch (cuda, "embedding tokens", error, embed_kernel<T>, dim3 (y->batch * y->width), THREADS, 0,
                         (T *) y->data, (const T *) hd_cuda_weight (tokens)->data,
                         (const T *) hd_cuda_weight (positions)->data, ids, y->width, y->channels);
}

/* --- entry --- */

gboolean
hd_cuda_embed_tokens (HdContext    *context,
                      HdTensor     *y,
                      HdWeight     *tokens,
                      HdWeight     *positions,
                      const gint32 *ids,
                      GError      **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  const gsize    bytes = sizeof *ids * hd_tensor_pixels (y);
  HdCudaStaging *staging;

  if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
    return FALSE;
  staging = hd_cuda_staging_next (cuda, error);
  if (staging == NULL)
    return FALSE;
  if (bytes > cuda->staging_bytes)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "Embedding: %d texts of %d tokens are too many",
                   y->batch, y->width);
      return FALSE;
    }

  memcpy (staging->host, ids, bytes);

  return hd_cuda_check (cuda, cudaMemcpyAsync (staging->device, staging->host, bytes, cudaMemcpyHostToDevice,
                                               cuda->stream), "embedding tokens", error)
         && HD_CUDA_DISPATCH (y->dtype, launch, cuda, y, tokens, positions, (const gint32 *) staging->device, error)
         && hd_cuda_staging_used (cuda, staging, error);
}
