/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/tensors.h"

/* Rows of maps: views, copies, and maps that move down in the arena. */

#define WIDTH    5
#define CHANNELS 24

static float *
values_new (int     height,
            HdDtype dtype)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) height);

  return test_random (rand, (gsize) height * WIDTH * CHANNELS, dtype);
}

static void
run_copy (HdDtype dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 1 << 20);
  g_autofree float     *values = values_new (14, dtype);
  g_autofree float     *others = values_new (4, dtype);
  gsize                 row = WIDTH * CHANNELS;

  {
    /* Two images of seven rows; the four rows that are overwritten lie in both. */
    g_autoptr (HdTensor) x = test_tensor_new (context, dtype, 2, 7, WIDTH, CHANNELS, values);
    g_autoptr (HdTensor) y = test_tensor_new (context, dtype, 1, 4, WIDTH, CHANNELS, others);
    g_autoptr (HdTensor) last = hd_tensor_rows (x, 11, 3);
    g_autofree float    *found = NULL;
    g_autofree float    *found_last = test_tensor_read (context, last);

    g_assert_cmpint (last->batch, ==, 1);
    g_assert_cmpint (last->height, ==, 3);
    g_assert_true (hd_tensor_is_shared (last));
    g_assert_cmpmem (found_last, 3 * row * sizeof (float), values + 11 * row, 3 * row * sizeof (float));

    hd_copy_rows (context, x, 5, y);
    found = test_tensor_read (context, x);
    memcpy (values + 5 * row, others, 4 * row * sizeof (float));
    g_assert_cmpmem (found, 14 * row * sizeof (float), values, 14 * row * sizeof (float));
  }

  test_assert_finished (context);
}

/* A map of @height rows moves down by what lay below it: more or less than its own size. */
static void
run_settle (HdDtype dtype)
{
  static const struct { int below; int height; gboolean moves; } cases[] = {
    { 3, 40, TRUE }, { 1, 17, TRUE }, { 40, 40, TRUE }, { 60, 7, TRUE }, { 0, 7, FALSE }, { 1, 400, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HdContext) context = test_context_new (dtype, 1 << 20);
      int                   height = cases[i].height;
      g_autofree float     *values = values_new (height, dtype);
      gsize                 row = WIDTH * CHANNELS;

      {
        g_autoptr (HdTensor) below = cases[i].below == 0 ? NULL
                                     : hd_tensor_new (context, dtype, 1, cases[i].below, WIDTH, CHANNELS);
        g_autoptr (HdTensor) x = test_tensor_new (context, dtype, 1, height, WIDTH, CHANNELS, values);
        g_autoptr (HdTensor) above = NULL;
        const void          *place = x->data;
        g_autofree float    *found = NULL;

        hd_tensor_take (&below, NULL);
        hd_settle (context, x);
        g_assert_true ((x->data != place) == cases[i].moves);
        if (cases[i].moves)
          g_assert_cmpuint (hd_arena_get_used (context->arena), ==, hd_arena_get_peak (context->arena)
                            - ((gsize) cases[i].below * row * hd_dtype_size (dtype) + 255) / 256 * 256);

        /* What comes next finds its place behind it. */
        above = hd_tensor_new (context, dtype, 1, cases[i].below + 1, WIDTH, CHANNELS);
        found = test_tensor_read (context, x);
        g_assert_cmpmem (found, height * row * sizeof (float), values, height * row * sizeof (float));
      }
      test_assert_finished (context);
    }
}

static void
test_copy_f32 (void)
{
  run_copy (HD_DTYPE_F32);
}

static void
test_copy_16 (void)
{
  if (!test_skip_dtype (TEST_DTYPE_16))
    run_copy (TEST_DTYPE_16);
}

static void
test_settle_f32 (void)
{
  run_settle (HD_DTYPE_F32);
}

static void
test_settle_16 (void)
{
  if (!test_skip_dtype (TEST_DTYPE_16))
    run_settle (TEST_DTYPE_16);
}

static void
test_refused (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 20);
  g_autofree float     *values = values_new (8, HD_DTYPE_F32);

  for (int i = 0; i < 3; i++)
    {
      g_autoptr (HdTensor) x = test_tensor_new (context, HD_DTYPE_F32, 1, 8, WIDTH, CHANNELS, values);
      g_autoptr (HdTensor) y = i == 0 ? hd_tensor_new (context, HD_DTYPE_F32, 1, 3, WIDTH, CHANNELS)
                                      : hd_tensor_new (context, HD_DTYPE_F32, 1, 3, WIDTH - (i == 1), CHANNELS - (i == 2));
      g_autoptr (GError)   error = NULL;

      /* Beyond the end; too narrow; of other channels. */
      hd_copy_rows (context, x, i == 0 ? 6 : 0, y);
      g_assert_false (hd_context_check (context, &error));
      g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE);
    }

  test_assert_finished (context);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/rows/copy/f32", test_copy_f32);
  g_test_add_func ("/rows/copy/16", test_copy_16);
  g_test_add_func ("/rows/settle/f32", test_settle_f32);
  g_test_add_func ("/rows/settle/16", test_settle_16);
  g_test_add_func ("/rows/refused", test_refused);

  return g_test_run ();
}
