/* SPDX-License-Identifier: Apache-2.0 */

/* Index maps against their definitions, for all small shapes; those of the golden cases are in tests/golden/maps_test.c. */

#include "tests/unit/check_bands.h"
#include "tests/unit/check_joined.h"

/* --- two inputs ------------------------------------------------------------------ */

static void
test_joined (void)
{
  for (int channels = 1; channels <= 72; channels++)
    for (int channels2 = 0; channels2 <= 72; channels2++)
      test_check_joined (channels, channels2);
}

/* Vectors of one, of float32 and of 16 bits; with as many channels as a block has threads for, and a few more or less. */
static void
test_group_norm (void)
{
  static const int    channels[] = { 1, 3, 4, 8, 24, 31, 32, 33, 40, 256, 264, 320, 1000, 1280 };
  static const gint64 pixels[] = { 1, 7, 63, 64, 65, 1000 };
  static const int    vectors[] = { 1, 4, 8 };

  for (guint i = 0; i < G_N_ELEMENTS (channels); i++)
    for (guint j = 0; j <= G_N_ELEMENTS (channels); j++)
      for (guint p = 0; p < G_N_ELEMENTS (pixels); p++)
        for (guint v = 0; v < G_N_ELEMENTS (vectors); v++)
          {
            int channels2 = j > 0 ? channels[j - 1] : 0;

            if (channels[i] % vectors[v] == 0 && channels2 % vectors[v] == 0)
              test_check_group_norm (channels[i], channels2, pixels[p], vectors[v]);
          }

  /* More slices than there may be of the least size. */
  test_check_group_norm (8, 16, HD_GROUP_NORM_MAX_SLICES * HD_GROUP_NORM_SLICE_PIXELS, 8);
  test_check_group_norm (8, 16, HD_GROUP_NORM_MAX_SLICES * HD_GROUP_NORM_SLICE_PIXELS + 1, 8);
  test_check_group_norm (8, 16, (gint64) 4096 * 4095, 8);
}

/* --- bands ----------------------------------------------------------------------- */

static void
test_bandings (void)
{
  for (int height = 1; height <= 40; height++)
    for (int rows = 1; rows <= height + 1; rows++)
      {
        test_check_banding (height, rows);
        test_check_band_pixels (height, rows, 3);
        if (rows >= 2)
          test_check_in_place (height, rows);
      }
}

static void
test_enlarged (void)
{
  for (int height = 1; height <= 30; height++)
    for (int rows = 1; rows <= 2 * height + 1; rows++)
      test_check_enlarged (height, rows);
}

/* Tiles of the convolutions that networks have, and of some that they have not. */
static void
test_taps (void)
{
  static const TestTaps taps[] = {
    { 1, 1, 1, 0 }, { 3, 1, 1, 1 }, { 3, 2, 1, 1 }, { 3, 2, 1, 0 }, { 3, 4, 2, 2 }, { 5, 1, 1, 2 }, { 2, 1, 1, 1 },
  };

  for (guint t = 0; t < G_N_ELEMENTS (taps); t++)
    for (int height = 1; height <= 30; height++)
      {
        int places = height + 2 * taps[t].padding - taps[t].dilation * (taps[t].kernel - 1);
        int result = places > 0 ? (places - 1) / taps[t].stride + 1 : 0;

        for (int rows = 1; rows <= result; rows++)
          for (gint64 i = 0; i < hd_band_count (result, rows); i++)
            {
              HdBand band = hd_band_at (result, rows, i);
              HdBand all = hd_band_taps (band, taps[t].kernel, taps[t].stride, taps[t].dilation, taps[t].padding);

              g_assert_cmpint (all.first, ==, band.first * taps[t].stride - taps[t].padding);
              g_assert_cmpint (all.end - 1, ==, (band.end - 1) * taps[t].stride - taps[t].padding
                                                + (taps[t].kernel - 1) * taps[t].dilation);
              test_check_taps (&taps[t], band, hd_band_clamp (all, height), height);
            }
      }
}

static void
test_moments (void)
{
  for (int bands = 1; bands <= 9; bands++)
    for (int channels = 1; channels <= 40; channels++)
      test_check_moments (bands, channels);
}

/* floor (place * in / out), by counting. */
static void
test_nearest (void)
{
  for (int in = 1; in <= 40; in++)
    for (int out = 1; out <= 90; out++)
      for (int place = 0; place < out; place++)
        {
          int expected = 0;

          while ((expected + 1) * out <= place * in)
            expected++;
          g_assert_cmpint (hd_nearest_source (place, in, out), ==, expected);
        }
  g_assert_cmpint (hd_nearest_source (1 << 30, G_MAXINT, G_MAXINT), ==, 1 << 30);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maps/joined", test_joined);
  g_test_add_func ("/maps/group-norm", test_group_norm);
  g_test_add_func ("/maps/bands", test_bandings);
  g_test_add_func ("/maps/bands/enlarged", test_enlarged);
  g_test_add_func ("/maps/bands/moments", test_moments);
  g_test_add_func ("/maps/taps", test_taps);
  g_test_add_func ("/maps/nearest", test_nearest);

  return g_test_run ();
}
