/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/tensors.h"

/* Attention against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width, key_height, key_width, heads, head_size;
  gboolean    windows, causal;
  double      sharpness;          /* of the softmax: what the queries are multiplied by; 0: 1 */
  double      shift;              /* added to every query and key: large scores */
  gsize       attention_bytes;    /* room for packed keys: several passes */
} Case;

static const Case cases[] = {
  { "plain", 2, 12, 10, 12, 10, 4, 40 },
  { "one-token", 1, 1, 1, 1, 1, 1, 1 },
  { "two-keys", 1, 3, 3, 1, 2, 2, 3 },
  { "one-channel-heads", 1, 5, 7, 5, 7, 6, 1 },
  { "odd-heads", 1, 7, 9, 7, 9, 3, 5 },
  { "heads-of-4", 2, 16, 16, 16, 16, 8, 4 },
  { "heads-of-16", 1, 9, 9, 9, 9, 4, 16 },
  { "heads-of-33", 1, 9, 15, 9, 15, 2, 33 },
  { "heads-of-64", 1, 20, 20, 20, 20, 2, 64 },
  { "heads-of-80", 1, 16, 16, 16, 16, 2, 80 },
  { "heads-of-96", 1, 13, 11, 13, 11, 2, 96 },
  { "heads-of-160", 2, 8, 8, 8, 8, 2, 160 },
  { "vae", 1, 18, 19, 18, 19, 1, 512 },
  { "text", 2, 16, 17, 1, 77, 8, 40 },
  { "long-text", 1, 6, 6, 1, 231, 4, 64 },
  { "key-blocks", 1, 4, 5, 23, 31, 2, 40 },
  { "query-blocks", 1, 23, 31, 4, 5, 2, 40 },
  { "causal", 2, 1, 77, 1, 77, 12, 64, .causal = TRUE },
  { "causal-long", 1, 1, 700, 1, 700, 1, 8, .causal = TRUE },
  { "sharp", 1, 20, 20, 20, 20, 2, 40, .sharpness = 40.0 },
  { "far-from-zero", 1, 16, 20, 16, 20, 2, 40, .shift = 3.0 },
  { "passes", 1, 20, 21, 30, 31, 3, 24, .attention_bytes = 100000 },
  { "passes-of-vae", 1, 11, 31, 30, 31, 1, 512, .attention_bytes = 1 },
  { "passes-causal", 1, 1, 900, 1, 900, 1, 16, .causal = TRUE, .attention_bytes = 1 },
  { "groups", 2, 8, 8, 8, 8, 8, 24, .attention_bytes = 40000 },
  { "windows", 2, 8, 12, 8, 12, 2, 40, .windows = TRUE },
  { "windows-of-64", 1, 16, 16, 16, 16, 4, 64, .windows = TRUE },
  { "windows-thin", 1, 2, 34, 2, 34, 2, 8, .windows = TRUE },
  { "windows-odd-sides", 1, 22, 26, 22, 26, 2, 7, .windows = TRUE },
  { "windows-large", 1, 36, 40, 36, 40, 1, 40, .windows = TRUE },
  { "windows-passes", 1, 40, 44, 40, 44, 1, 40, .windows = TRUE, .attention_bytes = 1 },
};

static HdWindow
make_window (const Case *test,
             int         q)
{
  HdWindow window = {
    .height = test->height, .width = test->width,
    .window_height = test->height / 2, .window_width = test->width / 2
  };

  window.shift_y = q * (window.window_height / 4);
  window.shift_x = q * (window.window_width / 4);

  return window;
}

/* The window of a pixel, by the paper's own words: rolled, then cut. */
static int
find_window (const HdWindow *window,
             int             pixel)
{
  int y = (pixel / window->width - window->shift_y + window->height) % window->height;
  int x = (pixel % window->width - window->shift_x + window->width) % window->width;

  return y / window->window_height * 2 + x / window->window_width;
}

static void
attend_naively (const Case     *test,
                const int      *windows,
                const float    *q,
                const float    *k,
                const float    *v,
                int             query,
                double         *result)
{
  int                channels = test->heads * test->head_size;
  int                keys = test->key_height * test->key_width;
  g_autofree double *weight = g_new (double, keys);
  double             maximum = -G_MAXDOUBLE;
  double             total = 0.0;

  for (int j = 0; j < keys; j++)
    {
      weight[j] = -G_MAXDOUBLE;
      if ((test->causal && j > query) || (windows != NULL && windows[j] != windows[query]))
        continue;

      weight[j] = 0.0;
      for (int c = 0; c < test->head_size; c++)
        weight[j] += (double) q[c] * k[(gsize) j * channels + c];
      weight[j] /= sqrt (test->head_size);
      maximum = MAX (maximum, weight[j]);
    }

  for (int c = 0; c < test->head_size; c++)
    result[c] = 0.0;
  for (int j = 0; j < keys; j++)
    {
      double share = weight[j] == -G_MAXDOUBLE ? 0.0 : exp (weight[j] - maximum);

      total += share;
      for (int c = 0; share > 0.0 && c < test->head_size; c++)
        result[c] += share * v[(gsize) j * channels + c];
    }
  for (int c = 0; c < test->head_size; c++)
    result[c] /= total;
}

