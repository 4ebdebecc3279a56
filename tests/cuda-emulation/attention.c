/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend.h"

/* The CUDA device's attention against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width;
  int         keys;                  /* tokens of a text; 0: q, k and v are views of one map */
  int         heads, head_size;
  gboolean    causal, windows;
  int         shift_y, shift_x;
  float       scale;                 /* of the queries; 0: 1 */
  gboolean    shift_in_memory;
} Case;

static const Case cases[] = {
  { "size-40", 1, 9, 10, 0, 2, 40 },
  { "size-64", 1, 12, 11, 0, 2, 64 },
  { "size-80", 2, 7, 10, 0, 1, 80 },
  { "size-128", 1, 10, 13, 0, 1, 128 },
  { "size-160", 1, 11, 12, 0, 1, 160 },
  { "size-8", 1, 5, 5, 0, 3, 8 },
  { "size-96", 1, 5, 5, 0, 1, 96 },
  { "size-512", 1, 9, 9, 0, 1, 512 },
  { "size-256", 2, 3, 11, 0, 1, 256 },
  { "size-168", 1, 3, 11, 0, 1, 168 },
  { "size-4", 1, 9, 8, 0, 2, 4 },
  { "size-12", 2, 1, 77, 0, 4, 12, .causal = TRUE },
  { "size-20-text", 1, 6, 7, 77, 4, 20 },
  { "size-75", 1, 6, 7, 0, 1, 75 },
  { "one-token", 1, 1, 1, 0, 2, 64 },
  { "one-key", 1, 5, 7, 1, 2, 40 },
  { "text", 2, 8, 9, 77, 2, 40 },
  { "text-64", 1, 16, 9, 77, 1, 64 },
  { "text-160", 1, 3, 5, 154, 1, 160 },
  { "clip", 1, 1, 77, 0, 2, 64, .causal = TRUE },
  { "causal-long", 1, 1, 150, 0, 1, 40, .causal = TRUE },
  { "causal-128", 1, 1, 130, 0, 1, 128, .causal = TRUE },
  { "causal-512", 1, 1, 70, 0, 1, 512, .causal = TRUE },
  { "windows", 1, 12, 14, 0, 2, 40, .windows = TRUE },
  { "windows-shifted", 2, 16, 18, 0, 2, 40, .windows = TRUE, .shift_y = 3, .shift_x = 8 },
  { "windows-many-keys", 1, 26, 22, 0, 1, 64, .windows = TRUE, .shift_y = 12, .shift_x = 1 },
  { "windows-shift-in-memory", 2, 16, 18, 0, 2, 40, .windows = TRUE, .shift_y = 5, .shift_x = 2,
    .shift_in_memory = TRUE },
  { "windows-160", 1, 20, 14, 0, 1, 160, .windows = TRUE, .shift_y = 9, .shift_x = 6 },
  { "windows-odd-size", 1, 6, 10, 0, 2, 12, .windows = TRUE, .shift_y = 2, .shift_x = 4 },
  { "windows-512", 1, 18, 18, 0, 1, 512, .windows = TRUE, .shift_y = 4, .shift_x = 5 },
  { "windows-smallest", 1, 2, 2, 0, 1, 64, .windows = TRUE },
  { "large-scores", 1, 9, 10, 0, 1, 64, .scale = 60.0f },
  { "large-scores-512", 1, 9, 10, 0, 1, 512, .scale = 60.0f },
};

/* The pixel of token @i of window @w; the whole map for @w < 0. */
static int
find_pixel (const HdWindow *window,
            int             w,
            int             i)
{
  return w < 0 ? i : hd_window_pixel (window, w, i);
}

typedef struct
{
  const float *q, *k, *v;      /* of an image, the head's first channel */
  int          q_stride, k_stride;
  int          keys, size;
  gboolean     causal;
} Problem;

/* Query @i, at pixel @pixel. */
static void
attend (const Problem  *problem,
        const HdWindow *window,
        int             w,
        int             i,
        double         *y)
{
  const float       *q = problem->q + (gsize) find_pixel (window, w, i) * problem->q_stride;
  const int          seen = problem->causal ? MIN (problem->keys, i + 1) : problem->keys;
  g_autofree double *scores = g_new (double, seen);
  double             largest = -G_MAXDOUBLE;
  double             sum = 0.0;

  for (int j = 0; j < seen; j++)
    {
      const float *k = problem->k + (gsize) find_pixel (window, w, j) * problem->k_stride;

      scores[j] = 0.0;
      for (int c = 0; c < problem->size; c++)
        scores[j] += (double) q[c] * k[c] / sqrt (problem->size);
      largest = MAX (largest, scores[j]);
    }

  for (int j = 0; j < seen; j++)
    sum += scores[j] = exp (scores[j] - largest);

  for (int c = 0; c < problem->size; c++)
    {
      y[c] = 0.0;
      for (int j = 0; j < seen; j++)
        y[c] += scores[j] / sum * problem->v[(gsize) find_pixel (window, w, j) * problem->k_stride + c];
    }
}

