/* SPDX-License-Identifier: Apache-2.0 */

/* The index map against what it stands for: torch.roll, then a cut into four windows. */

#include <glib.h>

#include "engine/msw_msa.h"
#include "kernels/window.h"

/* Pixel numbers of an H x W map, rolled by (-shift_y, -shift_x): torch.roll (map, (-shift_y, -shift_x), (0, 1)). */
static void
roll (const HdWindow *window,
      int            *rolled)
{
  int height = window->height;
  int width = window->width;

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        int to_y = ((y - window->shift_y) % height + height) % height;
        int to_x = ((x - window->shift_x) % width + width) % width;

        rolled[to_y * width + to_x] = y * width + x;
      }
}

/* Cuts the rolled map as a (2, wh, 2, ww) array is turned into one of (2, 2, wh, ww). */
static void
partition (const HdWindow *window,
           const int      *rolled,
           int            *windows)
{
  int wh = window->height / 2;
  int ww = window->width / 2;

  for (int wy = 0; wy < 2; wy++)
    for (int ty = 0; ty < wh; ty++)
      for (int wx = 0; wx < 2; wx++)
        for (int tx = 0; tx < ww; tx++)
          windows[((wy * 2 + wx) * wh + ty) * ww + tx] = rolled[((wy * wh + ty) * 2 + wx) * ww + tx];
}

static void
check_window (const HdWindow *window)
{
  int                pixels = window->height * window->width;
  int                tokens = window->window_height * window->window_width;
  g_autofree int    *rolled = g_new (int, pixels);
  g_autofree int    *windows = g_new (int, pixels);
  g_autofree guint8 *seen = g_new0 (guint8, pixels);

  roll (window, rolled);
  partition (window, rolled, windows);

  for (int w = 0; w < 4; w++)
    for (int i = 0; i < tokens; i++)
      {
        int pixel = hd_window_pixel (window, w, i);

        g_assert_cmpint (pixel, >=, 0);
        g_assert_cmpint (pixel, <, pixels);
        g_assert_cmpint (seen[pixel], ==, 0);
        seen[pixel] = 1;
        g_assert_cmpint (pixel, ==, windows[w * tokens + i]);
        g_assert_cmpint (pixel, ==, hd_window_y (window, w / 2, i / window->window_width) * window->width
                                    + hd_window_x (window, w % 2, i % window->window_width));
      }
}

static void
check_size (int height,
            int width)
{
  HdWindow window = { height, width, height / 2, width / 2, 0, 0 };

  for (window.shift_y = 0; window.shift_y < window.window_height; window.shift_y++)
    for (window.shift_x = 0; window.shift_x < window.window_width; window.shift_x++)
      check_window (&window);
}

/* Every shift that there is, not only the quarters that are used. */
static void
test_all_shifts (void)
{
  static const int sides[] = { 2, 4, 6, 8, 10, 14, 24 };

  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (sides); j++)
      check_size (sides[i], sides[j]);
}

static int
quarters (guint64  call,
          gpointer user_data)
{
  return call % HD_SHIFTS;
}

/* The maps of pictures from 512 to 2048 pixels, with the shifts that MSW-MSA draws. */
static void
test_pictures (void)
{
  static const int sizes[][2] = { { 64, 64 }, { 128, 128 }, { 256, 256 }, { 96, 64 }, { 64, 152 }, { 46, 130 } };
  HdMswMsa         msw_msa;

  hd_msw_msa_init (&msw_msa, HD_FAMILY_SD1, 4, quarters, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (int q = 0; q < HD_SHIFTS; q++)
      {
        HdTensor map = { .batch = 1, .height = sizes[i][0], .width = sizes[i][1], .channels = 8, .pixel_stride = 8 };
        HdWindow window;

        g_assert_true (hd_msw_msa_next (&msw_msa, &map, &window));
        check_window (&window);
      }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/window/all-shifts", test_all_shifts);
  g_test_add_func ("/window/pictures", test_pictures);

  return g_test_run ();
}
