/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "kernels/cuda/conv_map.h"

/* The index map of the CUDA device's convolutions against its definition. */

typedef struct
{
  int kernel, stride, dilation, padding, padding_end;
} TestConv;

static inline int
test_result_side (const TestConv *conv,
                  int             side)
{
  int places = side + 2 * conv->padding + conv->padding_end - conv->dilation * (conv->kernel - 1);

  return places < 1 ? 0 : (places - 1) / conv->stride + 1;
}

/* The pixel by definition, or -1. */
static inline int
test_find_pixel (const TestConv *conv,
                 int             image,
                 int             y,
                 int             x,
                 int             tap,
                 const int       size[2],
                 const int       read[2])
{
  gint64 sy = y * conv->stride - conv->padding + tap / conv->kernel * conv->dilation;
  gint64 sx = x * conv->stride - conv->padding + tap % conv->kernel * conv->dilation;

  if (sy < 0 || sy >= read[0] || sx < 0 || sx >= read[1])
    return -1;

  return (int) ((image * size[0] + sy * size[0] / read[0]) * size[1] + sx * size[1] / read[1]);
}

/* The way of the tile engine through the depth, chunk by chunk of @channels for each of @taps, from wherever a part of it
 * begins. */
static inline void
test_check_walk (int taps,
                 int channels)
{
  const int       chunk = 8;
  const int       slice = 32;
  const HdConvMap map = { .taps = taps };

  for (int start = 0; start < taps * channels; start += chunk)
    {
      int tap = start / channels;
      int channel = start % channels;

      for (int depth = start; depth < MIN (taps * channels, start + 40 * slice); depth += slice)
        {
          int before = tap;
          int moved;

          if (tap != depth / channels || channel != depth % channels)
            g_error ("%d taps of %d channels: from %d to %d is channel %d of %d", taps, channels, start, depth, channel,
                     tap);
          moved = hd_conv_advance (&map, channels, slice, &tap, &channel);
          g_assert_cmpint (moved != 0, ==, tap != before);
        }

      /* Behind the last tap there are no others. */
      if (start + 40 * slice >= taps * channels)
        for (int i = 0; i < 3; i++)
          {
            g_assert_cmpint (tap, ==, taps);
            g_assert_cmpint (hd_conv_advance (&map, channels, slice, &tap, &channel), ==, 0);
          }
    }
}

/* Every @step-th row of the result, of two images. */
static inline void
test_check_map (const TestConv *conv,
                int             height,
                int             width,
                int             read_height,
                int             read_width,
                int             step)
{
  const int size[] = { height, width };
  const int read[] = { read_height, read_width };
  const int rows = test_result_side (conv, read_height);
  const int columns = test_result_side (conv, read_width);
  HdConvMap map;

  if (rows == 0 || columns == 0)
    return;

  map = hd_conv_map_new (height, width, read_height, read_width, conv->kernel, conv->kernel, conv->stride,
                         conv->dilation, conv->padding, rows, columns);
  g_assert_cmpint (map.taps, ==, conv->kernel * conv->kernel);

  for (int image = 0; image < 2; image++)
    for (int y = 0; y < rows; y += step)
      for (int x = 0; x < columns; x++)
        {
          HdConvPlace place = hd_conv_place (&map, (image * rows + y) * columns + x);

          for (int tap = 0; tap < map.taps; tap++)
            if (hd_conv_pixel (&map, place, tap) != test_find_pixel (conv, image, y, x, tap, size, read))
              g_error ("%d x %d read as %d x %d, stride %d, padding %d: tap %d of %d, %d of image %d is %d, not %d",
                       height, width, read_height, read_width, conv->stride, conv->padding, tap, y, x, image,
                       hd_conv_pixel (&map, place, tap), test_find_pixel (conv, image, y, x, tap, size, read));
        }
}
