/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/tensors.h"

/* GroupNorm and LayerNorm against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width, channels, channels2, groups;
  gboolean    silu;
  double      mean;        /* of the elements, against a deviation of about 0.6 */
  double      epsilon;     /* 0: 1e-5 */
} Case;

static const Case group_cases[] = {
  { "plain", 2, 8, 9, 64, 0, 32 },
  { "silu", 2, 8, 9, 64, 0, 32, .silu = TRUE },
  { "one-pixel", 1, 1, 1, 64, 0, 32 },
  { "one-group", 1, 7, 5, 24, 0, 1 },
  { "group-per-channel", 1, 7, 5, 24, 0, 24, .silu = TRUE },
  { "odd", 3, 7, 5, 39, 0, 3, .silu = TRUE },
  { "joined", 2, 6, 7, 64, 32, 32, .silu = TRUE },
  { "straddling", 2, 6, 7, 40, 56, 8, .silu = TRUE },
  { "straddling-odd", 1, 6, 7, 17, 28, 5 },
  { "straddling-one", 1, 11, 7, 40, 56, 8, .silu = TRUE },
  { "sd15", 1, 20, 21, 320, 0, 32, .silu = TRUE },
  { "sd15-joined", 2, 8, 8, 1280, 640, 32, .silu = TRUE },
  { "slices", 2, 67, 71, 96, 0, 32, .silu = TRUE },
  { "many-slices", 1, 301, 203, 16, 0, 4 },
  { "far-from-zero", 1, 33, 31, 32, 0, 8, .mean = 100.0 },
  { "epsilon", 1, 9, 9, 32, 0, 8, .epsilon = 0.5 },
};

static const Case layer_cases[] = {
  { "plain", 2, 8, 9, 320 },
  { "one-channel", 1, 3, 3, 1, .epsilon = 0.5 },
  { "odd", 1, 5, 7, 33 },
  { "text", 2, 1, 77, 768 },
  { "large", 1, 40, 41, 1280 },
  { "demo", 1, 16, 16, 20 },
  { "far-from-zero", 1, 5, 5, 640, .mean = 100.0 },
};

static HdNorm
make_norm (HdContext   *context,
           const Case  *test,
           const float *gamma,
           const float *beta)
{
  int    channels = test->channels + test->channels2;
  HdNorm norm = {
    .gamma = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, channels, 1, 1, gamma),
    .beta = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, channels, 1, 1, beta),
    .epsilon = test->epsilon > 0.0 ? test->epsilon : 1e-5, .groups = test->groups
  };

  return norm;
}

static float *
random_new (const Case *test,
            GRand      *rand,
            int         channels,
            HdDtype     dtype)
{
  gsize  n = (gsize) test->batch * test->height * test->width * channels;
  float *values = test_random (rand, n, dtype);

  for (gsize i = 0; i < n; i++)
    values[i] = test_round (values[i] + test->mean, dtype);

  return values;
}

static double
activate (const Case *test,
          double      value)
{
  return test->silu ? value / (1.0 + exp (-value)) : value;
}

static double
read_joined (const Case  *test,
             const float *x,
             const float *x2,
             gsize        pixel,
             int          channel)
{
  return channel < test->channels ? x[pixel * test->channels + channel]
                                  : x2[pixel * test->channels2 + channel - test->channels];
}

/* One group of one image, which begins at @pixel. */
static void
normalise_group (const Case   *test,
                 const HdNorm *norm,
                 const float  *x,
                 const float  *x2,
                 const float  *gamma,
                 const float  *beta,
                 gsize         pixel,
                 int           group,
                 double       *y)
{
  int    channels = test->channels + test->channels2;
  int    size = channels / test->groups;
  gsize  end = pixel + (gsize) test->height * test->width;
  double count = (double) test->height * test->width * size;
  double mean = 0.0;
  double variance = 0.0;

  for (gsize p = pixel; p < end; p++)
    for (int c = group * size; c < (group + 1) * size; c++)
      mean += read_joined (test, x, x2, p, c) / count;
  for (gsize p = pixel; p < end; p++)
    for (int c = group * size; c < (group + 1) * size; c++)
      variance += pow (read_joined (test, x, x2, p, c) - mean, 2.0) / count;
  for (gsize p = pixel; p < end; p++)
    for (int c = group * size; c < (group + 1) * size; c++)
      {
        double value = (read_joined (test, x, x2, p, c) - mean) / sqrt (variance + norm->epsilon);

        y[p * channels + c] = activate (test, value * gamma[c] + beta[c]);
      }
}

