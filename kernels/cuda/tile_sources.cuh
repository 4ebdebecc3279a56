/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tile engine multiplies: see tile.cuh. */

#include "kernels/cuda/conv_map.h"
#include "kernels/cuda/device.cuh"
#include "kernels/joined_map.h"

/* The rows of one matrix, or of two as if they stood side by side: (rows, I) and (rows, I2). A tap is a matrix. */
template <typename T>
struct HdRowsSource
{
  typedef int Place;   /* the row; -1 beyond the last */

  const T *x;
  const T *x2;         /* NULL: there is one */
  HdJoined joined;

  __device__ __forceinline__ Place
  place (int row, int rows) const
  {
    return row < rows ? row : -1;
  }

  __device__ __forceinline__ void
  find (int depth, int *tap, int *channel) const
  {
    *tap = hd_joined_input (&joined, depth);
    *channel = depth - hd_joined_first (&joined, *tap);
  }

  __device__ __forceinline__ bool
  advance (int step, int *tap, int *channel) const
  {
    return hd_joined_advance (&joined, step, tap, channel);
  }

  __device__ __forceinline__ const T *
  pixel (Place row, int tap) const
  {
    if (row < 0 || (tap != 0 && x2 == NULL))
      return NULL;

    return tap == 0 ? x + hd_joined_offset (&joined, 0, row) : x2 + hd_joined_offset (&joined, 1, row);
  }

  __device__ __forceinline__ const T *
  element (Place row, int depth) const
  {
    int      tap;
    int      channel;
    const T *from;

    find (depth, &tap, &channel);
    from = pixel (row, tap);
    return from != NULL && channel < hd_joined_width (&joined, tap) ? from + channel : NULL;
  }
};

/* The pixels under the taps of a convolution. */
template <typename T>
struct HdConvSource
{
  typedef HdConvPlace Place;

  const T  *x;
  int       x_channels;
  HdDivisor stride;    /* by x_channels in multiples of eight: from tap to tap */
  HdConvMap map;

  __device__ __forceinline__ Place
  place (int row, int rows) const
  {
    HdConvPlace beyond;

    /* A corner that no tap brings back onto the map. */
    beyond.image = 0;
    beyond.corner = 0;
    return row < rows ? hd_conv_place (&map, row) : beyond;
  }

  __device__ __forceinline__ void
  find (int depth, int *tap, int *channel) const
  {
    *tap = (int) hd_divide ((uint32_t) depth, stride);
    *channel = depth - *tap * (int) stride.divisor;
  }

  __device__ __forceinline__ bool
  advance (int step, int *tap, int *channel) const
  {
    return hd_conv_advance (&map, (int) stride.divisor, step, tap, channel);
  }

  __device__ __forceinline__ const T *
  pixel (Place at, int tap) const
  {
    int index = tap < map.taps ? hd_conv_pixel (&map, at, tap) : -1;

    return index >= 0 ? x + (int64_t) index * x_channels : NULL;
  }

  __device__ __forceinline__ const T *
  element (Place at, int depth) const
  {
    int      tap;
    int      channel;
    const T *from;

    find (depth, &tap, &channel);
    from = pixel (at, tap);
    return from != NULL && channel < x_channels ? from + channel : NULL;
  }
};
