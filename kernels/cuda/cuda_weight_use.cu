/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/i18n.h"

/* Weights as operators multiply with them, wherever and however they are kept. One of 8 bits is unpacked before every
 * operator that multiplies with it: that reads and writes it once more, which is little beside what is done with it, and
 * every way of multiplying, cuBLASLt's too, takes it as it takes others. */

#define THREADS 256
#define CHUNK   8

/* @y (O, KH, KW, I') = scales[O] * @x, eight channels a thread. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
unpack_kernel (T *y, const signed char *x, const float *scales, int chunks, HdDivisor row_chunks)
{
  const int chunk = blockIdx.x * THREADS + threadIdx.x;
  float     values[CHUNK];
  float     scale;

  if (chunk >= chunks)
    return;

  scale = scales[hd_divide ((uint32_t) chunk, row_chunks)];
  hd_load<signed char, CHUNK> (values, x + (int64_t) chunk * CHUNK);
#pragma unroll
  for (int i = 0; i < CHUNK; i++)
    values[i] *= scale;
  hd_store<T, CHUNK> (y + (int64_t) chunk * CHUNK, values);
}

template <typename T> static gboolean
unpack (HdCudaContext  *cuda,
        const HdWeight *weight,
        const void     *packed,
        GError        **error)
{
  const HdCudaWeight *device = hd_cuda_weight (weight);
  const gint64        row_chunks = (gint64) device->in_stride * weight->kernel_height * weight->kernel_width / CHUNK;
  const gint64        chunks = weight->out_channels * row_chunks;

  /* As operators say of larger ones. */
  if (chunks > G_MAXINT)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "A weight of %d outputs of %d channels is too large", weight->out_channels, weight->in_channels);
      return FALSE;
    }

  return hd_cuda_pace (cuda, 0.0, (double) chunks * CHUNK * (1 + sizeof (T)), error)
         && hd_cuda_launch (cuda, "unpacking weights", error, unpack_kernel<T>,
                            dim3 ((unsigned) ((chunks + THREADS - 1) / THREADS)), dim3 (THREADS), 0,
                            (T *) cuda->unpacked, (const signed char *) packed, device->scales, (int) chunks,
                            hd_divisor_new ((guint32) row_chunks));
}

gboolean
hd_cuda_weight_unpacked (HdCudaContext *cuda,
                         gsize          bytes,
                         GError       **error)
{
  if (bytes > 0 && cuda->unpacked_bytes >= bytes)
    return TRUE;

  /* Freeing waits for what is queued, which may still use it. */
  hd_cuda_repeat_drop (cuda);
  cudaFree (cuda->unpacked);
  cudaGetLastError ();
  cuda->unpacked = NULL;
  cuda->unpacked_bytes = 0;
  if (bytes == 0)
    return TRUE;
  if (!hd_cuda_allocate (cuda, bytes, _("the model's weights"), &cuda->unpacked, error))
    return FALSE;

  cuda->unpacked_bytes = bytes;
  return TRUE;
}

const void *
hd_cuda_weight_use (HdCudaContext  *cuda,
                    const HdWeight *weight,
                    GError        **error)
{
  HdCudaWeight *device = (HdCudaWeight *) weight->device;
  const void   *data = device->data;
  gboolean      success;

  if (weight->streamed)
    {
      data = hd_cuda_ring_take (cuda, device, error);
      if (data == NULL)
        return NULL;
    }
  if (weight->form == HD_WEIGHT_FORM_FULL)
    return data;

  success = HD_CUDA_DISPATCH (weight->dtype, unpack, cuda, weight, data, error);

  /* Nothing but unpacking reads what was streamed. */
  if (weight->streamed && !hd_cuda_ring_release (cuda, success ? error : NULL))
    success = FALSE;

  return success ? cuda->unpacked : NULL;
}

gboolean
hd_cuda_weight_done (HdCudaContext  *cuda,
                     const HdWeight *weight,
                     GError        **error)
{
  if (!weight->streamed || weight->form != HD_WEIGHT_FORM_FULL)
    return TRUE;

  return hd_cuda_ring_release (cuda, error);
}
