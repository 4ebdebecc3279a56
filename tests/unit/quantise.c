/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/quantise.h"
#include "tests/unit/tensors.h"

/* Weights in 8 bits on the CPU: an operator computes with them what it computes with weights in full that have the same
 * numbers, bit for bit. */

#define SIDE 12

typedef struct
{
  const char  *name;
  int          in, out, kernel;
  HdActivation activation;   /* of a linear layer */
  int          stride;       /* of a convolution */
  int          factor;       /* by which the map is enlarged first */
  HdCpuChoice  winograd;
} Case;

static const Case cases[] = {
  { "linear", 48, 40, 1 },
  { "linear-odd", 33, 17, 1, HD_ACTIVATION_SILU },
  { "linear-geglu", 40, 128, 1, HD_ACTIVATION_GEGLU },
  { "conv", 24, 32, 3, HD_ACTIVATION_NONE, 1, 1, HD_CPU_CHOICE_NEVER },
  { "conv-winograd", 32, 48, 3, HD_ACTIVATION_NONE, 1, 1, HD_CPU_CHOICE_ALWAYS },
  { "conv-stride", 20, 12, 3, HD_ACTIVATION_NONE, 2, 1, HD_CPU_CHOICE_FASTER },
  { "conv-enlarged", 24, 24, 3, HD_ACTIVATION_NONE, 1, 2, HD_CPU_CHOICE_NEVER },
  { "conv-enlarged-winograd", 32, 32, 3, HD_ACTIVATION_NONE, 1, 2, HD_CPU_CHOICE_ALWAYS },
  { "conv-enlarged-much", 16, 16, 3, HD_ACTIVATION_NONE, 1, 3, HD_CPU_CHOICE_NEVER },
};

/* The numbers that 8 bits leave. */
static float *
quantise (const Case  *test,
          const float *values)
{
  const int row = test->in * test->kernel * test->kernel;
  float    *left = g_new (float, (gsize) test->out * row);

  for (int o = 0; o < test->out; o++)
    {
      const float *from = values + (gsize) o * row;
      float        largest = 0.0f;
      double       error = 0.0;

      for (int i = 0; i < row; i++)
        largest = MAX (largest, fabsf (from[i]));
      for (int i = 0; i < row; i++)
        {
          left[(gsize) o * row + i] = hd_quantise (from[i], hd_quantise_factor (largest)) * hd_quantise_scale (largest);
          error = MAX (error, fabs ((double) left[(gsize) o * row + i] - from[i]));
        }
      test_assert_error (error, 1.0001 * largest / 254.0);
    }

  return left;
}

static HdWeight *
new_weight (HdContext   *context,
            const Case  *test,
            HdDtype      dtype,
            const float *values)
{
  const gsize        n = (gsize) test->in * test->out * test->kernel * test->kernel;
  g_autoptr (GBytes) bytes = test_bytes_new (values, n, HD_DTYPE_F32);
  HdWeightPart       part = { HD_DTYPE_F32, test->out, bytes };
  GError            *error = NULL;
  HdWeight          *weight;

  weight = hd_weight_new_with (context, test->kernel > 1 ? HD_WEIGHT_CONV : HD_WEIGHT_LINEAR, HD_WEIGHT_MAY_QUANTISE,
                               dtype, &part, 1, test->in, test->kernel, test->kernel, &error);
  g_assert_no_error (error);

  return weight;
}

static float *
run (HdContext   *context,
     const Case  *test,
     HdDtype      dtype,
     HdWeight    *weight,
     gsize       *n)
{
  g_autoptr (GRand)    rand = g_rand_new_with_seed (11);
  g_autofree float    *values = test_random (rand, SIDE * SIDE * test->in, dtype);
  g_autoptr (HdTensor) x = test_tensor_new (context, dtype, 1, SIDE, SIDE, test->in, values);
  g_autoptr (HdTensor) like = NULL;
  g_autoptr (HdTensor) y = NULL;

  if (test->kernel == 1)
    y = hd_linear (context, x, &(HdLinear) { .weight = weight }, &(HdLinearOptions) { .activation = test->activation });
  else
    {
      HdConvOptions options = { .stride = test->stride, .padding = 1 };

      ((HdCpuContext *) context)->winograd = test->winograd;
      if (test->factor > 1)
        options.upsample_like = like = hd_tensor_new (context, dtype, 1, SIDE * test->factor, SIDE * test->factor, 8);
      y = hd_conv2d (context, x, &(HdConv) { .weight = weight }, &options);
    }
  g_assert_nonnull (y);
  *n = hd_tensor_elements (y);

  return test_tensor_read (context, y);
}