/* In bands of @rows rows: moments of each, statistics of all, then each by itself. */
static HdTensor *
normalise_bands (HdContext    *context,
                 HdTensor     *x,
                 HdTensor     *x2,
                 const HdNorm *norm,
                 HdActivation  activation,
                 int           channels,
                 int           rows)
{
  int                  bands = (x->height + rows - 1) / rows;
  g_autoptr (HdTensor) moments = hd_tensor_new (context, HD_DTYPE_F32, 1, bands, 2, channels);
  g_autoptr (HdTensor) statistics = NULL;
  HdTensor            *y = hd_tensor_new (context, x->dtype, 1, x->height, x->width, channels);

  for (int band = 0; band < bands; band++)
    {
      int                  count = MIN (rows, x->height - band * rows);
      g_autoptr (HdTensor) part = hd_tensor_rows (x, band * rows, count);
      g_autoptr (HdTensor) part2 = hd_tensor_rows (x2, band * rows, count);
      g_autoptr (HdTensor) found = hd_channel_moments (context, part, part2);

      hd_copy_rows (context, moments, band, found);
    }
  statistics = hd_group_statistics (context, moments, (gint64) rows * x->width, (gint64) x->height * x->width, norm);
  for (int first = 0; first < x->height; first += rows)
    {
      int                  count = MIN (rows, x->height - first);
      g_autoptr (HdTensor) part = hd_tensor_rows (x, first, count);
      g_autoptr (HdTensor) part2 = hd_tensor_rows (x2, first, count);
      g_autoptr (HdTensor) found = hd_group_norm_by (context, part, part2, statistics, norm, activation);

      hd_copy_rows (context, y, first, found);
    }

  return y;
}

static void
check_bands (HdContext    *context,
             HdTensor     *x,
             HdTensor     *x2,
             const HdNorm *norm,
             HdActivation  activation,
             const double *expected)
{
  const int heights[] = { (x->height + 6) / 7, (x->height + 1) / 2, x->height };

  for (guint i = 0; i < G_N_ELEMENTS (heights); i++)
    {
      g_autoptr (HdTensor) y = normalise_bands (context, x, x2, norm, activation,
                                                x->channels + (x2 != NULL ? x2->channels : 0),
                                                heights[i]);
      g_autofree float    *found = test_tensor_read (context, y);

      test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (x->dtype));
    }
}

static void
run_group_norm (const Case *test,
                HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 32 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (2);
  int                   channels = test->channels + test->channels2;
  gsize                 pixels = (gsize) test->height * test->width;
  g_autofree float     *x = random_new (test, rand, test->channels, dtype);
  g_autofree float     *x2 = test->channels2 > 0 ? random_new (test, rand, test->channels2, dtype) : NULL;
  g_autofree float     *gamma = test_random (rand, channels, HD_DTYPE_F32);
  g_autofree float     *beta = test_random (rand, channels, HD_DTYPE_F32);
  g_autofree double    *expected = g_new (double, test->batch * pixels * channels);
  HdNorm                norm = make_norm (context, test, gamma, beta);

  for (int n = 0; n < test->batch; n++)
    for (int group = 0; group < test->groups; group++)
      normalise_group (test, &norm, x, x2, gamma, beta, n * pixels, group, expected);

  {
    HdActivation         activation = test->silu ? HD_ACTIVATION_SILU : HD_ACTIVATION_NONE;
    g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                               test->channels, x);
    g_autoptr (HdTensor) tx2 = x2 == NULL ? NULL
                               : test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                                  test->channels2, x2);
    g_autoptr (HdTensor) y = hd_group_norm (context, tx, tx2, &norm, activation);
    g_autoptr (HdTensor) again = hd_group_norm (context, tx, tx2, &norm, activation);
    g_autofree float    *found = NULL;
    g_autofree float    *found_again = NULL;
    const HdTensor      *tensors[] = { tx, y, again, tx2, NULL };

    g_assert_nonnull (again);
    found = test_tensor_read (context, y);
    found_again = test_tensor_read (context, again);
    g_assert_cmpmem (found, hd_tensor_elements (y) * sizeof *found, found_again, hd_tensor_elements (y) * sizeof *found);
    test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
    test_assert_guards (context, tensors);
    if (test->batch == 1)
      check_bands (context, tx, tx2, &norm, activation, expected);
  }

  hd_norm_clear (&norm);
  test_assert_finished (context);
}

