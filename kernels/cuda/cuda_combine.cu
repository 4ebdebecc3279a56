/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* The sampler's update of the latents, guidance, and what the network is given of them: y = from_a a + from_b b. */

#define THREADS 256

/* An operand of any type. */
typedef struct
{
  void   *data;
  HdDtype dtype;
  int     one;       /* the same image for all of the result */
} Operand;

static __device__ __forceinline__ float
load (const Operand &x, int64_t i)
{
  return x.dtype == HD_DTYPE_F32 ? ((const float *) x.data)[i]
         : x.dtype == HD_DTYPE_F16 ? hd_to_float (((const __half *) x.data)[i])
         : hd_to_float (((const __nv_bfloat16 *) x.data)[i]);
}

static __device__ __forceinline__ void
store (const Operand &y, int64_t i, float value)
{
  if (y.dtype == HD_DTYPE_F32)
    ((float *) y.data)[i] = value;
  else if (y.dtype == HD_DTYPE_F16)
    ((__half *) y.data)[i] = hd_from_float<__half> (value);
  else
    ((__nv_bfloat16 *) y.data)[i] = hd_from_float<__nv_bfloat16> (value);
}

/* A thread for each element from @first on. Without fused multiply-adds: hosts may have none, and steps are to be the same
 * everywhere. */
static __global__ void __launch_bounds__ (THREADS)
combine_kernel (Operand y,            /* (N, @image, channels), @stride elements from pixel to pixel */
                Operand a,            /* (1 or N, @image, channels) */
                Operand b,            /* the same, or no data */
                float   from_a,
                float   from_b,
                int     channels,
                int     stride,
                int64_t image,        /* elements of one */
                int64_t first,
                int64_t elements)
{
  const int64_t i = first + (int64_t) blockIdx.x * THREADS + threadIdx.x;
  const int64_t pixel = i / channels;
  float         value;

  if (i >= elements)
    return;

  value = __fmul_rn (from_a, load (a, a.one ? i % image : i));
  if (b.data != nullptr)
    value = __fadd_rn (value, __fmul_rn (from_b, load (b, b.one ? i % image : i)));
  store (y, pixel * stride + i % channels, value);
}

/* --- entry --- */

static Operand
describe (const HdTensor *x)
{
  Operand operand = { };

  if (x != NULL)
    {
      operand.data = x->data;
      operand.dtype = x->dtype;
      operand.one = x->batch == 1;
    }

  return operand;
}

gboolean
hd_cuda_combine (HdContext      *context,
                 HdTensor       *y,
                 float           from_a,
                 const HdTensor *a,
                 float           from_b,
                 const HdTensor *b,
                 GError        **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  const gint64   elements = hd_tensor_elements (y);
  const double   bytes = (b != NULL ? 3.0 : 2.0) * elements * sizeof (float);
  const gint64   blocks = (elements + THREADS - 1) / THREADS;
  const gint64   part = hd_cuda_pieces_per_launch (cuda, blocks, 0.0, bytes);

  for (gint64 first = 0; first < blocks; first += part)
    {
      const gint64 n = MIN (part, blocks - first);

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / blocks, error)
          || !hd_cuda_launch (cuda, "combining latents", error, combine_kernel, dim3 ((unsigned) n), THREADS, 0,
                              describe (y), describe (a), describe (b), from_a, from_b, y->channels, y->pixel_stride,
                              elements / y->batch, first * THREADS, elements))
        return FALSE;
    }

  return TRUE;
}
