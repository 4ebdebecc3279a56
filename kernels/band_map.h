/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The index maps of what is worked on part by part: the rows of a map in bands, the pixels of an image in slices.
 *
 * A band of the result of a convolution reads more rows than it has: its halo. They are cut off where the map ends. What
 * is computed of rows that are there for others alone is thrown away. */

#include <stdint.h>

#include "kernels/upsample_map.h"

/**
 * HdBand:
 * @first: the first row
 * @end: the one behind the last
 *
 * Rows [first, end) of a map.
 */
typedef struct
{
  int64_t first;
  int64_t end;
} HdBand;

/* In how many bands of @size rows, the last of which may have less, a map of @height is cut. */
static inline HD_HOST_DEVICE int64_t
hd_band_count (int64_t height, int64_t size)
{
  return (height + size - 1) / size;
}

/* The band @i of these. */
static inline HD_HOST_DEVICE HdBand
hd_band_at (int64_t height, int64_t size, int64_t i)
{
  HdBand band;

  band.first = i * size;
  band.end = band.first + size < height ? band.first + size : height;

  return band;
}

static inline HD_HOST_DEVICE int64_t
hd_band_length (HdBand band)
{
  return band.end - band.first;
}

/* Those rows of @band that a map of @height has. */
static inline HD_HOST_DEVICE HdBand
hd_band_clamp (HdBand band, int64_t height)
{
  HdBand clamped;

  clamped.first = band.first > 0 ? band.first : 0;
  clamped.end = band.end < height ? band.end : height;

  return clamped;
}

/* The rows under the taps of a convolution for the rows @band of its result: with the padding, where there are none. */
static inline HD_HOST_DEVICE HdBand
hd_band_taps (HdBand band, int kernel, int stride, int dilation, int padding)
{
  HdBand taps;

  taps.first = band.first * stride - padding;
  taps.end = (band.end - 1) * stride - padding + (int64_t) dilation * (kernel - 1) + 1;

  return taps;
}

/* What a 3x3 convolution that leaves a map of @height as large as it is reads for @band: a row more on both sides. */
static inline HD_HOST_DEVICE HdBand
hd_band_with_halo (HdBand band, int64_t height)
{
  return hd_band_clamp (hd_band_taps (band, 3, 1, 1, 1), height);
}

/* Rows of a map of @in rows that are shown by @band of one of @out rows, to which nearest neighbours enlarge it. */
static inline HD_HOST_DEVICE HdBand
hd_band_shown (HdBand band, int in, int out)
{
  HdBand shown;

  shown.first = hd_nearest_source ((int) band.first, in, out);
  shown.end = hd_nearest_source ((int) band.end - 1, in, out) + 1;

  return shown;
}

/* The rows @band counted from @first on, where what was loaded begins. */
static inline HD_HOST_DEVICE HdBand
hd_band_within (HdBand band, int64_t first)
{
  HdBand within;

  within.first = band.first - first;
  within.end = band.end - first;

  return within;
}

/**
 * HdMoment:
 *
 * What is known of a channel in each band: (bands, 2, C).
 */
typedef enum
{
  HD_MOMENT_MEAN,
  HD_MOMENT_VARIANCE
} HdMoment;

/* Offset of @moment of @channel in the moments of band @i. */
static inline HD_HOST_DEVICE int64_t
hd_moment_offset (int channels, int64_t i, HdMoment moment, int channel)
{
  return (i * 2 + (int) moment) * channels + channel;
}
