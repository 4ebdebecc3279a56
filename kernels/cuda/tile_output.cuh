/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From float32 sums to elements of the result: what the operators' options add on the way out. */

#include "kernels/cuda/device.cuh"
#include "kernels/ops.h"

/**
 * HdTileOutput:
 * @bias: (nullable): float32 (outputs)
 * @channel_bias: (nullable): (images, channels)
 * @residual: (nullable): (rows, channels), of the result's type
 * @y: (rows, channels)
 * @partial: (nullable): instead of all that, float32 (parts, rows, channels), which hd_tile_join_kernel() adds up
 * @rows: pixels or tokens
 * @channels: of the result
 * @image_rows: rows of an image
 * @activation: applied before the residual
 * @float_result: @y and @residual are float32
 */
typedef struct
{
  const float *bias;
  const void  *channel_bias;
  const void  *residual;
  void        *y;
  float       *partial;
  int          rows;
  int          channels;
  HdDivisor    image_rows;
  int          activation;
  bool         float_result;
} HdTileOutput;

__device__ __forceinline__ bool
hd_tile_is_gated (const HdTileOutput &output)
{
  return output.activation == HD_ACTIVATION_GEGLU;
}

/* How many of eight channels from @channel on there are; HD_TILE_VECTOR: all, at multiples of eight elements. */
#define HD_TILE_VECTOR 16

__device__ __forceinline__ int
hd_tile_count (const HdTileOutput &output, int channel)
{
  return output.channels % 8 == 0 ? HD_TILE_VECTOR : min (8, output.channels - channel);
}

template <typename T> __device__ __forceinline__ void
hd_tile_add (float sums[8], const T *from, int count)
{
  if (count == HD_TILE_VECTOR)
    {
      float values[8];

      hd_load<T, 8> (values, from);
#pragma unroll
      for (int i = 0; i < 8; i++)
        sums[i] += values[i];
    }
  else
    {
#pragma unroll
      for (int i = 0; i < 8; i++)
        if (i < count)
          sums[i] += hd_to_float (from[i]);
    }
}

template <typename T> __device__ __forceinline__ void
hd_tile_keep (T *to, const float sums[8], int count)
{
  if (count == HD_TILE_VECTOR)
    hd_store<T, 8> (to, sums);
  else
    {
#pragma unroll
      for (int i = 0; i < 8; i++)
        if (i < count)
          to[i] = hd_from_float<T> (sums[i]);
    }
}

__device__ __forceinline__ void
hd_tile_activate (float sums[8], int activation)
{
#pragma unroll
  for (int i = 0; i < 8; i++)
    {
      if (activation == HD_ACTIVATION_SILU)
        sums[i] = hd_silu (sums[i]);
      else if (activation == HD_ACTIVATION_GELU)
        sums[i] = hd_gelu (sums[i]);
      else
        sums[i] = hd_quick_gelu (sums[i]);
    }
}

/* What follows once the sums are whole. */
template <typename T> __device__ __forceinline__ void
hd_tile_finish (const HdTileOutput &output, int row, int channel, float sums[8], int count)
{
  const size_t place = (size_t) row * output.channels + channel;

  if (output.channel_bias != NULL)
    {
      size_t image = hd_divide ((uint32_t) row, output.image_rows);

      hd_tile_add (sums, static_cast<const T *> (output.channel_bias) + image * output.channels + channel, count);
    }
  if (output.activation != HD_ACTIVATION_NONE && !hd_tile_is_gated (output))
    hd_tile_activate (sums, output.activation);

  if (output.float_result)
    {
      if (output.residual != NULL)
        hd_tile_add (sums, static_cast<const float *> (output.residual) + place, count);
      hd_tile_keep (static_cast<float *> (output.y) + place, sums, count);
    }
  else
    {
      if (output.residual != NULL)
        hd_tile_add (sums, static_cast<const T *> (output.residual) + place, count);
      hd_tile_keep (static_cast<T *> (output.y) + place, sums, count);
    }
}

/* Eight sums of @row from shared memory, of @channel and the following; @gates are theirs with GEGLU. */
template <typename T> __device__ __forceinline__ void
hd_tile_put (const HdTileOutput &output, int row, int channel, const float *values, const float *gates)
{
  const int count = hd_tile_count (output, channel);
  float     sums[8];

  hd_load<float, 8> (sums, values);
  if (output.partial != NULL)
    {
      size_t place = ((size_t) blockIdx.y * output.rows + row) * output.channels + channel;

      hd_tile_keep (output.partial + place, sums, count);
      return;
    }

  if (output.bias != NULL)
    hd_tile_add (sums, output.bias + channel, count);
  if (hd_tile_is_gated (output))
    {
      float gate[8];

      hd_load<float, 8> (gate, gates);
      if (output.bias != NULL)
        hd_tile_add (gate, output.bias + output.channels + channel, count);
#pragma unroll
      for (int i = 0; i < 8; i++)
        sums[i] *= hd_gelu (gate[i]);
    }
  hd_tile_finish<T> (output, row, channel, sums, count);
}

/* Adds up the parts of the depth, in their order. A thread has eight channels. */
template <typename T>
__global__ void
hd_tile_join_kernel (const __grid_constant__ HdTileOutput output, const float *partial, int parts)
{
  const int chunks = (output.channels + 7) / 8;
  const int64_t chunk = (int64_t) blockIdx.x * blockDim.x + threadIdx.x;
  const int row = (int) (chunk / chunks);
  const int channel = (int) (chunk % chunks) * 8;
  const int count = hd_tile_count (output, channel);
  float     sums[8] = {};

  if (row >= output.rows)
    return;

  for (int part = 0; part < parts; part++)
    hd_tile_add (sums, partial + ((size_t) part * output.rows + row) * output.channels + channel, count);
  if (output.bias != NULL)
    hd_tile_add (sums, output.bias + channel, count);
  hd_tile_finish<T> (output, row, channel, sums, count);
}
