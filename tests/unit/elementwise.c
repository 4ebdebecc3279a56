/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/combine.h"

/* Activations, sums, embeddings and transfers against loops in double. */

static const int sizes[][4] = {
  { 1, 1, 1, 1 }, { 2, 3, 5, 7 }, { 1, 16, 16, 320 }, { 1, 200, 201, 5 }, { 3, 1, 77, 64 },
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
      return 0.5 * x * erfc (-x / G_SQRT2);
    case HD_ACTIVATION_QUICK_GELU:
      return x / (1.0 + exp (-1.702 * x));
    default:
      return x;
    }
}

/* @scale: of the second summand; 0: no sum, but @activation. */
static void
run_elementwise (const int   *size,
                 HdDtype      dtype,
                 double       scale,
                 HdActivation activation)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 4 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (8);
  gsize                 n = (gsize) size[0] * size[1] * size[2] * size[3];
  g_autofree float     *a = test_random (rand, n, dtype);
  g_autofree float     *b = test_random (rand, n, dtype);
  g_autofree double    *expected = g_new (double, n);

  for (gsize i = 0; i < n; i++)
    {
      a[i] = test_round (a[i] * 6.0f, dtype);
      expected[i] = scale != 0.0 ? a[i] + (double) (float) scale * b[i] : activate (activation, a[i]);
    }

  {
    g_autoptr (HdTensor) ta = test_tensor_new (context, dtype, size[0], size[1], size[2], size[3], a);
    g_autoptr (HdTensor) tb = test_tensor_new (context, dtype, size[0], size[1], size[2], size[3], b);
    g_autoptr (HdTensor) y = scale == 0.0 ? hd_activate (context, ta, activation)
                             : scale == 1.0 ? hd_add (context, ta, tb) : hd_add_scaled (context, ta, tb, scale);
    g_autofree float    *found = test_tensor_read (context, y);
    const HdTensor      *tensors[] = { ta, tb, y, NULL };

    test_assert_error (test_relative_error (found, expected, n), test_limit (dtype));
    test_assert_guards (context, tensors);
  }

  test_assert_finished (context);
}

static void
test_activations (gconstpointer data)
{
  if (test_skip_dtype (GPOINTER_TO_INT (data)))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (int activation = HD_ACTIVATION_NONE; activation < HD_ACTIVATION_GEGLU; activation++)
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), 0.0, activation);
}

static void
test_add (gconstpointer data)
{
  if (test_skip_dtype (GPOINTER_TO_INT (data)))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), 1.0, HD_ACTIVATION_NONE);
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), -0.7, HD_ACTIVATION_NONE);
    }
}

static void
test_combine (gconstpointer data)
{
  HdDtype dtype = GPOINTER_TO_INT (data);

  if (test_skip_dtype (dtype))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    test_combine_on (test_context_new, dtype, sizes[i]);
}

/* Every float32 activation at single points, tails and special values included: the relative error of each. */
static void
test_points (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 20);
  enum { N = 4096 };
  float                 x[N];
  const float           special[] = { NAN, INFINITY, 1e30f, -1e30f, 0.0f };

  for (int i = 0; i < N; i++)
    x[i] = (i - N / 2) * (24.0f / N);

  for (int activation = HD_ACTIVATION_SILU; activation < HD_ACTIVATION_GEGLU; activation++)
    {
      g_autoptr (HdTensor) tx = test_tensor_new (context, HD_DTYPE_F32, 1, 1, N, 1, x);
      g_autoptr (HdTensor) y = hd_activate (context, tx, activation);
      g_autoptr (HdTensor) ts = test_tensor_new (context, HD_DTYPE_F32, 1, 1, G_N_ELEMENTS (special), 1, special);
      g_autoptr (HdTensor) s = hd_activate (context, ts, activation);
      g_autofree float    *found = test_tensor_read (context, y);
      g_autofree float    *limits = test_tensor_read (context, s);

      for (int i = 0; i < N; i++)
        {
          double expected = activate (activation, x[i]);

          if (fabs (expected) > 1e-30)
            test_assert_error (fabs (found[i] / expected - 1.0), 1e-5);
          else
            test_assert_error (fabs (found[i] - expected), 1e-30);
        }
      g_assert_true (isnan (limits[0]));
      g_assert_true (limits[1] == INFINITY);
      g_assert_true (limits[2] == 1e30f);
      test_assert_error (fabs (limits[3]), 1e-6);
      g_assert_true (limits[4] == 0.0f);
    }

  test_assert_finished (context);
}

