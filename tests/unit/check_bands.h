/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "kernels/band_map.h"

/* The maps of bands against their definitions, row by row and tap by tap. */

/* Result row @y of a convolution multiplies row y * stride - padding + k * dilation with the taps of row k, and zeros
 * where there is none. */
typedef struct
{
  int kernel, stride, dilation, padding;
} TestTaps;

static const TestTaps test_same = { 3, 1, 1, 1 };

/* Every row that @band's taps are on is among the rows @read of a map of @height; and none is read in vain, unless there are
 * gaps between the taps. */
static inline void
test_check_taps (const TestTaps *taps,
                 HdBand          band,
                 HdBand          read,
                 gint64          height)
{
  g_autofree guint8 *needed = g_new0 (guint8, (gsize) height);

  for (gint64 y = band.first; y < band.end; y++)
    for (int k = 0; k < taps->kernel; k++)
      {
        gint64 row = y * taps->stride - taps->padding + k * taps->dilation;

        if (row < 0 || row >= height)
          continue;
        g_assert_cmpint (row, >=, read.first);
        g_assert_cmpint (row, <, read.end);
        needed[row] = 1;
      }

  g_assert_cmpint (read.first, >=, 0);
  g_assert_cmpint (read.end, <=, height);
  for (gint64 row = read.first; row < read.end; row++)
    g_assert_true (needed[row] == 1 || taps->dilation > 1 || taps->stride > taps->kernel);
}

/* A 3x3 convolution of the rows that were read makes @band of the whole map's result: where it pads them with zeros for
 * @band, the map has no row. */
static inline void
test_check_band_conv (HdBand band,
                      HdBand read,
                      gint64 height)
{
  HdBand within = hd_band_within (band, read.first);

  g_assert_cmpint (hd_band_length (within), ==, band.end - band.first);
  for (gint64 y = within.first; y < within.end; y++)
    for (int k = -1; k <= 1; k++)
      {
        gboolean is_padding = y + k < 0 || y + k >= read.end - read.first;
        gint64   row = band.first + (y - within.first) + k;

        g_assert_cmpint (is_padding, ==, row < 0 || row >= height);
        if (!is_padding)
          g_assert_cmpint (read.first + y + k, ==, row);
      }
}

/* Bands of @rows rows are all of the map, each row once; a convolution of each with its halo makes each row of the
 * result, and writes it once. */
static inline void
test_check_banding (gint64 height,
                    gint64 rows)
{
  g_autofree guint8 *written = g_new0 (guint8, (gsize) height);
  gint64             i = 0;

  for (gint64 first = 0; first < height; first += rows, i++)
    {
      HdBand band = hd_band_at (height, rows, i);
      HdBand read = hd_band_with_halo (band, height);

      g_assert_cmpint (band.first, ==, first);
      g_assert_cmpint (band.end, ==, MIN (first + rows, height));
      g_assert_cmpint (hd_band_length (band), ==, band.end - band.first);
      for (gint64 y = band.first; y < band.end; y++)
        g_assert_cmpint (written[y]++, ==, 0);
      test_check_taps (&test_same, band, read, height);
      test_check_band_conv (band, read, height);
    }
  g_assert_cmpint (hd_band_count (height, rows), ==, i);

  for (gint64 y = 0; y < height; y++)
    g_assert_cmpint (written[y], ==, 1);
}

/* The pixels of bands of a map of @width, of which moments are taken. */
static inline void
test_check_band_pixels (gint64 height,
                        gint64 rows,
                        gint64 width)
{
  for (gint64 i = 0; i < hd_band_count (height, rows); i++)
    {
      HdBand pixels = hd_band_at (height * width, rows * width, i);

      g_assert_cmpint (pixels.first, ==, i * rows * width);
      g_assert_cmpint (pixels.end, ==, MIN ((i + 1) * rows, height) * width);
    }
  g_assert_cmpint (hd_band_count (height * width, rows * width), ==, hd_band_count (height, rows));
}