static void
run_layer_norm (const Case *test,
                HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 32 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (3);
  int                   n = test->channels;
  gsize                 pixels = (gsize) test->batch * test->height * test->width;
  g_autofree float     *x = random_new (test, rand, n, dtype);
  g_autofree float     *gamma = test_random (rand, n, HD_DTYPE_F32);
  g_autofree float     *beta = test_random (rand, n, HD_DTYPE_F32);
  g_autofree double    *expected = g_new (double, pixels * n);
  HdNorm                norm = make_norm (context, test, gamma, beta);

  for (gsize pixel = 0; pixel < pixels; pixel++)
    {
      const float *row = x + pixel * n;
      double       mean = 0.0;
      double       variance = 0.0;

      for (int c = 0; c < n; c++)
        mean += (double) row[c] / n;
      for (int c = 0; c < n; c++)
        variance += pow (row[c] - mean, 2.0) / n;
      for (int c = 0; c < n; c++)
        expected[pixel * n + c] = (row[c] - mean) / sqrt (variance + norm.epsilon) * gamma[c] + beta[c];
    }

  {
    g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, test->batch, test->height, test->width, n, x);
    g_autoptr (HdTensor) y = hd_layer_norm (context, tx, &norm);
    g_autofree float    *found = test_tensor_read (context, y);
    const HdTensor      *tensors[] = { tx, y, NULL };

    test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
    test_assert_guards (context, tensors);
  }

  hd_norm_clear (&norm);
  test_assert_finished (context);
}

static void
test_group_f32 (gconstpointer data)
{
  run_group_norm (data, HD_DTYPE_F32);
}

static void
test_group_16 (gconstpointer data)
{
  if (!test_skip_dtype (TEST_DTYPE_16))
    run_group_norm (data, TEST_DTYPE_16);
}

static void
test_layer_f32 (gconstpointer data)
{
  run_layer_norm (data, HD_DTYPE_F32);
}

static void
test_layer_16 (gconstpointer data)
{
  if (!test_skip_dtype (TEST_DTYPE_16))
    run_layer_norm (data, TEST_DTYPE_16);
}

#ifndef TEST_CUDA
/* The division into slices must not depend on the number of threads. */
static void
test_same_bits (void)
{
  const Case            test = { "", 1, 67, 71, 96, 0, 32, .silu = TRUE };
  g_autoptr (GRand)     rand = g_rand_new_with_seed (4);
  g_autofree float     *x = random_new (&test, rand, test.channels, HD_DTYPE_F32);
  g_autofree float     *parameters = test_random (rand, test.channels, HD_DTYPE_F32);
  g_autofree float     *first = NULL;

  for (int threads = 1; threads <= 4; threads++)
    {
      g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 8 << 20);
      HdNorm                norm = make_norm (context, &test, parameters, parameters);
      g_autofree float     *found = NULL;

      ((HdCpuContext *) context)->threads = threads;
      {
        g_autoptr (HdTensor) tx = test_tensor_new (context, HD_DTYPE_F32, 1, test.height, test.width, test.channels, x);
        g_autoptr (HdTensor) y = hd_group_norm (context, tx, NULL, &norm, HD_ACTIVATION_SILU);

        found = test_tensor_read (context, y);
        if (first != NULL)
          g_assert_cmpmem (found, hd_tensor_elements (y) * sizeof (float),
                           first, hd_tensor_elements (y) * sizeof (float));
      }
      hd_norm_clear (&norm);
      test_assert_finished (context);
      g_free (first);
      first = g_steal_pointer (&found);
    }
}

