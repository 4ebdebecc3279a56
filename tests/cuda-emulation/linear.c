/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend.h"

/* The CUDA device's linear layers against loops in double. */

typedef struct
{
  const char  *name;
  int          batch, height, width, in_channels, in2_channels, out_channels;
  gboolean     bias;
  HdActivation activation;
  gboolean     residual;
} Case;

static const Case cases[] = {
  { "plain", 1, 1, 77, 64, 0, 96, TRUE },
  { "no-bias", 2, 5, 7, 48, 0, 80, FALSE },
  { "one-row", 1, 1, 1, 320, 0, 40, TRUE, HD_ACTIVATION_SILU },
  { "one-element", 1, 1, 1, 1, 0, 1, TRUE },
  { "odd", 1, 3, 5, 33, 0, 17, TRUE, HD_ACTIVATION_NONE, TRUE },
  { "eight", 1, 3, 3, 8, 0, 8, TRUE },
  { "gelu", 1, 9, 7, 40, 0, 72, TRUE, HD_ACTIVATION_GELU },
  { "quick-gelu", 1, 1, 77, 48, 0, 56, TRUE, HD_ACTIVATION_QUICK_GELU },
  { "gelu-residual", 1, 8, 9, 32, 0, 24, TRUE, HD_ACTIVATION_GELU, TRUE },
  { "residual", 2, 8, 8, 64, 0, 64, TRUE, HD_ACTIVATION_NONE, TRUE },
  { "geglu", 1, 8, 9, 64, 0, 256, TRUE, HD_ACTIVATION_GEGLU },
  { "geglu-residual", 1, 5, 5, 40, 0, 80, TRUE, HD_ACTIVATION_GEGLU, TRUE },
  { "geglu-no-bias", 2, 4, 4, 16, 0, 144, FALSE, HD_ACTIVATION_GEGLU },
  { "geglu-odd", 1, 4, 4, 20, 0, 30, TRUE, HD_ACTIVATION_GEGLU },
  { "geglu-wide", 1, 15, 10, 32, 0, 544, TRUE, HD_ACTIVATION_GEGLU },
  { "two-inputs", 1, 6, 7, 64, 32, 48, TRUE },
  { "two-inputs-off", 2, 3, 4, 40, 24, 32, TRUE, HD_ACTIVATION_NONE, TRUE },
  { "two-inputs-odd", 1, 4, 5, 33, 13, 20, TRUE },
  { "two-inputs-second-odd", 1, 4, 5, 16, 7, 20, FALSE, HD_ACTIVATION_SILU },
  { "wide-tiles", 1, 17, 16, 72, 0, 264, TRUE, HD_ACTIVATION_NONE, TRUE },
  { "huge-tiles", 1, 17, 30, 72, 0, 128, TRUE, HD_ACTIVATION_NONE, TRUE },
  { "geglu-huge", 1, 16, 32, 40, 0, 256, TRUE, HD_ACTIVATION_GEGLU, TRUE },
  { "tall-tiles", 2, 16, 17, 48, 0, 64, TRUE },
  { "deep", 1, 4, 5, 2080, 0, 40, TRUE, HD_ACTIVATION_SILU, TRUE },
  { "deep-odd", 1, 4, 5, 1000, 600, 37, TRUE },
};

static double
activate (HdActivation activation,
          double       x)
{
  switch (activation)
    {
    case HD_ACTIVATION_SILU:
      return x / (1.0 + exp (-x));
    case HD_ACTIVATION_GELU:
    case HD_ACTIVATION_GEGLU:
      return 0.5 * x * erfc (-x / G_SQRT2);
    case HD_ACTIVATION_QUICK_GELU:
      return x / (1.0 + exp (-1.702 * x));
    default:
      return x;
    }
}

/* Row @row of the product with row @o of the weight, and the bias. */
static double
product (const Case  *test,
         const float *x,
         const float *x2,
         const float *weight,
         const float *bias,
         gsize        row,
         int          o)
{
  const int    depth = test->in_channels + test->in2_channels;
  const float *w = weight + (gsize) o * depth;
  double       sum = test->bias ? bias[o] : 0.0;

  for (int c = 0; c < test->in_channels; c++)
    sum += (double) x[row * test->in_channels + c] * w[c];
  for (int c = 0; c < test->in2_channels; c++)
    sum += (double) x2[row * test->in2_channels + c] * w[test->in_channels + c];

  return sum;
}

