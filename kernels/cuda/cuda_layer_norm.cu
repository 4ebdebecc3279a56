/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* A warp for each pixel. Its channels are read once and stay in registers: the mean first, then the squared
 * differences from it. Rows that are too long for that, or not aligned, are read three times, mostly from the cache. */

#define WARPS   4
#define THREADS (WARPS * HD_WARP)

/* Channels of a pixel in vectors of N elements, up to @vectors for each lane. */
template <typename T, int N, int vectors> __global__ void __launch_bounds__ (THREADS)
layer_norm_kernel (T           *y,          /* (@pixels, @channels) */
                   const T     *x,
                   const float *gamma,      /* (@channels) */
                   const float *beta,
                   int64_t      pixels,
                   int          channels,
                   float        epsilon)
{
  const int64_t pixel = (int64_t) blockIdx.x * WARPS + threadIdx.x / HD_WARP;
  const int     first = threadIdx.x % HD_WARP * N;
  float         values[vectors][N];
  float         sum = 0.0f;
  float         square = 0.0f;

  if (pixel >= pixels)
    return;

  x += pixel * channels;
  y += pixel * channels;

#pragma unroll
  for (int v = 0; v < vectors; v++)
    {
      const int channel = first + v * HD_WARP * N;

#pragma unroll
      for (int i = 0; i < N; i++)
        values[v][i] = 0.0f;
      if (channel < channels)
        hd_load<T, N> (values[v], x + channel);
#pragma unroll
      for (int i = 0; i < N; i++)
        sum += values[v][i];
    }

  const float mean = hd_warp_sum (sum) / channels;

#pragma unroll
  for (int v = 0; v < vectors; v++)
    if (first + v * HD_WARP * N < channels)
      {
#pragma unroll
        for (int i = 0; i < N; i++)
          square += (values[v][i] - mean) * (values[v][i] - mean);
      }

  const float factor = rsqrtf (hd_warp_sum (square) / channels + epsilon);

#pragma unroll
  for (int v = 0; v < vectors; v++)
    {
      const int channel = first + v * HD_WARP * N;

      if (channel < channels)
        {
          float gammas[N];
          float betas[N];

          hd_load<float, N> (gammas, gamma + channel);
          hd_load<float, N> (betas, beta + channel);
#pragma unroll
          for (int i = 0; i < N; i++)
            values[v][i] = (values[v][i] - mean) * (gammas[i] * factor) + betas[i];
          hd_store<T, N> (y + channel, values[v]);
        }
    }
}

template <typename T> __global__ void __launch_bounds__ (THREADS)
layer_norm_any_kernel (T           *y,
                       const T     *x,
                       const float *gamma,
                       const float *beta,
                       int64_t      pixels,
                       int          channels,
                       float        epsilon)
{
  const int64_t pixel = (int64_t) blockIdx.x * WARPS + threadIdx.x / HD_WARP;
  const int     lane = threadIdx.x % HD_WARP;
  float         sum = 0.0f;
  float         square = 0.0f;

  if (pixel >= pixels)
    return;

  x += pixel * channels;
  y += pixel * channels;

  for (int i = lane; i < channels; i += HD_WARP)
    sum += hd_to_float (x[i]);

  const float mean = hd_warp_sum (sum) / channels;

  for (int i = lane; i < channels; i += HD_WARP)
    square += (hd_to_float (x[i]) - mean) * (hd_to_float (x[i]) - mean);

  const float factor = rsqrtf (hd_warp_sum (square) / channels + epsilon);

  for (int i = lane; i < channels; i += HD_WARP)
    y[i] = hd_from_float<T> ((hd_to_float (x[i]) - mean) * (gamma[i] * factor) + beta[i]);
}

/* --- launching --- */

template <typename T> static auto
choose_kernel (const HdTensor *x)
{
  constexpr int N = HdVector<T>::size;
  const int     vectors = (x->channels + HD_WARP * N - 1) / (HD_WARP * N);

  if (x->channels % N != 0 || (guintptr) x->data % 16 != 0 || vectors > 8)
    return layer_norm_any_kernel<T>;

  /* 320, 640 or 768, 1280 channels of 16 bits are 2, 3 and 5 */
  return vectors <= 2 ? layer_norm_kernel<T, N, 2> : vectors <= 3 ? layer_norm_kernel<T, N, 3>
         : vectors <= 5 ? layer_norm_kernel<T, N, 5> : layer_norm_kernel<T, N, 8>;
}

template <typename T> static gboolean
launch (HdCudaContext  *cuda,
        HdTensor       *y,
        const HdTensor *x,
        const HdNorm   *norm,
        GError        **error)
{
  const gint64 pixels = hd_tensor_pixels (x);
  const double bytes = 2.0 * hd_tensor_elements (x) * sizeof (T);
  const gint64 part = MIN (hd_cuda_pieces_per_launch (cuda, pixels, 0.0, bytes), (gint64) G_MAXINT);

  for (gint64 first = 0; first < pixels; first += part)
    {
      gint64     n = MIN (part, pixels - first);
      const dim3 grid ((unsigned) ((n + WARPS - 1) / WARPS));

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / pixels, error)
          || !hd_cuda_launch (cuda, "normalising", error, choose_kernel<T> (x), grid, THREADS, 0,
                              (T *) y->data + first * x->channels, (const T *) x->data + first * x->channels,
                              hd_cuda_vector (norm->gamma), hd_cuda_vector (norm->beta), n, x->channels, norm->epsilon))
        return FALSE;
    }

  return TRUE;
}

/* --- entry --- */

gboolean
hd_cuda_layer_norm (HdContext      *context,
                    HdTensor       *y,
                    const HdTensor *x,
                    const HdNorm   *norm,
                    GError        **error)
{
  return HD_CUDA_DISPATCH (y->dtype, launch, (HdCudaContext *) context, y, x, norm, error);
}