#endif

static void
test_not_finite (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 20);
  const Case            test = { "", 1, 5, 5, 32, 0, 4 };
  g_autoptr (GRand)     rand = g_rand_new_with_seed (5);
  g_autofree float     *parameters = test_random (rand, test.channels, HD_DTYPE_F32);
  HdNorm                norm = make_norm (context, &test, parameters, parameters);

  for (int place = 0; place < 25 * 32; place += 111)
    {
      g_autofree float    *rows = test_random (rand, 25 * 32, HD_DTYPE_F32);
      g_autofree float    *group_found = NULL;
      g_autofree float    *layer_found = NULL;
      g_autoptr (HdTensor) x = NULL;
      g_autoptr (HdTensor) group = NULL;
      g_autoptr (HdTensor) layer = NULL;

      rows[place] = NAN;
      x = test_tensor_new (context, HD_DTYPE_F32, 1, 5, 5, 32, rows);
      group = hd_group_norm (context, x, NULL, &norm, HD_ACTIVATION_SILU);
      layer = hd_layer_norm (context, x, &norm);
      group_found = test_tensor_read (context, group);
      layer_found = test_tensor_read (context, layer);
      for (int pixel = 0; pixel < 25; pixel++)
        g_assert_true (isnan (group_found[pixel * 32 + place % 32]));
      g_assert_true (isnan (layer_found[place]));
    }

  hd_norm_clear (&norm);
  test_assert_finished (context);
}

static void
test_cancel (void)
{
  g_autoptr (HdContext)    context = test_context_new (HD_DTYPE_F32, 8 << 20);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const Case               test = { "", 1, 64, 64, 64, 0, 32 };
  g_autoptr (GRand)        rand = g_rand_new_with_seed (6);
  g_autofree float        *parameters = test_random (rand, test.channels, HD_DTYPE_F32);
  HdNorm                   norm = make_norm (context, &test, parameters, parameters);

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError)   error = NULL;
      g_autoptr (HdTensor) x = hd_tensor_new (context, HD_DTYPE_F32, 1, 64, 64, 64);
      g_autoptr (HdTensor) y = hd_tensor_new (context, HD_DTYPE_F32, 1, 64, 64, 64);

      g_cancellable_cancel (cancellable);
      hd_context_set_cancellable (context, cancellable);
      if (i == 0)
        g_assert_false (context->backend->group_norm (context, y, x, NULL, NULL, &norm, HD_ACTIVATION_SILU, &error));
      else
        g_assert_false (context->backend->layer_norm (context, y, x, &norm, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      hd_context_set_cancellable (context, NULL);
    }

  hd_norm_clear (&norm);
  test_assert_finished (context);
}

static void
add (const char    *prefix,
     const Case    *test,
     GTestDataFunc  func)
{
  g_autofree char *path = g_strconcat (prefix, test->name, NULL);

  g_test_add_data_func (path, test, func);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (group_cases); i++)
    {
      add ("/norm/group/f32/", &group_cases[i], test_group_f32);
      add ("/norm/group/16/", &group_cases[i], test_group_16);
    }
  for (guint i = 0; i < G_N_ELEMENTS (layer_cases); i++)
    {
      add ("/norm/layer/f32/", &layer_cases[i], test_layer_f32);
      add ("/norm/layer/16/", &layer_cases[i], test_layer_16);
    }
#ifndef TEST_CUDA
  g_test_add_func ("/norm/same-bits", test_same_bits);
#endif
  g_test_add_func ("/norm/not-finite", test_not_finite);
  g_test_add_func ("/norm/cancel", test_cancel);

  return g_test_run ();
}