static void
run_case (const Case *test,
          HdDtype     dtype,
          int         processors)
{
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 4 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (g_str_hash (test->name));
  const gsize           rows = (gsize) test->batch * test->height * test->width;
  const int             depth = test->in_channels + test->in2_channels;
  const gboolean        gated = test->activation == HD_ACTIVATION_GEGLU;
  const int             channels = gated ? test->out_channels / 2 : test->out_channels;
  g_autofree float     *x = test_random (rand, rows * test->in_channels, dtype);
  g_autofree float     *x2 = test_random (rand, rows * test->in2_channels + 1, dtype);
  g_autofree float     *weight = test_random (rand, (gsize) test->out_channels * depth, dtype);
  g_autofree float     *bias = test_random (rand, test->out_channels, HD_DTYPE_F32);
  g_autofree float     *residual = test_random (rand, rows * channels, dtype);
  g_autofree double    *expected = g_new (double, rows * channels);
  HdLinear              linear = { 0 };
  HdLinearOptions       options = { .activation = test->activation };

  test_cuda_pretend (context, processors, 0.0);

  for (gsize row = 0; row < rows; row++)
    for (int c = 0; c < channels; c++)
      {
        double value = product (test, x, x2, weight, bias, row, c);

        if (gated)
          value *= activate (HD_ACTIVATION_GEGLU, product (test, x, x2, weight, bias, row, channels + c));
        else
          value = activate (test->activation, value);
        expected[row * channels + c] = value + (test->residual ? residual[row * channels + c] : 0.0);
      }

  linear.weight = test_weight_new (context, HD_WEIGHT_LINEAR, dtype, dtype, test->out_channels, depth, 1, weight);
  if (test->bias)
    linear.bias = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, test->out_channels, 1, 1,
                                   bias);
  {
    g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                               test->in_channels, x);
    g_autoptr (HdTensor) tx2 = NULL;
    g_autoptr (HdTensor) tr = test_tensor_new (context, dtype, test->batch, test->height, test->width, channels,
                                               residual);
    g_autoptr (HdTensor) y = NULL;
    g_autofree float    *found = NULL;

    if (test->in2_channels > 0)
      options.x2 = tx2 = test_tensor_new (context, dtype, test->batch, test->height, test->width, test->in2_channels,
                                          x2);
    if (test->residual)
      options.residual = tr;
    y = hd_linear (context, tx, &linear, &options);
    g_assert_nonnull (y);
    found = test_tensor_read (context, y);
    g_test_message ("%s: error %g", test->name, test_relative_error (found, expected, rows * channels));
    test_assert_error (test_relative_error (found, expected, rows * channels), test_cuda_limit (dtype));

    {
      const HdTensor *tensors[] = { tx, tr, y, tx2, NULL };

      test_assert_guards (context, tensors);
    }
  }

  hd_linear_clear (&linear);
  test_assert_finished (context);
}

static void
test_linear (gconstpointer data)
{
  const Case *test = data;

  run_case (test, HD_DTYPE_F16, 0);
  run_case (test, HD_DTYPE_BF16, 0);
  test_cuda_assert_released ();
}

/* All shapes of tiles, and depths that blocks share, come from cards with few and many processors. */
static void
test_processors (void)
{
  const char *const names[] = { "geglu-wide", "geglu-huge", "wide-tiles", "huge-tiles", "tall-tiles", "deep", "deep-odd", "two-inputs-off", NULL };
  const int         processors[] = { 1, 6, 24, 200 };
  int               met[4] = { 0 };
  int               most_parts = 0;

  if (test_cuda_skip_on_gpu ())
    return;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (g_strv_contains (names, cases[i].name))
      for (guint j = 0; j < G_N_ELEMENTS (processors); j++)
        {
          const Case           *test = &cases[i];
          g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 20);
          gboolean              gated = test->activation == HD_ACTIVATION_GEGLU;
          int                   parts;

          run_case (test, HD_DTYPE_F16, processors[j]);
          test_cuda_pretend (context, processors[j], 0.0);
          met[test_cuda_plan (context, test->batch * test->height * test->width, test->out_channels,
                              test->in_channels + test->in2_channels, gated, &parts)]++;
          g_assert_true (parts == 1 || !gated);
          most_parts = MAX (most_parts, parts);
        }

  for (guint i = 0; i < G_N_ELEMENTS (met); i++)
    g_assert_cmpint (met[i], >, 0);
  g_assert_cmpint (most_parts, >, 3);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cuda/linear/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_linear);
    }
  g_test_add_func ("/cuda/linear/processors", test_processors);

  return g_test_run ();
}
