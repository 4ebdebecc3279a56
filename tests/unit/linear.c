/* SPDX-License-Identifier: Apache-2.0 */

#include <omp.h>

#include "tests/unit/tensors.h"

/* Linear layers against loops in double. */

#define MAX_PARTS 3

typedef struct
{
  const char  *name;
  int          batch, height, width, in_channels, in_channels2, out_channels;
  HdActivation activation;
  gboolean     bias, residual;
  int          parts;                  /* that the weight is stacked from; 0: one */
  HdDtype      stored[MAX_PARTS];
} Case;

static const Case cases[] = {
  { "plain", 1, 8, 8, 32, 0, 48, .bias = TRUE },
  { "no-bias", 2, 5, 7, 64, 0, 64 },
  { "odd", 1, 3, 11, 33, 0, 17, .bias = TRUE, .residual = TRUE },
  { "one-row", 1, 1, 1, 320, 0, 1280, HD_ACTIVATION_SILU, .bias = TRUE },
  { "two-rows", 2, 1, 1, 320, 0, 96, HD_ACTIVATION_SILU, .bias = TRUE, .stored = { HD_DTYPE_F16 } },
  { "one-column", 1, 4, 4, 64, 0, 1, .bias = TRUE },
  { "one-channel", 1, 4, 4, 1, 0, 16, .bias = TRUE },
  { "tokens", 2, 1, 77, 64, 0, 192, .bias = TRUE, .parts = 3, .stored = { HD_DTYPE_F16, HD_DTYPE_F16, HD_DTYPE_F16 } },
  { "stacked", 1, 6, 6, 48, 0, 96, .parts = 3, .stored = { HD_DTYPE_F32, HD_DTYPE_BF16, HD_DTYPE_F16 } },
  { "stacked-two", 1, 4, 9, 48, 0, 64, .bias = TRUE, .parts = 2, .stored = { HD_DTYPE_BF16, HD_DTYPE_BF16 } },
  { "bf16-file", 1, 4, 9, 48, 0, 64, .bias = TRUE, .stored = { HD_DTYPE_BF16 } },
  { "residual", 2, 6, 5, 80, 0, 80, .bias = TRUE, .residual = TRUE },
  { "silu", 1, 6, 5, 80, 0, 80, HD_ACTIVATION_SILU, .bias = TRUE, .residual = TRUE },
  { "gelu", 1, 6, 5, 80, 0, 160, HD_ACTIVATION_GELU, .bias = TRUE },
  { "gelu-residual", 1, 6, 5, 80, 0, 80, HD_ACTIVATION_GELU, .residual = TRUE },
  { "quick-gelu", 1, 1, 77, 64, 0, 256, HD_ACTIVATION_QUICK_GELU, .bias = TRUE },
  { "geglu", 2, 8, 8, 64, 0, 512, HD_ACTIVATION_GEGLU, .bias = TRUE },
  { "geglu-residual", 1, 7, 9, 40, 0, 80, HD_ACTIVATION_GEGLU, .bias = TRUE, .residual = TRUE },
  { "geglu-no-bias", 1, 7, 9, 40, 0, 80, HD_ACTIVATION_GEGLU },
  { "geglu-stacked", 1, 7, 9, 40, 0, 96, HD_ACTIVATION_GEGLU, .bias = TRUE, .parts = 3,
    .stored = { HD_DTYPE_F16, HD_DTYPE_F32, HD_DTYPE_BF16 } },
  { "geglu-odd", 1, 5, 5, 21, 0, 34, HD_ACTIVATION_GEGLU, .bias = TRUE },
  { "joined", 1, 8, 8, 32, 64, 48, .bias = TRUE },
  { "joined-odd", 2, 5, 7, 33, 18, 25, .bias = TRUE, .residual = TRUE },
  { "joined-geglu", 1, 9, 8, 32, 16, 64, HD_ACTIVATION_GEGLU, .bias = TRUE, .residual = TRUE },
  { "packed-in-parts", 1, 1, 3, 700, 0, 5000, .bias = TRUE, .stored = { HD_DTYPE_F16 } },
  { "many-rows", 2, 30, 30, 32, 0, 32, .bias = TRUE },
};

typedef struct
{
  float *x, *x2, *weight, *bias, *residual;
} Operands;

static void
operands_clear (Operands *operands)
{
  g_free (operands->x);
  g_free (operands->x2);
  g_free (operands->weight);
  g_free (operands->bias);
  g_free (operands->residual);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Operands, operands_clear)

static int
n_parts (const Case *test)
{
  return MAX (test->parts, 1);
}

