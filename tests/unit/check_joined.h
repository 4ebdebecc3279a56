/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <string.h>

#include "kernels/cuda/group_norm_map.h"
#include "kernels/joined_map.h"

/* The maps of two inputs that are read as one, against a concatenated tensor: (pixels, C + C2), of which channel c of
 * pixel p is element (p, c) of the first input, or (p, c - C) of the second. */

/* What the tile engine copies at once: chunks of a slice of the depth. */
#define TEST_TILE_DEPTH 32
#define TEST_TILE_CHUNK 8

/* Every channel of the concatenated tensor is where the map says, and every element of the inputs is one of these. */
static inline void
test_check_joined_pixel (const HdJoined *joined,
                         gint64          pixel)
{
  const int          width[] = { joined->channels, joined->channels2 };
  const int          total = joined->channels + joined->channels2;
  g_autofree guint8 *first_met = g_new0 (guint8, width[0] + 1);
  g_autofree guint8 *second_met = g_new0 (guint8, width[1] + 1);
  guint8            *met[] = { first_met, second_met };

  g_assert_cmpint (hd_joined_total (joined), ==, total);
  for (int c = 0; c < total; c++)
    {
      int    input = hd_joined_input (joined, c);
      int    channel = c - hd_joined_first (joined, input);
      gint64 expected = c < width[0] ? pixel * width[0] + c : pixel * width[1] + c - width[0];

      g_assert_cmpint (input, ==, c < width[0] ? 0 : 1);
      g_assert_cmpint (hd_joined_width (joined, input), ==, width[input]);
      g_assert_cmpint (hd_joined_offset (joined, input, pixel) + channel, ==, expected);
      g_assert_cmpint (channel, >=, 0);
      g_assert_cmpint (channel, <, width[input]);
      g_assert_cmpint (met[input][channel]++, ==, 0);
    }

  for (int input = 0; input < 2; input++)
    for (int channel = 0; channel < width[input]; channel++)
      g_assert_cmpint (met[input][channel], ==, 1);
}

/* The tile engine's way through the depth, which is a multiple of its chunks for each input, from wherever a part of it
 * begins: always where the map would have led. */
static inline void
test_check_joined_walk (const HdJoined *joined)
{
  int total = hd_joined_total (joined);

  if (joined->channels % TEST_TILE_CHUNK != 0 || joined->channels2 % TEST_TILE_CHUNK != 0)
    return;

  for (int start = 0; start < MIN (total, 5 * TEST_TILE_DEPTH); start += TEST_TILE_CHUNK)
    {
      int input = hd_joined_input (joined, start);
      int channel = start - hd_joined_first (joined, input);

      for (int depth = start; depth < total; depth += TEST_TILE_DEPTH)
        {
          int before = input;
          int moved;

          g_assert_cmpint (input, ==, depth < joined->channels ? 0 : 1);
          g_assert_cmpint (channel, ==, depth < joined->channels ? depth : depth - joined->channels);
          moved = hd_joined_advance (joined, TEST_TILE_DEPTH, &input, &channel);
          g_assert_cmpint (moved != 0, ==, input != before);
        }

      /* Behind the last input there are no others. */
      for (int i = 0; i < 3; i++)
        {
          g_assert_cmpint (input, ==, 1);
          g_assert_cmpint (hd_joined_advance (joined, TEST_TILE_DEPTH, &input, &channel), ==, 0);
        }
    }
}

static inline void
test_check_joined (int channels,
                   int channels2)
{
  static const gint64 pixels[] = { 0, 1, 4095, (gint64) 1 << 32 };
  const HdJoined      joined = { channels, channels2 };

  for (guint i = 0; i < G_N_ELEMENTS (pixels); i++)
    test_check_joined_pixel (&joined, pixels[i]);
  test_check_joined_walk (&joined);
}

/* Threads of a slice read, and write, each vector of the concatenated tensor once. All inputs have whole vectors. */
static inline void
test_check_group_norm_slice (const HdGroupNormMap *map,
                             HdBand                slice,
                             int                   vector)
{
  const int          c = map->joined.channels;
  const int          c2 = map->joined.channels2;
  const int          row = (c + c2) / vector;
  const gsize        vectors = (gsize) (slice.end - slice.first) * row;
  g_autofree guint8 *met = g_new0 (guint8, vectors);

  for (int chunk = 0; chunk < map->chunks + map->chunks2; chunk++)
    for (int thread = 0; thread < HD_GROUP_NORM_THREADS; thread++)
      {
        const HdGroupNormPlace place = hd_group_norm_place (map, chunk, thread, vector);

        if (!place.active)
          continue;

        g_assert_cmpint (place.channels, ==, place.input == 0 ? c : c2);
        g_assert_cmpint (place.channel, >=, 0);
        g_assert_cmpint (place.channel % vector, ==, 0);
        g_assert_cmpint (place.channel + vector, <=, place.channels);
        g_assert_cmpint (place.row, >=, 0);
        for (gint64 pixel = slice.first + place.row; pixel < slice.end; pixel += place.rows)
          {
            gint64 from = hd_joined_offset (&map->joined, place.input, pixel) + place.channel;
            int    to = hd_joined_first (&map->joined, place.input) + place.channel;
            gint64 expected = to < c ? pixel * c + to : pixel * c2 + to - c;

            if (from != expected || place.input != (to < c ? 0 : 1)
                || met[(pixel - slice.first) * row + to / vector]++ != 0)
              g_error ("%d + %d channels, vectors of %d: thread %d of chunk %d, pixel %d", c, c2, vector, thread, chunk,
                       (int) pixel);
          }
      }

  for (gsize i = 0; i < vectors; i++)
    if (met[i] != 1)
      g_error ("%d + %d channels, vectors of %d: nobody has vector %d", c, c2, vector, (int) i);
}

static inline void
test_check_group_norm (int    channels,
                       int    channels2,
                       gint64 pixels,
                       int    vector)
{
  const HdGroupNormMap map = hd_group_norm_map_new ((HdJoined) { channels, channels2 }, pixels, vector);
  gint64               next = 0;

  for (int slice = 0; slice < map.slices; slice++)
    {
      HdBand band = hd_group_norm_slice (&map, slice);

      g_assert_cmpint (band.first, ==, next);
      g_assert_cmpint (band.end, >, band.first);
      g_assert_cmpint (band.end - band.first, <=, map.slice_pixels);
      next = band.end;
    }
  g_assert_cmpint (next, ==, pixels);

  /* But for the last they are alike. */
  test_check_group_norm_slice (&map, hd_group_norm_slice (&map, 0), vector);
  if (map.slices > 1)
    test_check_group_norm_slice (&map, hd_group_norm_slice (&map, map.slices - 1), vector);
}
