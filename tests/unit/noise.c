/* SPDX-License-Identifier: Apache-2.0 */

/* The noise source against numbers of PyTorch's CUDA generator, and its statistics. */

#include "engine/noise.h"

#include <math.h>

#define LIMIT 1e-5

static void
check_beginning (guint64       seed,
                 guint32       draw,
                 const double *expected,
                 gsize         count)
{
  g_autofree float *values = g_new (float, count);

  hd_noise_fill (seed, draw, values, count);
  for (gsize i = 0; i < count; i++)
    g_assert_true (fabs (values[i] - expected[i]) <= LIMIT);
}

static void
test_pytorch (void)
{
  static const double zero[] = { -0.92466, -0.42534, -2.64385, 0.14518, -0.12087 };
  static const double fourth[] = { 0.23844, 2.26634, -0.62291, 0.49091 };

  check_beginning (0, 0, zero, G_N_ELEMENTS (zero));
  check_beginning (1234567890, 3, fourth, G_N_ELEMENTS (fourth));
}

/* A number depends on its place alone, not on how many are asked for. */
static void
test_prefix (void)
{
  float few[3];
  float many[1000];

  hd_noise_fill (7, 2, few, G_N_ELEMENTS (few));
  hd_noise_fill (7, 2, many, G_N_ELEMENTS (many));
  for (gsize i = 0; i < G_N_ELEMENTS (few); i++)
    g_assert_true (few[i] == many[i]);
}

/* Mean 0, variance 1, fourth moment 3, each within six standard errors. */
static void
test_moments (void)
{
  const gsize       n = 200000;
  g_autofree float *values = g_new (float, n);
  double            sums[4] = { 0 };

  hd_noise_fill (2147483647, 0, values, n);
  for (gsize i = 0; i < n; i++)
    {
      double power = 1.0;

      for (int k = 0; k < 4; k++)
        sums[k] += power *= values[i];
    }

  g_assert_true (fabs (sums[0] / n) <= 6.0 * sqrt (1.0 / n));
  g_assert_true (fabs (sums[1] / n - 1.0) <= 6.0 * sqrt (2.0 / n));
  g_assert_true (fabs (sums[2] / n) <= 6.0 * sqrt (15.0 / n));
  g_assert_true (fabs (sums[3] / n - 3.0) <= 6.0 * sqrt (96.0 / n));
}

static double
correlation (const float *a,
             const float *b,
             gsize        n)
{
  double sum = 0.0;

  for (gsize i = 0; i < n; i++)
    sum += (double) a[i] * b[i];

  return sum / n;
}

/* Other seeds, in either half of the key, and other draws have nothing in common. */
static void
test_independence (void)
{
  static const struct
  {
    guint64 seed;
    guint32 draw;
  } streams[] = { { 5, 0 }, { 6, 0 }, { 5, 1 }, { 5, G_MAXUINT32 }, { 5 + (G_GUINT64_CONSTANT (1) << 32), 0 } };
  const gsize n = 50000;
  float      *values[G_N_ELEMENTS (streams)];

  for (gsize i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      values[i] = g_new (float, n);
      hd_noise_fill (streams[i].seed, streams[i].draw, values[i], n);
      for (gsize j = 0; j < i; j++)
        g_assert_true (fabs (correlation (values[i], values[j], n)) <= 6.0 / sqrt (n));
    }

  for (gsize i = 0; i < G_N_ELEMENTS (streams); i++)
    g_free (values[i]);
}

/* Four shifts with equal odds, the same for the same seed and call, others for other seeds. */
static void
test_shifts (void)
{
  const int n = 40000;
  int       counts[4] = { 0 };
  int       same = 0;

  for (int call = 0; call < n; call++)
    {
      int shift = hd_noise_shift (11, call);

      g_assert_cmpint (shift, >=, 0);
      g_assert_cmpint (shift, <, 4);
      g_assert_cmpint (shift, ==, hd_noise_shift (11, call));
      counts[shift]++;
      same += shift == hd_noise_shift (12, call);
    }

  for (int i = 0; i < 4; i++)
    g_assert_true (fabs (counts[i] - n / 4.0) <= 6.0 * sqrt (n * 3.0 / 16.0));
  g_assert_true (fabs (same - n / 4.0) <= 6.0 * sqrt (n * 3.0 / 16.0));
}

/* Shifts are no part of the noise: of a draw of the same number, a shift of 3 from the same words would mean a first
 * value below 0.76. */
static void
test_streams (void)
{
  int large = 0;

  for (guint32 draw = 0; draw < 1000; draw++)
    {
      float first;

      hd_noise_fill (11, draw, &first, 1);
      large += hd_noise_shift (11, draw) == 3 && fabsf (first) > 0.76f;
    }

  g_assert_cmpint (large, >, 50);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/noise/pytorch", test_pytorch);
  g_test_add_func ("/noise/prefix", test_prefix);
  g_test_add_func ("/noise/moments", test_moments);
  g_test_add_func ("/noise/independence", test_independence);
  g_test_add_func ("/noise/shifts", test_shifts);
  g_test_add_func ("/noise/streams", test_streams);

  return g_test_run ();
}