static double *
reference_new (const Case     *test,
               const HdWindow *window,
               const float    *q,
               const float    *k,
               const float    *v)
{
  int             channels = test->heads * test->head_size;
  int             queries = test->height * test->width;
  int             keys = test->key_height * test->key_width;
  double         *result = g_new (double, (gsize) test->batch * queries * channels);
  g_autofree int *windows = window == NULL ? NULL : g_new (int, queries);

  for (int i = 0; windows != NULL && i < queries; i++)
    windows[i] = find_window (window, i);

  for (int n = 0; n < test->batch; n++)
    for (int i = 0; i < queries; i++)
      for (int head = 0; head < test->heads; head++)
        {
          gsize from = ((gsize) n * queries + i) * channels + head * test->head_size;
          gsize base = (gsize) n * keys * channels + head * test->head_size;

          attend_naively (test, windows, q + from, k + base, v + base, i, result + from);
        }

  return result;
}

static float *
random_new (const Case *test,
            GRand      *rand,
            int         tokens,
            HdDtype     dtype,
            double      factor,
            double      shift)
{
  gsize  n = (gsize) test->batch * tokens * test->heads * test->head_size;
  float *values = test_random (rand, n, dtype);

  for (gsize i = 0; i < n; i++)
    values[i] = test_round (values[i] * factor + shift, dtype);

  return values;
}

/* q, k and v side by side in the channels of one tensor, as one linear layer makes them. */
static HdTensor *
joined_new (HdContext   *context,
            const Case  *test,
            HdDtype      dtype,
            const float *q,
            const float *k,
            const float *v)
{
  int               channels = test->heads * test->head_size;
  gsize             pixels = (gsize) test->batch * test->height * test->width;
  g_autofree float *rows = g_new (float, pixels * 3 * channels);

  for (gsize i = 0; i < pixels; i++)
    {
      memcpy (rows + i * 3 * channels, q + i * channels, sizeof (float) * channels);
      memcpy (rows + (i * 3 + 1) * channels, k + i * channels, sizeof (float) * channels);
      memcpy (rows + (i * 3 + 2) * channels, v + i * channels, sizeof (float) * channels);
    }

  return test_tensor_new (context, dtype, test->batch, test->height, test->width, 3 * channels, rows);
}

static void
compare (HdContext                *context,
         const HdTensor           *q,
         const HdTensor           *k,
         const HdTensor           *v,
         const HdAttentionOptions *options,
         const HdTensor          **inputs,
         const double             *expected)
{
  g_autoptr (HdTensor) y = hd_attention (context, q, k, v, options);
  g_autoptr (HdTensor) again = hd_attention (context, q, k, v, options);
  g_autofree float    *found = NULL;
  const HdTensor      *tensors[8] = { y, again };

  g_assert_nonnull (again);
  g_assert_cmpmem (y->data, hd_tensor_elements (y) * hd_dtype_size (y->dtype),
                   again->data, hd_tensor_elements (y) * hd_dtype_size (y->dtype));
  found = test_tensor_read (context, y);
  test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (q->dtype));

  for (int i = 0; inputs[i] != NULL; i++)
    tensors[2 + i] = inputs[i];
  test_assert_guards (context, tensors);
}

static void
run_window (HdContext   *context,
            const Case  *test,
            HdDtype      dtype,
            HdWindow    *window,
            const float *q,
            const float *k,
            const float *v)
{
  int                  channels = test->heads * test->head_size;
  HdAttentionOptions   options = { .heads = test->heads, .causal = test->causal, .window = window };
  g_autofree double   *expected = reference_new (test, window, q, k, v);
  g_autoptr (HdTensor) tq = test_tensor_new (context, dtype, test->batch, test->height, test->width, channels, q);
  g_autoptr (HdTensor) tk = test_tensor_new (context, dtype, test->batch, test->key_height, test->key_width,
                                             channels, k);
  g_autoptr (HdTensor) tv = test_tensor_new (context, dtype, test->batch, test->key_height, test->key_width,
                                             channels, v);
  const HdTensor      *inputs[] = { tq, tk, tv, NULL };

  compare (context, tq, tk, tv, &options, inputs, expected);

  if (test->height == test->key_height && test->width == test->key_width)
    {
      g_autoptr (HdTensor) joined = joined_new (context, test, dtype, q, k, v);
      g_autoptr (HdTensor) vq = hd_tensor_channels (joined, 0, channels);
      g_autoptr (HdTensor) vk = hd_tensor_channels (joined, channels, channels);
      g_autoptr (HdTensor) vv = hd_tensor_channels (joined, 2 * channels, channels);
      const HdTensor      *views[] = { tq, tk, tv, joined, NULL };

      compare (context, vq, vk, vv, &options, views, expected);
    }
}