/* Bands of a map that is made by a 3x3 convolution of one of half the size, enlarged: all rows that are needed of the
 * small one are read, and no other; and enlarging these alone shows what enlarging all of them would. */
static inline void
test_check_enlarged_band (HdBand band,
                          int    small_height)
{
  int                height = 2 * small_height;
  HdBand             halo = hd_band_with_halo (band, height);
  HdBand             read = hd_band_shown (halo, small_height, height);
  g_autofree guint8 *needed = g_new0 (guint8, (gsize) small_height);

  for (gint64 y = band.first; y < band.end; y++)
    for (gint64 row = MAX (y - 1, 0); row <= MIN (y + 1, height - 1); row++)
      {
        gint64 local = row - 2 * read.first;

        g_assert_cmpint (row / 2, >=, read.first);
        g_assert_cmpint (row / 2, <, read.end);
        g_assert_cmpint (local, >=, 0);
        g_assert_cmpint (local, <, 2 * hd_band_length (read));
        g_assert_cmpint (read.first + hd_nearest_source ((int) local, (int) hd_band_length (read),
                                                         2 * (int) hd_band_length (read)), ==, row / 2);
        needed[row / 2] = 1;
      }
  for (gint64 row = read.first; row < read.end; row++)
    g_assert_cmpint (needed[row], ==, 1);

  /* The zeros around what was enlarged are seen only where the map ends. */
  test_check_band_conv (band, (HdBand) { 2 * read.first, 2 * read.end }, height);
}

static inline void
test_check_enlarged (int small_height,
                     int rows)
{
  int height = 2 * small_height;

  for (gint64 i = 0; i < hd_band_count (height, rows); i++)
    {
      HdBand band = hd_band_at (height, rows, i);

      /* As it is, as the first convolution of a resnet reads it, and as the second makes that. */
      for (int convs = 0; convs < 3; convs++)
        {
          test_check_enlarged_band (band, small_height);
          band = hd_band_with_halo (band, height);
        }
    }
}

/* A result that is written over what is read, one band behind: what two convolutions, one after the other, need of the
 * map is still there. */
static inline void
test_check_in_place (gint64 height,
                     gint64 rows)
{
  g_autofree guint8 *overwritten = g_new0 (guint8, (gsize) height);
  HdBand             ready = { 0, 0 };

  for (gint64 i = 0; i < hd_band_count (height, rows); i++)
    {
      HdBand band = hd_band_at (height, rows, i);
      HdBand read = hd_band_with_halo (hd_band_with_halo (band, height), height);

      for (gint64 y = read.first; y < read.end; y++)
        g_assert_cmpint (overwritten[y], ==, 0);
      for (gint64 y = ready.first; y < ready.end; y++)
        overwritten[y] = 1;
      /* The residual is read later, of the band itself. */
      for (gint64 y = band.first; y < band.end; y++)
        g_assert_cmpint (overwritten[y], ==, 0);
      ready = band;
    }
}

/* The moments of all bands lie side by side, each number once. */
static inline void
test_check_moments (int bands,
                    int channels)
{
  gsize              n = (gsize) bands * 2 * channels;
  g_autofree guint8 *met = g_new0 (guint8, n);

  for (int i = 0; i < bands; i++)
    for (int c = 0; c < channels; c++)
      {
        g_assert_cmpint (hd_moment_offset (channels, i, HD_MOMENT_MEAN, c), ==, ((gint64) i * 2 + 0) * channels + c);
        g_assert_cmpint (hd_moment_offset (channels, i, HD_MOMENT_VARIANCE, c), ==, ((gint64) i * 2 + 1) * channels + c);
        g_assert_cmpint (met[hd_moment_offset (channels, i, HD_MOMENT_MEAN, c)]++, ==, 0);
        g_assert_cmpint (met[hd_moment_offset (channels, i, HD_MOMENT_VARIANCE, c)]++, ==, 0);
      }
}
