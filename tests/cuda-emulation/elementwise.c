/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/unit/combine.h"

/* Activations and sums against double; transfers there and back. */

static const int sizes[][4] = {
  { 1, 1, 1, 1 }, { 2, 3, 5, 7 }, { 1, 8, 16, 320 }, { 1, 100, 101, 5 }, { 3, 1, 77, 64 },
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

/* |found - expected| / |a|: GELU of a single number that is far below zero is all rounding of 1 + erf. */
static double
measure_error (const float  *found,
               const double *expected,
               const float  *a,
               gsize         n)
{
  double error = 0.0;
  double norm = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      error += (found[i] - expected[i]) * (found[i] - expected[i]);
      norm += a[i] * a[i];
    }

  return sqrt (error / norm);
}

/* @scale: of the second summand; 0: no sum, but @activation. */
static void
run_elementwise (const int   *size,
                 HdDtype      dtype,
                 double       scale,
                 HdActivation activation)
{
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 4 << 20);
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
                             : hd_add_scaled (context, ta, tb, scale);
    g_autofree float    *found = test_tensor_read (context, y);
    const HdTensor      *tensors[] = { ta, tb, y, NULL };

    test_assert_error (measure_error (found, expected, a, n), test_cuda_limit (dtype));
    test_assert_guards (context, tensors);
  }

  test_assert_finished (context);
}

static void
test_activations (gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (int activation = HD_ACTIVATION_NONE; activation < HD_ACTIVATION_GEGLU; activation++)
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), 0.0, activation);

  test_cuda_assert_released ();
}

static void
test_add (gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), 1.0, HD_ACTIVATION_NONE);
      run_elementwise (sizes[i], GPOINTER_TO_INT (data), -0.37, HD_ACTIVATION_NONE);
    }

  test_cuda_assert_released ();
}

static void
test_combine (gconstpointer data)
{
  HdDtype dtype = GPOINTER_TO_INT (data);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    test_combine_on (test_cuda_context_new, dtype, sizes[i]);

  test_cuda_assert_released ();
}

/* A view of an image that begins in the middle of 16 bytes. */
static void
test_unaligned_view (gconstpointer data)
{
  HdDtype               dtype = GPOINTER_TO_INT (data);
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 1 << 16);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (9);
  g_autofree float     *values = test_random (rand, 2 * 63, dtype);

  {
    g_autoptr (HdTensor) x = test_tensor_new (context, dtype, 2, 7, 3, 3, values);
    g_autoptr (HdTensor) second = hd_tensor_images (x, 1, 1);
    g_autoptr (HdTensor) y = hd_add_scaled (context, second, second, 1.0);
    g_autofree float    *found = test_tensor_read (context, y);

    for (int i = 0; i < 63; i++)
      g_assert_cmpfloat (found[i], ==, 2.0f * values[63 + i]);
  }

  test_assert_finished (context);
}

/* Planes there, rows back, and the other way round; more than one staging buffer holds. */
static void
test_transfers (gconstpointer data)
{
  const int             large[4] = { 2, 1100, 1000, 3 };
  HdDtype               dtype = GPOINTER_TO_INT (data);
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 64 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (10);

  for (guint i = 0; i <= G_N_ELEMENTS (sizes); i++)
    {
      const int           *size = i < G_N_ELEMENTS (sizes) ? sizes[i] : large;
      gsize                pixels = (gsize) size[1] * size[2];
      gsize                n = size[0] * pixels * size[3];
      g_autofree float    *planes = test_random (rand, n, dtype);
      g_autofree float    *back = g_new (float, n);
      g_autoptr (HdTensor) x = hd_upload (context, dtype, size[0], size[1], size[2], size[3], planes);
      g_autofree float    *rows = test_tensor_read (context, x);
      g_autoptr (HdTensor) y = test_tensor_new (context, dtype, size[0], size[1], size[2], size[3], rows);

      for (gsize j = 0; j < n; j++)
        {
          gsize image = j / (pixels * size[3]);
          gsize channel = j / pixels % size[3];

          if (rows[(image * pixels + j % pixels) * size[3] + channel] != planes[j])
            g_error ("Element %" G_GSIZE_FORMAT " is in the wrong place", j);
        }

      hd_download (context, y, back);
      g_assert_cmpmem (back, n * sizeof *back, planes, n * sizeof *planes);
    }

  test_assert_finished (context);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  TEST_CUDA_DTYPES ("/cuda/activations", test_activations);
  TEST_CUDA_DTYPES ("/cuda/add", test_add);
  TEST_CUDA_DTYPES ("/cuda/combine", test_combine);
  TEST_CUDA_DTYPES ("/cuda/unaligned-view", test_unaligned_view);
  TEST_CUDA_DTYPES ("/cuda/transfers", test_transfers);

  return g_test_run ();
}
