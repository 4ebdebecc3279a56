/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which pixel of the input a convolution multiplies with which tap of its kernel, for which pixel of the result.
 * Free of GLib and of anything that only a GPU has: tests run it on the host. */

#include "kernels/cuda/index.h"

/* The longest side of a map, so that the products below stay in 31 bits. */
#define HD_CONV_MAX_SIDE 32767

/**
 * HdConvMap:
 * @height: rows of the input as it lies in memory
 * @width: columns of it
 * @read_height: rows that the convolution sees: @height, or more if it reads through a nearest-neighbour upsample
 * @read_width: columns that it sees
 * @taps: KH * KW
 */
typedef struct
{
  int       height;
  int       width;
  int       read_height;
  int       read_width;
  int       stride;
  int       dilation;
  int       padding;
  int       taps;
  HdDivisor kernel_width;
  HdDivisor rows;          /* by read_height */
  HdDivisor columns;       /* by read_width */
  HdDivisor result_width;
  HdDivisor result_pixels; /* of an image */
} HdConvMap;

/* Where the first tap of a pixel of the result lies, in the map that the convolution sees, padding and all. */
typedef struct
{
  int      image;   /* the image's first pixel in memory */
  uint32_t corner;  /* row in the upper half, column in the lower, both counted from -32768 */
} HdConvPlace;

static inline HdConvMap
hd_conv_map_new (int height, int width, int read_height, int read_width, int kernel_height, int kernel_width,
                 int stride, int dilation, int padding, int result_height, int result_width)
{
  HdConvMap map;

  map.height = height;
  map.width = width;
  map.read_height = read_height;
  map.read_width = read_width;
  map.stride = stride;
  map.dilation = dilation;
  map.padding = padding;
  map.taps = kernel_height * kernel_width;
  map.kernel_width = hd_divisor_new ((uint32_t) kernel_width);
  map.rows = hd_divisor_new ((uint32_t) read_height);
  map.columns = hd_divisor_new ((uint32_t) read_width);
  map.result_width = hd_divisor_new ((uint32_t) result_width);
  map.result_pixels = hd_divisor_new ((uint32_t) result_height * (uint32_t) result_width);

  return map;
}

/* Pixel @row of the result, counted over all images. */
static inline HD_HOST_DEVICE HdConvPlace
hd_conv_place (const HdConvMap *map, int row)
{
  const uint32_t image = hd_divide ((uint32_t) row, map->result_pixels);
  const uint32_t pixel = (uint32_t) row - image * map->result_pixels.divisor;
  const uint32_t y = hd_divide (pixel, map->result_width);
  const uint32_t x = pixel - y * map->result_width.divisor;
  HdConvPlace    place;

  place.image = (int) image * map->height * map->width;
  place.corner = (uint32_t) ((int) y * map->stride - map->padding + 32768) << 16
                 | (uint32_t) ((int) x * map->stride - map->padding + 32768);

  return place;
}

/* From the @channel of a tap on by @step, tap by tap with @channels each; beyond the last there is no end to them. Returns:
 * whether that is another tap. */
static inline HD_HOST_DEVICE int
hd_conv_advance (const HdConvMap *map, int channels, int step, int *tap, int *channel)
{
  *channel += step;
  if (*tap >= map->taps || *channel < channels)
    return 0;

  do
    {
      *channel -= channels;
      ++*tap;
    }
  while (*tap < map->taps && *channel >= channels);

  return 1;
}

/* The pixel in memory that @tap (row by row) reads for @place, counted over all images; -1 for the padding. */
static inline HD_HOST_DEVICE int
hd_conv_pixel (const HdConvMap *map, HdConvPlace place, int tap)
{
  const int ky = (int) hd_divide ((uint32_t) tap, map->kernel_width);
  const int kx = tap - ky * (int) map->kernel_width.divisor;
  const int y = (int) (place.corner >> 16) - 32768 + ky * map->dilation;
  const int x = (int) (place.corner & 0xffff) - 32768 + kx * map->dilation;

  if ((unsigned) y >= (unsigned) map->read_height || (unsigned) x >= (unsigned) map->read_width)
    return -1;

  /* floor (y * height / read_height): y itself where nothing is enlarged */
  return place.image + (int) hd_divide ((uint32_t) (y * map->height), map->rows) * map->width
         + (int) hd_divide ((uint32_t) (x * map->width), map->columns);
}