static void
run_case (const Case *test,
          HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 8 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (1);
  double                sharpness = test->sharpness > 0.0 ? test->sharpness : 1.0;
  int                   queries = test->height * test->width;
  int                   keys = test->key_height * test->key_width;
  g_autofree float     *q = random_new (test, rand, queries, dtype, sharpness, test->shift);
  g_autofree float     *k = random_new (test, rand, keys, dtype, 1.0, test->shift);
  g_autofree float     *v = random_new (test, rand, keys, dtype, 1.0, 0.0);

  ((HdCpuContext *) context)->attention_bytes = test->attention_bytes;
  if (!test->windows)
    run_window (context, test, dtype, NULL, q, k, v);
  for (int shift = 0; test->windows && shift < 4; shift++)
    {
      HdWindow window = make_window (test, shift);

      memset (context->memory, TEST_GUARD, hd_arena_get_capacity (context->arena));
      run_window (context, test, dtype, &window, q, k, v);
    }

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

/* NaN and infinity stay visible: they are how an overflow is noticed. */
static void
test_not_finite (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 20);
  HdAttentionOptions    options = { .heads = 1 };
  const float           bad[] = { NAN, INFINITY };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    for (int place = 0; place < 40; place += 13)
      {
        float                rows[40 * 8] = { 0.5f };
        g_autofree float    *found = NULL;
        g_autoptr (HdTensor) x = NULL;
        g_autoptr (HdTensor) y = NULL;

        rows[place * 8 + 3] = bad[i];
        x = test_tensor_new (context, HD_DTYPE_F32, 1, 5, 8, 8, rows);
        y = hd_attention (context, x, x, x, &options);
        found = test_tensor_read (context, y);
        g_assert_false (isfinite (found[place * 8 + 3]));
      }

  test_assert_finished (context);
}

static gpointer
cancel_soon (gpointer data)
{
  g_usleep (30000);
  g_cancellable_cancel (data);

  return NULL;
}

/* Minutes of work, cancelled at its beginning, after a moment, and in several passes. */
static void
test_cancel (void)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 200 << 20);
  HdAttentionOptions    options = { .heads = 8 };

  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError)       error = NULL;
      g_autoptr (HdTensor)     x = hd_tensor_new (context, HD_DTYPE_F32, 1, 256, 256, 320);
      g_autoptr (HdTensor)     y = NULL;
      g_autoptr (GThread)      thread = NULL;
      gint64                   started;

      memset (x->data, 0, hd_tensor_elements (x) * sizeof (float));
      ((HdCpuContext *) context)->attention_bytes = i == 2 ? 1 << 20 : 0;
      hd_context_set_cancellable (context, cancellable);
      if (i == 0)
        g_cancellable_cancel (cancellable);
      else
        thread = g_thread_new ("cancel", cancel_soon, cancellable);

      started = g_get_monotonic_time ();
      y = hd_attention (context, x, x, x, &options);
      g_test_message ("returned after %" G_GINT64_FORMAT " ms", (g_get_monotonic_time () - started) / 1000);
      g_assert_null (y);
      g_assert_cmpint (g_get_monotonic_time () - started, <=, 2 * G_USEC_PER_SEC);
      g_assert_false (hd_context_check (context, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      if (thread != NULL)
        g_thread_join (g_steal_pointer (&thread));
      hd_context_set_cancellable (context, NULL);
    }

  test_assert_finished (context);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *f32 = g_strconcat ("/attention/f32/", cases[i].name, NULL);
      g_autofree char *bf16 = g_strconcat ("/attention/bf16/", cases[i].name, NULL);

      g_test_add_data_func (f32, &cases[i], test_f32);
      g_test_add_data_func (bf16, &cases[i], test_bf16);
    }
  g_test_add_func ("/attention/not-finite", test_not_finite);
  g_test_add_func ("/attention/cancel", test_cancel);

  return g_test_run ();
}
