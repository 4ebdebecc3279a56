/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "ui/size-presets.h"

static void
check (int     wide,
       int     high,
       HdScale scale,
       int     native_size,
       int     width,
       int     height)
{
  const HdShape shape = { wide, high };
  int           found_width;
  int           found_height;

  hd_size_preset (&shape, scale, native_size, &found_width, &found_height);
  g_assert_cmpint (found_width, ==, width);
  g_assert_cmpint (found_height, ==, height);
}

/* Sizes of SDXL's training (arXiv 2307.01952, appendix I). */
static void
test_sdxl (void)
{
  check (1, 1, HD_SCALE_MODEL, 1024, 1024, 1024);
  check (4, 3, HD_SCALE_MODEL, 1024, 1152, 896);
  check (3, 2, HD_SCALE_MODEL, 1024, 1216, 832);
  check (16, 9, HD_SCALE_MODEL, 1024, 1344, 768);
  check (21, 9, HD_SCALE_MODEL, 1024, 1536, 640);
  check (9, 16, HD_SCALE_MODEL, 1024, 768, 1344);
  check (2, 3, HD_SCALE_MODEL, 1024, 832, 1216);
}

static void
test_scales (void)
{
  check (1, 1, HD_SCALE_MODEL, 512, 512, 512);
  check (1, 1, HD_SCALE_4K, 512, 4096, 4096);
  check (16, 9, HD_SCALE_4K, 1024, 4096, 2304);
  check (3, 2, HD_SCALE_2K, 768, 2048, 1368);
  check (2, 3, HD_SCALE_1K, 512, 680, 1024);

  g_assert_true (hd_scale_is_offered (HD_SCALE_1K, 512));
  g_assert_false (hd_scale_is_offered (HD_SCALE_1K, 1024));
  g_assert_true (hd_scale_is_offered (HD_SCALE_MODEL, 1024));
}

/* For any model: sides in eights, in the program's range, near the shape, not above the model's area; each found again. */
static void
test_all (void)
{
  static const int  native_sizes[] = { 64, 128, 256, 512, 768, 1024 };
  gsize             n;
  const HdShape    *shapes = hd_shapes (&n);

  for (gsize i = 0; i < G_N_ELEMENTS (native_sizes); i++)
    for (gsize shape = 0; shape < n; shape++)
      for (HdScale scale = HD_SCALE_MODEL; scale < HD_N_SCALES; scale++)
        {
          double  native_area = (double) native_sizes[i] * native_sizes[i];
          gsize   found_shape;
          HdScale found_scale;
          int     width;
          int     height;
          int     found_width;
          int     found_height;

          if (! hd_scale_is_offered (scale, native_sizes[i]))
            continue;
          hd_size_preset (&shapes[shape], scale, native_sizes[i], &width, &height);
          g_assert_true (width > 0 && width % 8 == 0 && width <= 4096);
          g_assert_true (height > 0 && height % 8 == 0 && height <= 4096);
          g_assert_cmpfloat (fabs (log ((double) width / height * shapes[shape].height / shapes[shape].width)), <=, 0.15);
          if (scale == HD_SCALE_MODEL)
            {
              g_assert_cmpfloat ((double) width * height, <=, native_area);
              g_assert_cmpfloat ((double) width * height, >=, 0.75 * native_area);
            }
          g_assert_true (hd_size_preset_find (width, height, native_sizes[i], &found_shape, &found_scale));
          /* Of several of the same size, the first. */
          g_assert_true (found_scale <= scale);
          hd_size_preset (&shapes[found_shape], found_scale, native_sizes[i], &found_width, &found_height);
          g_assert_true (found_width == width && found_height == height);
        }
}

static void
test_others (void)
{
  gsize   shape;
  HdScale scale;

  g_assert_false (hd_size_preset_find (513, 512, 512, &shape, &scale));
  g_assert_false (hd_size_preset_find (0, 0, 512, &shape, &scale));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/size-presets/sdxl", test_sdxl);
  g_test_add_func ("/size-presets/scales", test_scales);
  g_test_add_func ("/size-presets/all", test_all);
  g_test_add_func ("/size-presets/others", test_others);

  return g_test_run ();
}
