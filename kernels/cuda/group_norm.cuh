/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/group_norm_map.h"
#include "kernels/cuda/launch.h"

/* What GroupNorm of whole maps (cuda_group_norm.cu) and of maps in bands (cuda_group_moments.cu) share: sums of slices of
 * an image.
 *
 * They are of each channel's differences from its value in the image's first pixel, so that a mean that is large against
 * the deviation costs no digits; in float32 over a slice, in float64 over slices. Everything is added up in a fixed order:
 * the result depends on nothing but the input. */

typedef struct
{
  const void     *x;
  const void     *x2;
  HdGroupNormMap  map;
} HdGroupNormShape;

/**
 * HdGroupNormSums:
 * @vector: channels of a thread: those of 16 bytes, or 1
 * @sums: (N, slices, 2, C) of the differences and of their squares
 * @moments: (N, 2, C): room for each channel's mean and squared differences from it
 * @mean: (N, C): room
 * @scale: (N, C): room
 *
 * On the device; in its scratch memory.
 */
typedef struct
{
  HdGroupNormShape  shape;
  int               images;
  int               vector;
  float            *sums;
  double           *moments;
  float            *mean;
  float            *scale;
} HdGroupNormSums;

/* The input that @place, or what is found by it, reads. */
template <typename T> __device__ __forceinline__ const T *
hd_group_norm_input (const HdGroupNormShape &shape, int input)
{
  return static_cast<const T *> (input == 0 ? shape.x : shape.x2);
}

/* A channel's value in the image's first pixel. */
template <typename T> __device__ __forceinline__ float
hd_group_norm_shift (const HdGroupNormShape &shape, int image, int channel)
{
  const HdJoined *joined = &shape.map.joined;
  const int       input = hd_joined_input (joined, channel);

  return hd_to_float (hd_group_norm_input<T> (shape, input)[hd_joined_offset (joined, input, image * shape.map.pixels)
                                                            + channel - hd_joined_first (joined, input)]);
}

/* Sum of all threads' @x, in a fixed order, for all of them. */
static __device__ __forceinline__ double
hd_group_norm_sum_block (double *shared, double x)
{
  shared[threadIdx.x] = x;
  for (int half = HD_GROUP_NORM_THREADS / 2; half > 0; half /= 2)
    {
      __syncthreads ();
      if ((int) threadIdx.x < half)
        shared[threadIdx.x] += shared[threadIdx.x + half];
    }
  __syncthreads ();
  x = shared[0];
  __syncthreads ();

  return x;
}

/* Calls @launch (grid, first slice) for parts of the slices that are few enough for one launch each; @bytes: that all of
 * them move. */
template <typename Launch>
static inline gboolean
hd_group_norm_walk (HdCudaContext          *cuda,
                    const HdGroupNormShape *shape,
                    int                     images,
                    double                  bytes,
                    Launch                  launch,
                    GError                **error)
{
  const HdGroupNormMap *map = &shape->map;
  const gint64          part = hd_cuda_pieces_per_launch (cuda, map->slices, 0.0, bytes);

  for (gint64 first = 0; first < map->slices; first += part)
    {
      const gint64 n = MIN (part, map->slices - first);
      const dim3   grid ((unsigned) n, map->chunks + map->chunks2, images);

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / map->slices, error) || !launch (grid, first))
        return FALSE;
    }

  return TRUE;
}

/* Describes @x and, if there is one, @x2: sums->shape, images and vector. */
void     hd_group_norm_describe (HdGroupNormSums *sums, const HdTensor *x, const HdTensor *x2);

/* The same, and computes their sums. */
gboolean hd_group_norm_sum      (HdCudaContext *cuda, HdGroupNormSums *sums, const HdTensor *x, const HdTensor *x2,
                                 GError **error);