static int
result_channels (const Case *test)
{
  return test->activation == HD_ACTIVATION_GEGLU ? test->out_channels / 2 : test->out_channels;
}

static void
make_operands (const Case *test,
               HdDtype     dtype,
               Operands   *operands)
{
  const gsize       rows = (gsize) test->batch * test->height * test->width;
  const gsize       part = (gsize) test->out_channels / n_parts (test) * (test->in_channels + test->in_channels2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (test->name));

  operands->x = test_random (rand, rows * test->in_channels, dtype);
  operands->x2 = test_random (rand, rows * test->in_channels2, dtype);
  operands->bias = test_random (rand, test->out_channels, HD_DTYPE_F32);
  operands->residual = test_random (rand, rows * result_channels (test), dtype);
  operands->weight = g_new (float, part * n_parts (test));
  for (int i = 0; i < n_parts (test); i++)
    {
      g_autofree float *values = test_random (rand, part, test->stored[i]);

      /* As a layer of this width would have them: activations are tried around zero. */
      for (gsize j = 0; j < part; j++)
        operands->weight[i * part + j] = test_round (values[j] * 0.25f, test->stored[i]);
    }
}

static double
product (const Case     *test,
         const Operands *operands,
         gsize           row,
         int             o)
{
  const int in = test->in_channels + test->in_channels2;
  double    sum = test->bias ? operands->bias[o] : 0.0;

  for (int c = 0; c < in; c++)
    sum += (double) operands->weight[o * in + c]
           * (c < test->in_channels ? operands->x[row * test->in_channels + c]
                                    : operands->x2[row * test->in_channels2 + c - test->in_channels]);

  return sum;
}

static double
gelu (double value)
{
  return 0.5 * value * (1.0 + erf (value * G_SQRT2 / 2.0));
}

static double
expected_element (const Case     *test,
                  const Operands *operands,
                  gsize           row,
                  int             o)
{
  double value = product (test, operands, row, o);

  switch (test->activation)
    {
    case HD_ACTIVATION_NONE:
      return value;
    case HD_ACTIVATION_SILU:
      return value / (1.0 + exp (-value));
    case HD_ACTIVATION_GELU:
      return gelu (value);
    case HD_ACTIVATION_QUICK_GELU:
      return value / (1.0 + exp (-1.702 * value));
    case HD_ACTIVATION_GEGLU:
      return value * gelu (product (test, operands, row, o + result_channels (test)));
    }

  g_assert_not_reached ();
}

static double *
expected_result (const Case     *test,
                 const Operands *operands)
{
  const gsize rows = (gsize) test->batch * test->height * test->width;
  const int   channels = result_channels (test);
  double     *result = g_new (double, rows * channels);

  for (gsize row = 0; row < rows; row++)
    for (int o = 0; o < channels; o++)
      {
        gsize i = row * channels + o;

        result[i] = expected_element (test, operands, row, o) + (test->residual ? operands->residual[i] : 0.0);
      }

  return result;
}

static HdWeight *
make_weight (HdContext      *context,
             const Case     *test,
             HdDtype         dtype,
             const Operands *operands)
{
  const int    in = test->in_channels + test->in_channels2;
  const int    out = test->out_channels / n_parts (test);
  HdWeightPart parts[MAX_PARTS];
  GError      *error = NULL;
  HdWeight    *weight;

  for (int i = 0; i < n_parts (test); i++)
    {
      parts[i].dtype = test->stored[i];
      parts[i].out_channels = out;
      parts[i].bytes = test_bytes_new (operands->weight + (gsize) i * out * in, (gsize) out * in, test->stored[i]);
    }

  weight = hd_weight_new (context, HD_WEIGHT_LINEAR, dtype, parts, n_parts (test), in, 1, 1, &error);
  g_assert_no_error (error);
  for (int i = 0; i < n_parts (test); i++)
    g_bytes_unref (parts[i].bytes);

  return weight;
}

