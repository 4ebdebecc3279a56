/* SPDX-License-Identifier: Apache-2.0 */

#include <glib.h>

#include "tests/cuda-emulation/check_map.h"

/* The index map of the CUDA device's convolutions against its definition, for every pixel and tap. */

static const TestConv convs[] = {
  { 1, 1, 1, 0, 0 }, { 3, 1, 1, 1, 0 }, { 3, 2, 1, 1, 0 }, { 3, 2, 1, 0, 1 }, { 3, 4, 2, 2, 0 }, { 5, 1, 1, 2, 0 },
};

/* Maps of networks: latents of 8 to 128 and their halves, whatever a picture's size makes of them. */
static const int sides[] = { 1, 2, 3, 5, 8, 12, 13, 16, 23, 32, 48, 64, 96, 128 };

static void
test_plain (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (convs); c++)
    for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
      for (guint j = 0; j < G_N_ELEMENTS (sides); j++)
        test_check_map (&convs[c], sides[i], sides[j], sides[i], sides[j], 1);
}

/* To twice the size, to a skip that is a pixel smaller, and to what a pooled or D4 block's skip may have. */
static void
test_upsample (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sides); j++)
      {
        test_check_map (&convs[1], sides[i], sides[j], 2 * sides[i], 2 * sides[j], 1);
        test_check_map (&convs[1], sides[i], sides[j], 2 * sides[i] - 1, 2 * sides[j] - 1, 1);
        test_check_map (&convs[1], sides[i], sides[j], 4 * sides[i] - 3, 4 * sides[j] - 2, 1);
        test_check_map (&convs[1], sides[i], sides[j], (sides[i] + 1) / 2, sides[j] + 1, 1);
      }
}

/* From less channels than the engine takes at once to more. */
static void
test_walk (void)
{
  static const int taps[] = { 1, 4, 9, 25 };

  for (guint t = 0; t < G_N_ELEMENTS (taps); t++)
    for (int channels = 8; channels <= 136; channels += 8)
      test_check_walk (taps[t], channels);
}

/* The longest sides that the map is for. */
static void
test_longest (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (convs); c++)
    {
      const TestConv *conv = &convs[c];
      int         side = HD_CONV_MAX_SIDE - 2 * conv->padding - conv->padding_end;

      test_check_map (conv, side, 3, side, 3, 1);
      test_check_map (conv, 3, side, 3, side, 1);
      test_check_map (conv, side / 2, 2, side, 4, 1);
      test_check_map (conv, side - 1, 2, side, 4, 1);
    }
  test_check_map (&convs[1], 4096, 4096, 8192, 8192, 509);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/conv-map/plain", test_plain);
  g_test_add_func ("/cuda/conv-map/upsample", test_upsample);
  g_test_add_func ("/cuda/conv-map/longest", test_longest);
  g_test_add_func ("/cuda/conv-map/walk", test_walk);

  return g_test_run ();
}
