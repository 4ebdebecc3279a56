/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/tensors.h"

/* Pooling and bicubic resizing against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width, channels;
  int         to_height, to_width;     /* bicubic only */
} Case;

static const Case pool_cases[] = {
  { "even", 2, 8, 6, 16 },
  { "odd", 1, 7, 5, 20 },
  { "odd-height", 2, 9, 4, 3 },
  { "odd-width", 1, 4, 9, 1 },
  { "one-pixel", 1, 1, 1, 8 },
  { "one-row", 1, 1, 7, 8 },
  { "sdxl", 1, 17, 16, 640 },
};

static const Case bicubic_cases[] = {
  { "same", 1, 5, 6, 8, 5, 6 },
  { "twice", 2, 8, 6, 16, 16, 12 },
  { "odd", 1, 7, 5, 20, 13, 9 },
  { "down", 1, 16, 12, 8, 7, 5 },
  { "down-by-much", 1, 40, 33, 3, 3, 2 },
  { "up-by-much", 1, 3, 2, 4, 31, 29 },
  { "one-pixel", 1, 1, 1, 8, 4, 5 },
  { "to-one-pixel", 1, 6, 7, 8, 1, 1 },
  { "one-way", 1, 6, 7, 1, 6, 15 },
  { "sdxl", 1, 17, 16, 640, 33, 32 },
};

static void
pool_naively (const Case  *test,
              const float *x,
              double      *y)
{
  int height = (test->height + 1) / 2;
  int width = (test->width + 1) / 2;

  for (int i = 0; i < test->batch * height * width * test->channels; i++)
    {
      int    channel = i % test->channels;
      int    column = i / test->channels % width;
      int    row = i / test->channels / width % height;
      int    image = i / test->channels / width / height;
      int    count = 0;
      double sum = 0.0;

      for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++)
          if (2 * row + dy < test->height && 2 * column + dx < test->width)
            {
              sum += x[((image * test->height + 2 * row + dy) * test->width + 2 * column + dx) * test->channels
                       + channel];
              count++;
            }
      y[i] = sum / count;
    }
}

/* Keys' kernel of the distance, in its two pieces. */
static double
cubic (double distance)
{
  const double a = -0.75;
  double       d = fabs (distance);

  if (d <= 1.0)
    return (a + 2.0) * d * d * d - (a + 3.0) * d * d + 1.0;
  if (d < 2.0)
    return a * d * d * d - 5.0 * a * d * d + 8.0 * a * d - 4.0 * a;

  return 0.0;
}

static void
resize_naively (const Case  *test,
                const float *x,
                double      *y)
{
  for (int i = 0; i < test->batch * test->to_height * test->to_width * test->channels; i++)
    {
      int    channel = i % test->channels;
      int    column = i / test->channels % test->to_width;
      int    row = i / test->channels / test->to_width % test->to_height;
      int    image = i / test->channels / test->to_width / test->to_height;
      double center_y = (row + 0.5) * test->height / test->to_height - 0.5;
      double center_x = (column + 0.5) * test->width / test->to_width - 0.5;

      y[i] = 0.0;
      for (int ty = (int) floor (center_y) - 1; ty <= (int) floor (center_y) + 2; ty++)
        for (int tx = (int) floor (center_x) - 1; tx <= (int) floor (center_x) + 2; tx++)
          y[i] += cubic (center_y - ty) * cubic (center_x - tx)
                  * x[((image * test->height + CLAMP (ty, 0, test->height - 1)) * test->width
                       + CLAMP (tx, 0, test->width - 1)) * test->channels + channel];
    }
}

static void
run_case (const Case *test,
          HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 8 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (7);
  gboolean              bicubic = test->to_height > 0;
  int                   height = bicubic ? test->to_height : (test->height + 1) / 2;
  int                   width = bicubic ? test->to_width : (test->width + 1) / 2;
  gsize                 elements = (gsize) test->batch * test->height * test->width * test->channels;
  g_autofree float     *x = test_random (rand, elements, dtype);
  g_autofree double    *expected = g_new (double, (gsize) test->batch * height * width * test->channels);

  if (bicubic)
    resize_naively (test, x, expected);
  else
    pool_naively (test, x, expected);

  {
    g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                               test->channels, x);
    g_autoptr (HdTensor) y = bicubic ? hd_resize_bicubic (context, tx, height, width) : hd_avg_pool_2x2 (context, tx);
    g_autofree float    *found = test_tensor_read (context, y);
    const HdTensor      *tensors[] = { tx, y, NULL };

    g_assert_cmpint (y->height, ==, height);
    g_assert_cmpint (y->width, ==, width);
    test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
    test_assert_guards (context, tensors);
  }

  test_assert_finished (context);
}

static void
test_f32 (gconstpointer data)
{
  run_case (data, HD_DTYPE_F32);
}

static void
test_16 (gconstpointer data)
{
  if (!test_skip_dtype (TEST_DTYPE_16))
    run_case (data, TEST_DTYPE_16);
}

static void
test_cancel (void)
{
  g_autoptr (HdContext)    context = test_context_new (HD_DTYPE_F32, 4 << 20);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError)   error = NULL;
      g_autoptr (HdTensor) x = hd_tensor_new (context, HD_DTYPE_F32, 1, 64, 64, 16);
      g_autoptr (HdTensor) y = hd_tensor_new (context, HD_DTYPE_F32, 1, 32, 32, 16);

      hd_context_set_cancellable (context, cancellable);
      if (i == 0)
        g_assert_false (context->backend->avg_pool_2x2 (context, y, x, &error));
      else
        g_assert_false (context->backend->resize_bicubic (context, y, x, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      hd_context_set_cancellable (context, NULL);
    }

  test_assert_finished (context);
}

static void
add (const char *kind,
     const Case *test)
{
  g_autofree char *f32 = g_strconcat ("/resize/", kind, "/f32/", test->name, NULL);
  g_autofree char *half = g_strconcat ("/resize/", kind, "/16/", test->name, NULL);

  g_test_add_data_func (f32, test, test_f32);
  g_test_add_data_func (half, test, test_16);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (pool_cases); i++)
    add ("pool", &pool_cases[i]);
  for (guint i = 0; i < G_N_ELEMENTS (bicubic_cases); i++)
    add ("bicubic", &bicubic_cases[i]);
  g_test_add_func ("/resize/cancel", test_cancel);

  return g_test_run ();
}