static void
run_case (const Case *test,
          HdDtype     dtype,
          double      tile_flops)
{
  g_auto (Operands)     operands = { 0 };
  g_autoptr (HdContext) context = test_context_new (dtype, 2 << 20);
  g_autoptr (HdTensor)  x = NULL, x2 = NULL, residual = NULL, y = NULL;
  g_autofree float     *found = NULL;
  g_autofree double    *expected = NULL;
  HdLinear              linear = { 0 };
  HdLinearOptions       options = { .activation = test->activation };

  if (tile_flops > 0.0)
    ((HdCpuContext *) context)->tile_flops = tile_flops;

  make_operands (test, dtype, &operands);
  expected = expected_result (test, &operands);

  x = test_tensor_new (context, dtype, test->batch, test->height, test->width, test->in_channels, operands.x);
  if (test->in_channels2 > 0)
    options.x2 = x2 = test_tensor_new (context, dtype, test->batch, test->height, test->width, test->in_channels2,
                                       operands.x2);
  if (test->residual)
    options.residual = residual = test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                                   result_channels (test), operands.residual);
  linear.weight = make_weight (context, test, dtype, &operands);
  if (test->bias)
    linear.bias = test_weight_new (context, HD_WEIGHT_VECTOR, dtype, HD_DTYPE_F32, test->out_channels, 1, 1,
                                   operands.bias);

  y = hd_linear (context, x, &linear, &options);
  g_assert_nonnull (y);
  g_assert_cmpint (y->dtype, ==, dtype);
  g_assert_cmpint (y->channels, ==, result_channels (test));
  g_assert_cmpuint (hd_context_get_weight_bytes (context), >=,
                    (gsize) test->out_channels * (test->in_channels + test->in_channels2) * hd_dtype_size (dtype));
  hd_linear_clear (&linear);

  found = test_tensor_read (context, y);
  test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
  test_assert_guards (context, (const HdTensor *[]) { y, x, x2 != NULL ? x2 : y, residual != NULL ? residual : y,
                                                      NULL });

  g_clear_pointer (&x, hd_tensor_unref);
  g_clear_pointer (&x2, hd_tensor_unref);
  g_clear_pointer (&residual, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  test_assert_finished (context);
}

static void
test_f32 (gconstpointer data)
{
  run_case (data, HD_DTYPE_F32, 0.0);
}

static void
test_bf16 (gconstpointer data)
{
  if (!test_skip_dtype (HD_DTYPE_BF16))
    run_case (data, HD_DTYPE_BF16, 0.0);
}

/* Chunks of one row, and of about seven. */
static void
test_chunks (gconstpointer data)
{
  const Case *test = data;
  double      row = 2.0 * (test->in_channels + test->in_channels2) * test->out_channels;

  if (test->batch * test->height * test->width <= 160)
    run_case (test, HD_DTYPE_F32, 1.0);
  run_case (test, HD_DTYPE_F32, 7.5 * row);
  if (hd_cpu_has_bf16 ())
    run_case (test, HD_DTYPE_BF16, 70.5 * row);
}

/* The same numbers with and without GEGLU: halves and whole of one weight, also once the file's bytes are gone. */
static void
test_halves_and_whole (void)
{
  const Case            whole = { "whole", 1, 5, 5, 24, 0, 40, .bias = TRUE };
  const Case            gated = { "whole", 1, 5, 5, 24, 0, 40, HD_ACTIVATION_GEGLU, .bias = TRUE };
  const Case           *tests[] = { &gated, &whole, &gated, &whole };
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 20);
  g_auto (Operands)     operands = { 0 };
  HdTensor             *x;
  HdLinear              linear;

  make_operands (&whole, HD_DTYPE_F32, &operands);
  x = test_tensor_new (context, HD_DTYPE_F32, 1, 5, 5, 24, operands.x);
  linear.weight = make_weight (context, &whole, HD_DTYPE_F32, &operands);
  linear.bias = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, 40, 1, 1, operands.bias);

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      const HdLinearOptions options = { .activation = tests[i]->activation };
      g_autofree double    *expected = expected_result (tests[i], &operands);
      g_autoptr (HdTensor)  y = hd_linear (context, x, &linear, &options);
      g_autofree float     *found = NULL;

      g_assert_nonnull (y);
      found = test_tensor_read (context, y);
      test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), 1e-5);
    }

  hd_tensor_unref (x);
  hd_linear_clear (&linear);
  test_assert_finished (context);
}

static gpointer
cancel_soon (gpointer data)
{
  gint64 *time = g_new (gint64, 1);

  g_usleep (30000);
  *time = g_get_monotonic_time ();
  g_cancellable_cancel (data);

  return time;
}

static HdTensor *
run_large (HdContext *context,
           HdLinear  *linear)
{
  g_autoptr (HdTensor) x = hd_tensor_new (context, HD_DTYPE_F32, 1, 128, 128, 640);

  return x != NULL ? hd_linear (context, x, linear, &(HdLinearOptions) { .activation = HD_ACTIVATION_GEGLU }) : NULL;
}

