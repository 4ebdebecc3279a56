/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* y = activation (a), and y = a + scale * b: 16 bytes of each at a time, but for the last few elements, and for views of
 * images that begin in the middle of 16 bytes. */

#define THREADS 256

template <int activation> __device__ __forceinline__ float
activate (float x)
{
  return activation == HD_ACTIVATION_SILU ? hd_silu (x)
         : activation == HD_ACTIVATION_GELU ? hd_gelu (x)
         : activation == HD_ACTIVATION_QUICK_GELU ? hd_quick_gelu (x) : x;
}

template <typename T, int activation> __global__ void __launch_bounds__ (THREADS)
activate_kernel (T       *y,          /* (@elements) */
                 const T *x,          /* (@elements) */
                 int64_t  elements,
                 bool     aligned)
{
  constexpr int N = HdVector<T>::size;
  const int64_t i = ((int64_t) blockIdx.x * THREADS + threadIdx.x) * N;
  float         values[N];

  if (aligned && i + N <= elements)
    {
      hd_load<T, N> (values, x + i);
#pragma unroll
      for (int j = 0; j < N; j++)
        values[j] = activate<activation> (values[j]);
      hd_store<T, N> (y + i, values);
    }
  else
    {
      for (int64_t j = i; j < elements && j < i + N; j++)
        y[j] = hd_from_float<T> (activate<activation> (hd_to_float (x[j])));
    }
}

template <typename T> __global__ void __launch_bounds__ (THREADS)
add_kernel (T       *y,          /* (@elements) */
            const T *a,          /* (@elements) */
            const T *b,          /* (@elements) */
            float    scale,
            int64_t  elements,
            bool     aligned)
{
  constexpr int N = HdVector<T>::size;
  const int64_t i = ((int64_t) blockIdx.x * THREADS + threadIdx.x) * N;
  float         first[N];
  float         second[N];

  if (aligned && i + N <= elements)
    {
      hd_load<T, N> (first, a + i);
      hd_load<T, N> (second, b + i);
#pragma unroll
      for (int j = 0; j < N; j++)
        first[j] += scale * second[j];
      hd_store<T, N> (y + i, first);
    }
  else
    {
      for (int64_t j = i; j < elements && j < i + N; j++)
        y[j] = hd_from_float<T> (hd_to_float (a[j]) + scale * hd_to_float (b[j]));
    }
}

/* --- launching --- */

/* Blocks for @elements of T. */
template <typename T> static unsigned
count_blocks (gint64 elements)
{
  const gint64 per_block = THREADS * HdVector<T>::size;

  return (unsigned) ((elements + per_block - 1) / per_block);
}

typedef struct
{
  HdTensor       *y;
  const HdTensor *a;
  const HdTensor *b;       /* or NULL */
  float           scale;
  HdActivation    activation;
} Elementwise;

/* The elements [@first, @first + @n). */
template <typename T> static gboolean
launch_part (HdCudaContext     *cuda,
             const Elementwise *work,
             gint64             first,
             gint64             n,
             GError           **error)
{
  const dim3 grid (count_blocks<T> (n));
  T         *y = (T *) work->y->data + first;
  const T   *a = (const T *) work->a->data + first;
  const T   *b = work->b != NULL ? (const T *) work->b->data + first : NULL;
  const bool aligned = ((guintptr) y | (guintptr) a | (guintptr) b) % 16 == 0;
  void     (*kernel) (T *, const T *, int64_t, bool) = activate_kernel<T, HD_ACTIVATION_NONE>;

  if (b != NULL)
    return hd_cuda_launch (cuda, "adding", error, add_kernel<T>, grid, THREADS, 0, y, a, b, work->scale, n, aligned);

  if (work->activation == HD_ACTIVATION_SILU)
    kernel = activate_kernel<T, HD_ACTIVATION_SILU>;
  else if (work->activation == HD_ACTIVATION_GELU)
    kernel = activate_kernel<T, HD_ACTIVATION_GELU>;
  else if (work->activation == HD_ACTIVATION_QUICK_GELU)
    kernel = activate_kernel<T, HD_ACTIVATION_QUICK_GELU>;

  return hd_cuda_launch (cuda, "applying an activation", error, kernel, grid, THREADS, 0, y, a, n,
                         aligned);
}

template <typename T> static gboolean
launch (HdCudaContext     *cuda,
        const Elementwise *work,
        GError           **error)
{
  const gint64 elements = hd_tensor_elements (work->y);
  const gint64 vectors = (elements + HdVector<T>::size - 1) / HdVector<T>::size;
  const double bytes = (work->b != NULL ? 3.0 : 2.0) * elements * sizeof (T);
  const gint64 part = hd_cuda_pieces_per_launch (cuda, vectors, 0.0, bytes) * HdVector<T>::size;

  for (gint64 first = 0; first < elements; first += part)
    {
      gint64 n = MIN (part, elements - first);

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / elements, error)
          || !launch_part<T> (cuda, work, first, n, error))
        return FALSE;
    }

  return TRUE;
}

/* --- entries --- */

gboolean
hd_cuda_activate (HdContext      *context,
                  HdTensor       *y,
                  const HdTensor *x,
                  HdActivation    activation,
                  GError        **error)
{
  const Elementwise work = { .y = y, .a = x, .b = NULL, .scale = 0.0f, .activation = activation };

  return HD_CUDA_DISPATCH (y->dtype, launch, (HdCudaContext *) context, &work, error);
}

gboolean
hd_cuda_add (HdContext      *context,
             HdTensor       *y,
             const HdTensor *a,
             const HdTensor *b,
             float           scale,
             GError        **error)
{
  const Elementwise work = { .y = y, .a = a, .b = b, .scale = scale, .activation = HD_ACTIVATION_NONE };

  return HD_CUDA_DISPATCH (y->dtype, launch, (HdCudaContext *) context, &work, error);
}