/* q (queries, q_stride) and so on of each image; y (queries, C). */
static double *
expected_result (const Case     *test,
                 const HdWindow *window,
                 const float    *q,
                 const float    *k,
                 const float    *v,
                 int             q_stride,
                 int             k_stride)
{
  const int tokens = test->height * test->width;
  const int keys = test->keys > 0 ? test->keys : tokens;
  const int channels = test->heads * test->head_size;
  const int windows = test->windows ? 4 : 1;
  double   *y = g_new (double, (gsize) test->batch * tokens * channels);

  for (int n = 0; n < test->batch; n++)
    for (int head = 0; head < test->heads; head++)
      for (int w = 0; w < windows; w++)
        {
          Problem problem = {
            q + (gsize) n * tokens * q_stride + head * test->head_size,
            k + (gsize) n * keys * k_stride + head * test->head_size,
            v + (gsize) n * keys * k_stride + head * test->head_size,
            q_stride, k_stride, keys / windows, test->head_size, test->causal
          };

          for (int i = 0; i < tokens / windows; i++)
            {
              int pixel = find_pixel (window, test->windows ? w : -1, i);

              attend (&problem, window, test->windows ? w : -1, i,
                      y + ((gsize) n * tokens + pixel) * channels + head * test->head_size);
            }
        }

  return y;
}

static float *
make_map (GRand   *rand,
          gsize    pixels,
          int      channels,
          int      scaled,
          float    scale,
          HdDtype  dtype)
{
  float *values = test_random (rand, pixels * channels, dtype);

  for (gsize i = 0; i < pixels; i++)
    for (int c = 0; c < scaled; c++)
      values[i * channels + c] = test_round (values[i * channels + c] * scale, dtype);

  return values;
}

static void
run_case (const Case *test,
          HdDtype     dtype,
          double      flops)
{
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 4 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (g_str_hash (test->name));
  const int             c = test->heads * test->head_size;
  const gsize           pixels = (gsize) test->batch * test->height * test->width;
  const gboolean        itself = test->keys == 0;
  const int             first_channels = itself ? 3 * c : c;
  g_autofree float     *first = make_map (rand, pixels, first_channels, c, test->scale > 0.0f ? test->scale : 1.0f,
                                          dtype);
  g_autofree float     *text = test_random (rand, (gsize) test->batch * MAX (test->keys, 1) * 2 * c, dtype);
  g_autofree double    *expected = NULL;
  HdWindow              window = { test->height, test->width, test->height / 2, test->width / 2,
                                   test->shift_y, test->shift_x };
  const HdWindow        unshifted = { test->height, test->width, test->height / 2, test->width / 2, 0, 0 };
  const int             shifts[] = { test->shift_y, test->shift_x };
  const gboolean        in_memory = test->shift_in_memory && hd_emulated ();
  HdAttentionOptions    options = { test->heads, test->causal,
                                    !test->windows ? NULL : in_memory ? &unshifted : &window };

  test_cuda_pretend (context, 0, flops);
  if (in_memory)
    test_cuda_set_window_shifts (context, shifts);

  expected = itself ? expected_result (test, &window, first, first + c, first + 2 * c, 3 * c, 3 * c)
                    : expected_result (test, &window, first, text, text + c, c, 2 * c);
  {
    g_autoptr (HdTensor) map = test_tensor_new (context, dtype, test->batch, test->height, test->width,
                                                first_channels, first);
    g_autoptr (HdTensor) tokens = test_tensor_new (context, dtype, test->batch, 1, MAX (test->keys, 1), 2 * c, text);
    g_autoptr (HdTensor) q = hd_tensor_channels (map, 0, c);
    g_autoptr (HdTensor) k = itself ? hd_tensor_channels (map, c, c) : hd_tensor_channels (tokens, 0, c);
    g_autoptr (HdTensor) v = itself ? hd_tensor_channels (map, 2 * c, c) : hd_tensor_channels (tokens, c, c);
    g_autoptr (HdTensor) y = hd_attention (context, q, k, v, &options);
    g_autofree float    *found = NULL;
    const HdTensor      *tensors[] = { map, tokens, y, NULL };

    g_assert_nonnull (y);
    found = test_tensor_read (context, y);
    g_test_message ("%s: error %g", test->name, test_relative_error (found, expected, pixels * c));
    /* Weights are rounded before they meet the values, too. */
    test_assert_error (test_relative_error (found, expected, pixels * c), 2.0 * test_cuda_limit (dtype));
    test_assert_guards (context, tensors);
  }

  test_assert_finished (context);
}

static void
test_attention (gconstpointer data)
{
  const Case *test = data;

  run_case (test, HD_DTYPE_F16, 0.0);
  run_case (test, HD_DTYPE_BF16, 0.0);
  test_cuda_assert_released ();
}

/* A slow card gets many short launches. */
static void
test_launches (void)
{
  guint64 launches = hd_emulated_launches ();

  if (test_cuda_skip_on_gpu ())
    return;

  run_case (&cases[16], HD_DTYPE_F16, 1e6);
  run_case (&cases[24], HD_DTYPE_BF16, 1e6);
  g_assert_cmpuint (hd_emulated_launches () - launches, >=, 20);
}

/* Heads that no kernel is made for are refused. */
static void
test_too_wide (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 20);
  g_autofree float     *values = g_new0 (float, 520);
  g_autoptr (GError)    error = NULL;
  HdAttentionOptions    options = { .heads = 1 };

  {
    g_autoptr (HdTensor) x = test_tensor_new (context, HD_DTYPE_F16, 1, 1, 1, 520, values);

    g_assert_null (hd_attention (context, x, x, x, &options));
  }
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cuda/attention/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_attention);
    }
  g_test_add_func ("/cuda/attention/launches", test_launches);
  g_test_add_func ("/cuda/attention/too-wide", test_too_wide);

  return g_test_run ();
}