static void
test_cancel (void)
{
  const gsize              arena = 240 << 20;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error = NULL;
  g_autoptr (HdContext)    context = hd_cpu_context_new (HD_PRECISION_F32, 2, &error);
  g_autofree float        *zeros = g_new0 (float, 640 * 5120);
  g_autofree gint64       *cancelled = NULL;
  HdLinear                 linear = { test_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F32, HD_DTYPE_F32,
                                                       5120, 640, 1, zeros), NULL };
  GThread                 *thread;
  HdTensor                *y;

  g_assert_true (hd_context_reserve (context, arena, &error));
  hd_context_set_cancellable (context, cancellable);
  thread = g_thread_new ("cancel", cancel_soon, cancellable);
  while ((y = run_large (context, &linear)) != NULL)
    hd_tensor_unref (y);
  cancelled = g_thread_join (thread);

  g_assert_cmpint (g_get_monotonic_time () - *cancelled, <, G_USEC_PER_SEC);
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  hd_context_set_cancellable (context, NULL);
  hd_linear_clear (&linear);
  test_assert_finished (context);
}

/* A context may be used in one thread after another, and leaves OpenMP's number of threads as it was. */

typedef struct
{
  HdContext *context;
  HdTensor  *x;
  HdTensor  *y;
  HdLinear   linear;
} Shared;

static gpointer
run_in_thread (gpointer data)
{
  Shared *shared = data;

  omp_set_num_threads (3);
  shared->y = hd_linear (shared->context, shared->x, &shared->linear, NULL);
  g_assert_cmpint (omp_get_max_threads (), ==, 3);

  return NULL;
}

static void
test_threads (void)
{
  const Case        test = cases[0];
  Shared            shared = { .context = test_context_new (HD_DTYPE_F32, 1 << 20) };
  g_auto (Operands) operands = { 0 };
  HdTensor         *expected;

  make_operands (&test, HD_DTYPE_F32, &operands);
  shared.x = test_tensor_new (shared.context, HD_DTYPE_F32, test.batch, test.height, test.width, test.in_channels,
                              operands.x);
  shared.linear.weight = make_weight (shared.context, &test, HD_DTYPE_F32, &operands);
  expected = hd_linear (shared.context, shared.x, &shared.linear, NULL);
  g_assert_nonnull (expected);

  for (int i = 0; i < 3; i++)
    {
      g_thread_join (g_thread_new ("linear", run_in_thread, &shared));
      g_assert_nonnull (shared.y);
      g_assert_cmpmem (expected->data, hd_tensor_elements (expected) * sizeof (float),
                       shared.y->data, hd_tensor_elements (shared.y) * sizeof (float));
      g_clear_pointer (&shared.y, hd_tensor_unref);
    }

  hd_tensor_unref (expected);
  hd_tensor_unref (shared.x);
  hd_linear_clear (&shared.linear);
  test_assert_finished (shared.context);
  hd_context_unref (shared.context);
}

static void
test_no_memory (void)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdContext) context = hd_cpu_context_new (HD_PRECISION_F32, 1, &error);

  g_assert_no_error (error);
  g_assert_false (hd_context_reserve (context, (gsize) 1 << 46, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_clear_error (&error);
  g_assert_false (hd_context_reserve (context, G_MAXSIZE, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_clear_error (&error);
  g_assert_true (hd_context_reserve (context, 1 << 20, &error));
  g_assert_no_error (error);
}

static void
test_f16_is_refused (void)
{
  const guint16         zeros[4] = { 0 };
  g_autoptr (GError)    error = NULL;
  g_autoptr (GBytes)    bytes = g_bytes_new_static (zeros, sizeof zeros);
  g_autoptr (HdContext) context = hd_cpu_context_new (HD_PRECISION_F16, 1, &error);
  HdWeightPart          part = { HD_DTYPE_F16, 2, bytes };

  g_assert_null (context);
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  context = hd_cpu_context_new (HD_PRECISION_F32, 1, &error);
  g_assert_no_error (error);
  g_assert_null (hd_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, &part, 1, 2, 1, 1, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *f32 = g_strconcat ("/linear/f32/", cases[i].name, NULL);
      g_autofree char *bf16 = g_strconcat ("/linear/bf16/", cases[i].name, NULL);
      g_autofree char *chunks = g_strconcat ("/linear/chunks/", cases[i].name, NULL);

      g_test_add_data_func (f32, &cases[i], test_f32);
      g_test_add_data_func (bf16, &cases[i], test_bf16);
      g_test_add_data_func (chunks, &cases[i], test_chunks);
    }
  g_test_add_func ("/linear/halves-and-whole", test_halves_and_whole);
  g_test_add_func ("/linear/cancel", test_cancel);
  g_test_add_func ("/linear/threads", test_threads);
  g_test_add_func ("/linear/no-memory", test_no_memory);
  g_test_add_func ("/linear/f16-is-refused", test_f16_is_refused);

  return g_test_run ();
}