static void
run_case (const Case *test,
          HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 4 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (g_str_hash (test->name));
  const gsize           elements = (gsize) test->in * test->out * test->kernel * test->kernel;
  g_autofree float     *values = test_random (rand, elements, HD_DTYPE_F32);
  g_autofree float     *left = quantise (test, values);
  g_autofree float     *expected = NULL;
  g_autofree float     *found = NULL;
  g_autofree float     *again = NULL;
  g_autofree float     *other = NULL;
  HdWeight             *full = new_weight (context, test, dtype, left);
  HdWeight             *first;
  HdWeight             *second;
  gsize                 n;
  gsize                 bytes;

  g_assert_cmpint (full->form, ==, HD_WEIGHT_FORM_FULL);
  expected = run (context, test, dtype, full, &n);
  hd_weight_unref (full);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);

  hd_context_set_weight_form (context, HD_WEIGHT_FORM_INT8);
  first = new_weight (context, test, dtype, values);
  second = new_weight (context, test, dtype, left);
  g_assert_cmpint (first->form, ==, HD_WEIGHT_FORM_INT8);
  bytes = hd_context_get_weight_bytes (context);
  g_assert_cmpuint (bytes, <, 2 * (elements + test->out * sizeof (float) + 64)
                              + (elements + elements / 2) * hd_dtype_size (dtype));

  /* One, another and the first one again; the numbers of 8 bits keep themselves. */
  found = run (context, test, dtype, first, &n);
  other = run (context, test, dtype, second, &n);
  again = run (context, test, dtype, first, &n);
  g_assert_cmpmem (found, n * sizeof *found, expected, n * sizeof *expected);
  g_assert_cmpmem (again, n * sizeof *again, expected, n * sizeof *expected);
  test_assert_error (fabs (other[n / 2] - expected[n / 2]), 0.02 * (1.0 + fabs (expected[n / 2])));
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, bytes);

  hd_weight_unref (first);
  hd_weight_unref (second);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
  test_assert_finished (context);
}

static void
test_f32 (gconstpointer data)
{
  run_case (data, HD_DTYPE_F32);
}

static void
test_bf16 (gconstpointer data)
{
  if (!test_skip_dtype (HD_DTYPE_BF16))
    run_case (data, HD_DTYPE_BF16);
}

/* What is not a number, is infinite or next to nothing. */
static void
test_special (void)
{
  g_assert_cmpint (hd_quantise (1.0f, hd_quantise_factor (1.0f)), ==, 127);
  g_assert_cmpint (hd_quantise (-1.0f, hd_quantise_factor (1.0f)), ==, -127);
  g_assert_cmpint (hd_quantise (0.5f / 127.0f, hd_quantise_factor (1.0f)), ==, 0);
  g_assert_cmpint (hd_quantise (1.5f / 127.0f, hd_quantise_factor (1.0f)), ==, 2);
  g_assert_cmpfloat (hd_quantise_scale (0.0f), ==, 0.0f);
  g_assert_cmpint (hd_quantise (0.0f, hd_quantise_factor (0.0f)), ==, 0);
  g_assert_cmpint (hd_quantise (1e-38f, hd_quantise_factor (1e-38f)), ==, 0);
  g_assert_cmpint (abs (hd_quantise (NAN, 1.0f)), <=, 127);
  g_assert_cmpint (abs (hd_quantise (INFINITY, hd_quantise_factor (INFINITY))), <=, 127);
}

/* The CPU keeps all weights; it says so, and does not begin to. */
static void
test_streaming (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 4096);
  g_autofree float     *values = g_new0 (float, 64 * 64);
  g_autoptr (GBytes)    bytes = test_bytes_new (values, 64 * 64, HD_DTYPE_F32);
  HdWeightPart          part = { HD_DTYPE_F32, 64, bytes };
  g_autoptr (HdWeight)  weight = NULL;

  g_assert_false (hd_context_can_stream (context));
  hd_context_set_streaming (context, &(HdStreaming) { .total = 1 });
  weight = hd_weight_new_with (context, HD_WEIGHT_LINEAR, HD_WEIGHT_MAY_STREAM, HD_DTYPE_F32, &part, 1, 64, 1, 1, NULL);
  g_assert_nonnull (weight);
  g_assert_false (weight->streamed);
  g_assert_cmpuint (hd_context_get_streamable_bytes (context), ==, 64 * 64 * sizeof (float));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *f32 = g_strdup_printf ("/quantise/%s/float32", cases[i].name);
      g_autofree char *bf16 = g_strdup_printf ("/quantise/%s/bfloat16", cases[i].name);

      g_test_add_data_func (f32, &cases[i], test_f32);
      g_test_add_data_func (bf16, &cases[i], test_bf16);
    }
  g_test_add_func ("/quantise/special", test_special);
  g_test_add_func ("/quantise/streaming", test_streaming);

  return g_test_run ();
}