static void
test_transfer (gconstpointer data)
{
  HdDtype dtype = GPOINTER_TO_INT (data);

  if (test_skip_dtype (dtype))
    return;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const int            *size = sizes[i];
      g_autoptr (HdContext) context = test_context_new (dtype, 1 << 20);
      g_autoptr (GRand)     rand = g_rand_new_with_seed (9);
      gsize                 n = (gsize) size[0] * size[1] * size[2] * size[3];
      g_autofree float     *planes = test_random (rand, n, dtype);
      g_autofree float     *back = g_new (float, n + 2);
      g_autofree float     *rows = NULL;

      {
        g_autoptr (HdTensor) x = hd_upload (context, dtype, size[0], size[1], size[2], size[3], planes);
        const HdTensor      *tensors[] = { x, NULL };

        rows = test_tensor_read (context, x);
        for (gsize j = 0; j < n; j++)
          {
            gsize channel = j % size[3];
            gsize pixel = j / size[3] % (size[1] * size[2]);
            gsize image = j / size[3] / (size[1] * size[2]);

            g_assert_true (rows[j] == planes[(image * size[3] + channel) * size[1] * size[2] + pixel]);
          }

        back[0] = back[n + 1] = 12345.0f;
        hd_download (context, x, back + 1);
        g_assert_cmpmem (back + 1, n * sizeof (float), planes, n * sizeof (float));
        g_assert_true (back[0] == 12345.0f && back[n + 1] == 12345.0f);
        test_assert_guards (context, tensors);
      }

      test_assert_finished (context);
    }
}

/* What does not fit is rounded to the nearest, ties to even. */
static void
test_rounding (void)
{
  const float           values[] = { 1.0f, 1.00390625f, 1.01171875f, -1.005f, 3.4e38f, 1e-40f, INFINITY, 0.0f };
  const float           rounded[] = { 1.0f, 1.0f, 1.015625f, -1.0078125f, INFINITY, 0x1p-133f, INFINITY, 0.0f };
  g_autoptr (HdContext) context = NULL;
  g_autoptr (HdTensor)  x = NULL;
  float                 found[8];

  if (test_skip_dtype (HD_DTYPE_BF16))
    return;

  context = test_context_new (HD_DTYPE_BF16, 1 << 16);
  x = hd_upload (context, HD_DTYPE_BF16, 1, 2, 2, 2, values);
  hd_download (context, x, found);
  for (int i = 0; i < 8; i++)
    g_assert_true (found[i] == rounded[i]);

  g_clear_pointer (&x, hd_tensor_unref);
  test_assert_finished (context);
}

