/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which numbers of a map, or of two that are read as one, each thread of GroupNorm's kernels has.
 *
 * A thread keeps to its channels, 16 bytes of a pixel where that is possible, and walks down the pixels of a slice: what
 * it needs to know of the channels stays in registers. A block has a chunk of an input's channels; two inputs are two
 * ranges of chunks. An image is cut into slices by its size alone. */

#include "kernels/band_map.h"
#include "kernels/joined_map.h"

#define HD_GROUP_NORM_THREADS      256
#define HD_GROUP_NORM_MAX_WIDTH    32
#define HD_GROUP_NORM_SLICE_PIXELS 64      /* the least */
#define HD_GROUP_NORM_MAX_SLICES   1024

/**
 * HdGroupNormMap:
 * @chunks: of the first input
 * @chunks2: of the second
 * @width: vectors of a pixel that a chunk of the first input has
 * @width2: the same of the second
 * @pixels: of an image
 * @slice_pixels: of a slice
 * @slices: of an image
 */
typedef struct
{
  HdJoined joined;
  int      chunks;
  int      chunks2;
  int      width;
  int      width2;
  int      slices;
  int64_t  slice_pixels;
  int64_t  pixels;
} HdGroupNormMap;

/**
 * HdGroupNormPlace:
 * @input: the one that the thread reads, 0 or 1
 * @channels: of that input
 * @channel: the first of the thread's channels in it
 * @width: threads side by side
 * @row: the first of the thread's pixels in a slice
 * @rows: pixels from each to its next
 * @active: FALSE for a thread that has nothing to do
 */
typedef struct
{
  int input;
  int channels;
  int channel;
  int width;
  int row;
  int rows;
  int active;
} HdGroupNormPlace;

/* Of an input: @vector channels for a thread, in as few chunks as there may be, all of one width. */
static inline void
hd_group_norm_divide (int channels, int vector, int *chunks, int *width)
{
  int vectors = (channels + vector - 1) / vector;

  *chunks = (vectors + HD_GROUP_NORM_MAX_WIDTH - 1) / HD_GROUP_NORM_MAX_WIDTH;
  *width = *chunks > 0 ? (vectors + *chunks - 1) / *chunks : 0;
}

static inline HdGroupNormMap
hd_group_norm_map_new (HdJoined joined, int64_t pixels, int vector)
{
  HdGroupNormMap map;

  map.joined = joined;
  map.pixels = pixels;
  map.slice_pixels = hd_band_count (pixels, HD_GROUP_NORM_MAX_SLICES);
  if (map.slice_pixels < HD_GROUP_NORM_SLICE_PIXELS)
    map.slice_pixels = HD_GROUP_NORM_SLICE_PIXELS;
  map.slices = (int) hd_band_count (pixels, map.slice_pixels);
  hd_group_norm_divide (joined.channels, vector, &map.chunks, &map.width);
  hd_group_norm_divide (joined.channels2, vector, &map.chunks2, &map.width2);

  return map;
}

/* What @thread of a block with @chunk, counted over both inputs, has. */
static inline HD_HOST_DEVICE HdGroupNormPlace
hd_group_norm_place (const HdGroupNormMap *map, int chunk, int thread, int vector)
{
  HdGroupNormPlace place;

  place.input = chunk < map->chunks ? 0 : 1;
  place.channels = hd_joined_width (&map->joined, place.input);
  place.width = place.input == 0 ? map->width : map->width2;
  if (place.input != 0)
    chunk -= map->chunks;

  place.row = thread / place.width;
  place.rows = HD_GROUP_NORM_THREADS / place.width;
  place.channel = (chunk * place.width + thread % place.width) * vector;
  place.active = place.row < place.rows && place.channel < place.channels;

  return place;
}

/* The pixels of a slice. */
static inline HD_HOST_DEVICE HdBand
hd_group_norm_slice (const HdGroupNormMap *map, int slice)
{
  return hd_band_at (map->pixels, map->slice_pixels, slice);
}
