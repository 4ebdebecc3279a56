/* SPDX-License-Identifier: Apache-2.0 */

/* Which blocks attend within windows, and the shifts of their windows. */

#include "engine/msw_msa.h"

#define MAX_CALLS 64

/* Gives the shifts 0, 1, 2, 3, 0, ... and notes what it was asked for. */
typedef struct
{
  guint64 calls[MAX_CALLS];
  int     n_calls;
  int     fixed;   /* this shift instead, unless < 0 */
} Shifts;

static int
next_shift (guint64  call,
            gpointer user_data)
{
  Shifts *shifts = user_data;

  g_assert_cmpint (shifts->n_calls, <, MAX_CALLS);
  shifts->calls[shifts->n_calls++] = call;

  return shifts->fixed >= 0 ? shifts->fixed : (int) (call % HD_SHIFTS);
}

static HdTensor
map_of (int height,
        int width)
{
  return (HdTensor) { .batch = 2, .height = height, .width = width, .channels = 4, .pixel_stride = 4 };
}

static void
check_blocks (HdFamily family,
              int      n_levels,
              int      down_block,
              int      up_block)
{
  HdMswMsa msw_msa;

  hd_msw_msa_init (&msw_msa, family, n_levels, next_shift, NULL);
  for (int block = 0; block < n_levels; block++)
    {
      g_assert_true (hd_msw_msa_in_down_block (&msw_msa, block) == (block == down_block ? &msw_msa : NULL));
      g_assert_true (hd_msw_msa_in_up_block (&msw_msa, block) == (block == up_block ? &msw_msa : NULL));
      g_assert_null (hd_msw_msa_in_down_block (NULL, block));
      g_assert_null (hd_msw_msa_in_up_block (NULL, block));
    }
}

static void
test_blocks (void)
{
  check_blocks (HD_FAMILY_SD1, 4, 0, 3);
  check_blocks (HD_FAMILY_SD2, 4, 0, 3);
  check_blocks (HD_FAMILY_SDXL, 3, 1, 1);
  check_blocks (HD_FAMILY_SDXL_TURBO, 3, 1, 1);
}

/* sh = q (wh / 4), sw = q (ww / 4), with integer division. */
static void
check_shift (int q,
             int height,
             int width,
             int shift_y,
             int shift_x)
{
  Shifts   shifts = { .fixed = q };
  HdTensor map = map_of (height, width);
  HdMswMsa msw_msa;
  HdWindow window;

  hd_msw_msa_init (&msw_msa, HD_FAMILY_SD1, 4, next_shift, &shifts);
  g_assert_true (hd_msw_msa_next (&msw_msa, &map, &window));
  g_assert_cmpint (window.height, ==, height);
  g_assert_cmpint (window.width, ==, width);
  g_assert_cmpint (window.window_height, ==, height / 2);
  g_assert_cmpint (window.window_width, ==, width / 2);
  g_assert_cmpint (window.shift_y, ==, shift_y);
  g_assert_cmpint (window.shift_x, ==, shift_x);
}

static void
test_shifts (void)
{
  /* 512 x 512: windows of 32 x 32 */
  for (int q = 0; q < HD_SHIFTS; q++)
    check_shift (q, 64, 64, 8 * q, 8 * q);

  /* 1024 x 768, and windows whose sides are no multiples of 4: 23 x 13, 5 x 7 */
  for (int q = 0; q < HD_SHIFTS; q++)
    {
      check_shift (q, 128, 96, 16 * q, 12 * q);
      check_shift (q, 46, 26, 5 * q, 3 * q);
      check_shift (q, 10, 14, q, q);
    }
}

/* A map so low that its windows cannot be shifted down is not shifted at all; one so narrow only sideways not. */
static void
test_no_roll (void)
{
  for (int q = 0; q < HD_SHIFTS; q++)
    {
      check_shift (q, 6, 64, 0, 0);
      check_shift (q, 2, 2, 0, 0);
      check_shift (q, 64, 6, 8 * q, 0);
    }
}

/* Each call has a number of its own, whether its map can be cut or not. */
static void
test_calls (void)
{
  static const struct
  {
    int      height;
    int      width;
    gboolean windows;
  } maps[] = {
    { 64, 64, TRUE }, { 63, 64, FALSE }, { 64, 63, FALSE }, { 1, 1, FALSE }, { 8, 8, TRUE },
  };
  Shifts   shifts = { .fixed = -1 };
  HdMswMsa msw_msa;
  HdWindow window;

  hd_msw_msa_init (&msw_msa, HD_FAMILY_SD1, 4, next_shift, &shifts);
  for (gsize i = 0; i < G_N_ELEMENTS (maps); i++)
    {
      HdTensor map = map_of (maps[i].height, maps[i].width);

      g_assert_cmpint (hd_msw_msa_next (&msw_msa, &map, &window), ==, maps[i].windows);
      g_assert_cmpint (shifts.n_calls, ==, i + 1);
      g_assert_cmpuint (shifts.calls[i], ==, i);
    }
  g_assert_cmpint (window.shift_y, ==, 4 % HD_SHIFTS);
}

/* Without MSW-MSA, or after a failure (no map), attention is plain and nothing is drawn. */
static void
test_off (void)
{
  Shifts   shifts = { .fixed = -1 };
  HdTensor map = map_of (64, 64);
  HdMswMsa msw_msa;
  HdWindow window;

  hd_msw_msa_init (&msw_msa, HD_FAMILY_SD1, 4, next_shift, &shifts);
  g_assert_false (hd_msw_msa_next (NULL, &map, &window));
  g_assert_false (hd_msw_msa_next (&msw_msa, NULL, &window));
  g_assert_cmpint (shifts.n_calls, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/msw-msa/blocks", test_blocks);
  g_test_add_func ("/msw-msa/shifts", test_shifts);
  g_test_add_func ("/msw-msa/no-roll", test_no_roll);
  g_test_add_func ("/msw-msa/calls", test_calls);
  g_test_add_func ("/msw-msa/off", test_off);

  return g_test_run ();
}