static void
run_embed (HdDtype dtype,
           HdDtype stored)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 1 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (10);
  enum { ROWS = 50, CHANNELS = 37, LENGTH = 13, BATCH = 2 };
  g_autofree float     *table = test_random (rand, ROWS * CHANNELS, HD_DTYPE_BF16);
  g_autofree float     *places = test_random (rand, (LENGTH + 3) * CHANNELS, HD_DTYPE_BF16);
  HdWeight             *tokens = test_weight_new (context, HD_WEIGHT_TABLE, dtype, stored, ROWS, CHANNELS, 1, table);
  HdWeight             *positions = test_weight_new (context, HD_WEIGHT_TABLE, dtype, stored, LENGTH + 3, CHANNELS, 1,
                                                     places);
  gint32                ids[BATCH * LENGTH];
  double                expected[BATCH * LENGTH * CHANNELS];

  for (int i = 0; i < BATCH * LENGTH; i++)
    {
      ids[i] = i == 0 ? ROWS - 1 : i == 1 ? 0 : g_rand_int_range (rand, 0, ROWS);
      for (int c = 0; c < CHANNELS; c++)
        expected[i * CHANNELS + c] = (double) table[ids[i] * CHANNELS + c] + places[i % LENGTH * CHANNELS + c];
    }

  {
    g_autoptr (HdTensor) y = hd_embed_tokens (context, tokens, positions, ids, BATCH, LENGTH);
    g_autofree float    *found = test_tensor_read (context, y);
    const HdTensor      *tensors[] = { y, NULL };

    g_assert_cmpint (y->width, ==, LENGTH);
    test_assert_error (test_relative_error (found, expected, BATCH * LENGTH * CHANNELS), test_limit (dtype));
    test_assert_guards (context, tensors);
  }

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      ids[5] = i == 0 ? ROWS : -1;
      g_assert_null (hd_embed_tokens (context, tokens, positions, ids, BATCH, LENGTH));
      g_assert_false (hd_context_check (context, &error));
      g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE);
    }

  hd_weight_unref (tokens);
  hd_weight_unref (positions);
  test_assert_finished (context);
}

static void
test_embed (gconstpointer data)
{
  if (test_skip_dtype (GPOINTER_TO_INT (data)))
    return;

  for (int stored = HD_DTYPE_F32; stored <= HD_DTYPE_BF16; stored++)
    run_embed (GPOINTER_TO_INT (data), stored);
}

static void
test_cancel (void)
{
  g_autoptr (HdContext)    context = test_context_new (HD_DTYPE_F32, 1 << 20);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree float        *values = g_new0 (float, 64 * 64);
  g_autoptr (HdTensor)     x = hd_tensor_new (context, HD_DTYPE_F32, 1, 8, 8, 64);
  g_autoptr (HdTensor)     y = hd_tensor_new (context, HD_DTYPE_F32, 1, 8, 8, 64);
  const HdBackend         *backend = context->backend;

  g_cancellable_cancel (cancellable);
  hd_context_set_cancellable (context, cancellable);
  for (int i = 0; i < 4; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (i == 0 ? backend->add (context, y, x, x, 1.0f, &error)
                      : i == 1 ? backend->activate (context, y, x, HD_ACTIVATION_GELU, &error)
                      : i == 2 ? backend->upload (context, y, values, NULL, &error)
                      : backend->download (context, x, NULL, values, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  hd_context_set_cancellable (context, NULL);

  g_clear_pointer (&x, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  test_assert_finished (context);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/elementwise/f32/activations", GINT_TO_POINTER (HD_DTYPE_F32), test_activations);
  g_test_add_data_func ("/elementwise/bf16/activations", GINT_TO_POINTER (HD_DTYPE_BF16), test_activations);
  g_test_add_data_func ("/elementwise/f32/add", GINT_TO_POINTER (HD_DTYPE_F32), test_add);
  g_test_add_data_func ("/elementwise/bf16/add", GINT_TO_POINTER (HD_DTYPE_BF16), test_add);
  g_test_add_data_func ("/elementwise/f32/combine", GINT_TO_POINTER (HD_DTYPE_F32), test_combine);
  g_test_add_data_func ("/elementwise/bf16/combine", GINT_TO_POINTER (HD_DTYPE_BF16), test_combine);
  g_test_add_data_func ("/elementwise/f32/transfer", GINT_TO_POINTER (HD_DTYPE_F32), test_transfer);
  g_test_add_data_func ("/elementwise/bf16/transfer", GINT_TO_POINTER (HD_DTYPE_BF16), test_transfer);
  g_test_add_func ("/elementwise/points", test_points);
  g_test_add_func ("/elementwise/rounding", test_rounding);
  g_test_add_data_func ("/elementwise/f32/embed", GINT_TO_POINTER (HD_DTYPE_F32), test_embed);
  g_test_add_data_func ("/elementwise/bf16/embed", GINT_TO_POINTER (HD_DTYPE_BF16), test_embed);
  g_test_add_func ("/elementwise/cancel", test_cancel);

  return g_test_run ();
}
