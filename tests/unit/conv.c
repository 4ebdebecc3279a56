/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_gemm.h"
#include "tests/unit/tensors.h"

/* Convolutions against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width, in_channels, out_channels, kernel;
  int         stride, dilation, padding, padding_end;
  int         resized_height, resized_width;    /* 0: not resized */
  gboolean    bias, channel_bias, residual, float_result;
  HdDtype     stored;
} Case;

static const Case cases[] = {
  { "plain", 1, 9, 7, 32, 48, 3, 1, 1, 1, 0, .bias = TRUE },
  { "pointwise", 2, 5, 6, 24, 40, 1, 1, 1, 0, 0, .bias = TRUE },
  { "no-bias", 1, 8, 8, 16, 16, 3, 1, 1, 1, 0, .stored = HD_DTYPE_F16 },
  { "no-padding", 1, 8, 9, 16, 20, 3, 1, 1, 0, 0, .bias = TRUE },
  { "odd-channels", 1, 6, 5, 33, 17, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE },
  { "latent-in", 2, 12, 10, 4, 64, 3, 1, 1, 1, 0, .bias = TRUE, .stored = HD_DTYPE_F16 },
  { "inpainting-in", 1, 12, 10, 9, 64, 3, 1, 1, 1, 0, .bias = TRUE },
  { "latent-out", 2, 12, 10, 64, 4, 3, 1, 1, 1, 0, .bias = TRUE, .float_result = TRUE },
  { "picture-out", 1, 20, 19, 32, 3, 3, 1, 1, 1, 0, .bias = TRUE, .float_result = TRUE },
  { "one-channel", 1, 6, 6, 1, 1, 3, 1, 1, 1, 0, .bias = TRUE },
  { "resnet", 2, 11, 13, 64, 64, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "three-images", 3, 8, 8, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE, .stored = HD_DTYPE_BF16 },
  { "channel-bias", 2, 4, 4, 32, 32, 3, 1, 1, 1, 0, .channel_bias = TRUE },
  { "residual-float", 1, 7, 7, 16, 16, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE, .float_result = TRUE },
  { "downsample", 2, 16, 12, 32, 32, 3, 2, 1, 1, 0, .bias = TRUE },
  { "downsample-odd", 1, 15, 13, 32, 32, 3, 2, 1, 1, 0, .bias = TRUE },
  { "downsample-vae", 1, 16, 14, 32, 32, 3, 2, 1, 0, 1, .bias = TRUE },
  { "downsample-vae-odd", 1, 15, 13, 32, 32, 3, 2, 1, 0, 1, .bias = TRUE },
  { "dilation", 1, 14, 13, 32, 16, 3, 1, 2, 2, 0, .bias = TRUE },
  { "raunet", 2, 16, 16, 32, 32, 3, 4, 2, 2, 0, .bias = TRUE },
  { "raunet-odd", 1, 19, 13, 32, 32, 3, 4, 2, 2, 0, .bias = TRUE },
  { "raunet-small", 1, 5, 6, 32, 32, 3, 4, 2, 2, 0, .bias = TRUE },
  { "upsample", 2, 6, 5, 32, 32, 3, 1, 1, 1, 0, 12, 10, .bias = TRUE },
  { "upsample-odd", 1, 6, 5, 32, 32, 3, 1, 1, 1, 0, 11, 9, .bias = TRUE, .residual = TRUE },
  { "upsample-residual", 1, 6, 5, 32, 32, 3, 1, 1, 1, 0, 12, 10, .bias = TRUE, .residual = TRUE },
  { "upsample-bias", 2, 5, 5, 16, 48, 3, 1, 1, 1, 0, 10, 10, .bias = TRUE, .channel_bias = TRUE,
    .stored = HD_DTYPE_F16 },
  { "upsample-float", 3, 3, 7, 65, 33, 3, 1, 1, 1, 0, 6, 14, .float_result = TRUE, .stored = HD_DTYPE_BF16 },
  { "upsample-three", 1, 4, 3, 32, 32, 3, 1, 1, 1, 0, 12, 9, .bias = TRUE },
  { "upsample-four", 2, 4, 3, 32, 32, 3, 1, 1, 1, 0, 16, 12, .bias = TRUE },
  { "upsample-two-three", 1, 4, 3, 32, 32, 3, 1, 1, 1, 0, 8, 9, .bias = TRUE },
  { "upsample-pixel", 1, 1, 1, 32, 32, 3, 1, 1, 1, 0, 2, 2, .bias = TRUE },
  { "upsample-nearly", 1, 4, 3, 32, 32, 3, 1, 1, 1, 0, 16, 13, .bias = TRUE },
  { "upsample-rows", 1, 4, 8, 32, 32, 3, 1, 1, 1, 0, 7, 8, .bias = TRUE },
  { "packed-in-parts", 1, 2, 3, 1300, 450, 3, 1, 1, 1, 0, .bias = TRUE, .stored = HD_DTYPE_F16 },
  { "folded-in-parts", 1, 2, 1, 1300, 450, 3, 1, 1, 1, 0, 4, 2, .bias = TRUE, .stored = HD_DTYPE_F16 },
  { "one-pixel", 1, 1, 1, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE },
  { "one-row", 1, 1, 9, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE },
  { "wide", 1, 3, 100, 16, 64, 3, 1, 1, 1, 0, .bias = TRUE },
  { "five", 1, 9, 9, 16, 16, 5, 1, 1, 2, 0, .bias = TRUE },
  { "tiles", 1, 8, 8, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE },
  { "tiles-cut", 2, 9, 11, 48, 80, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "tiles-cut-once", 1, 6, 13, 16, 112, 3, 1, 1, 1, 0, .residual = TRUE },
  { "tiles-strip", 1, 23, 6, 32, 16, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE },
  { "tiles-many", 3, 21, 23, 32, 48, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "tiles-stored", 2, 5, 7, 64, 144, 3, 1, 1, 1, 0, .bias = TRUE, .stored = HD_DTYPE_F16 },
  { "tiles-deep", 1, 7, 6, 1040, 208, 3, 1, 1, 1, 0, .bias = TRUE },
  { "tiles-column", 2, 9, 1, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE },
  { "twice", 2, 7, 9, 48, 80, 3, 1, 1, 1, 0, 14, 18, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "twice-row", 1, 1, 9, 32, 16, 3, 1, 1, 1, 0, 2, 18, .bias = TRUE },
  { "twice-many", 3, 9, 11, 32, 144, 3, 1, 1, 1, 0, 18, 22, .channel_bias = TRUE, .stored = HD_DTYPE_BF16 },
};

/* All operands, as floats that the tensors hold exactly. */
typedef struct
{
  float *x, *weight, *bias, *channel_bias, *residual;
} Operands;

static void
operands_clear (Operands *operands)
{
  g_free (operands->x);
  g_free (operands->weight);
  g_free (operands->bias);
  g_free (operands->channel_bias);
  g_free (operands->residual);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Operands, operands_clear)

static int
result_side (const Case *test,
             int         side)
{
  return (side + 2 * test->padding + test->padding_end - test->dilation * (test->kernel - 1) - 1) / test->stride + 1;
}

static int
resized (int side,
         int resized_side)
{
  return resized_side > 0 ? resized_side : side;
}

static double
expected_element (const Case     *test,
                  const Operands *operands,
                  int             n,
                  int             y,
                  int             x,
                  int             o)
{
  const int height = resized (test->height, test->resized_height);
  const int width = resized (test->width, test->resized_width);
  double    sum = test->bias ? operands->bias[o] : 0.0;

  for (int ky = 0; ky < test->kernel; ky++)
    for (int kx = 0; kx < test->kernel; kx++)
      {
        int sy = y * test->stride - test->padding + ky * test->dilation;
        int sx = x * test->stride - test->padding + kx * test->dilation;

        if (sy < 0 || sy >= height || sx < 0 || sx >= width)
          continue;
        sy = sy * test->height / height;
        sx = sx * test->width / width;

        for (int c = 0; c < test->in_channels; c++)
          sum += (double) operands->x[((n * test->height + sy) * test->width + sx) * test->in_channels + c]
                 * operands->weight[((o * test->in_channels + c) * test->kernel + ky) * test->kernel + kx];
      }

  return sum + (test->channel_bias ? operands->channel_bias[n * test->out_channels + o] : 0.0);
}

static double *
expected_result (const Case     *test,
                 const Operands *operands,
                 int             height,
                 int             width)
{
  double *result = g_new (double, (gsize) test->batch * height * width * test->out_channels);
  gsize   i = 0;

  for (int n = 0; n < test->batch; n++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        for (int o = 0; o < test->out_channels; o++, i++)
          result[i] = expected_element (test, operands, n, y, x, o) + (test->residual ? operands->residual[i] : 0.0);

  return result;
}

static void
make_operands (const Case *test,
               HdDtype     dtype,
               Operands   *operands)
{
  const gsize      height = result_side (test, resized (test->height, test->resized_height));
  const gsize      width = result_side (test, resized (test->width, test->resized_width));
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (test->name));
  HdDtype          weight_type = test->stored != HD_DTYPE_F32 ? test->stored : dtype;

  operands->x = test_random (rand, (gsize) test->batch * test->height * test->width * test->in_channels, dtype);
  operands->weight = test_random (rand, (gsize) test->out_channels * test->in_channels * test->kernel * test->kernel,
                                  weight_type);
  operands->bias = test_random (rand, test->out_channels, test->stored);
  operands->channel_bias = test_random (rand, test->batch * test->out_channels, dtype);
  operands->residual = test_random (rand, test->batch * height * width * test->out_channels,
                                    test->float_result ? HD_DTYPE_F32 : dtype);
}

/* Runs the case with tiles of @tile_flops (0: as large as they are). */
static void
run_case (const Case  *test,
          HdDtype      dtype,
          double       tile_flops,
          HdCpuChoice  winograd)
{
  g_auto (Operands)      operands = { 0 };
  g_autoptr (HdContext)  context = test_context_new (dtype, 1 << 20);
  g_autoptr (HdTensor)   x = NULL, like = NULL, channel_bias = NULL, residual = NULL, y = NULL;
  g_autofree float      *found = NULL;
  g_autofree double     *expected = NULL;
  const int              out = test->out_channels;
  int                    height, width;
  HdConv                 conv = { 0 };
  HdConvOptions          options = { test->stride, test->dilation, test->padding, test->padding_end,
                                     .float_result = test->float_result };

  if (tile_flops > 0.0)
    ((HdCpuContext *) context)->tile_flops = tile_flops;
  ((HdCpuContext *) context)->winograd = winograd;

  make_operands (test, dtype, &operands);
  height = result_side (test, resized (test->height, test->resized_height));
  width = result_side (test, resized (test->width, test->resized_width));
  expected = expected_result (test, &operands, height, width);

  x = test_tensor_new (context, dtype, test->batch, test->height, test->width, test->in_channels, operands.x);
  if (test->resized_height > 0)
    options.upsample_like = like = hd_tensor_new (context, dtype, test->batch, test->resized_height,
                                                  test->resized_width, 1);
  if (test->channel_bias)
    options.channel_bias = channel_bias = test_tensor_new (context, dtype, test->batch, 1, 1, out,
                                                           operands.channel_bias);
  if (test->residual)
    options.residual = residual = test_tensor_new (context, test->float_result ? HD_DTYPE_F32 : dtype,
                                                   test->batch, height, width, out, operands.residual);
  conv.weight = test_weight_new (context, HD_WEIGHT_CONV, dtype, test->stored, out, test->in_channels,
                                 test->kernel, operands.weight);
  if (test->bias)
    conv.bias = test_weight_new (context, HD_WEIGHT_VECTOR, dtype, test->stored, out, 1, 1, operands.bias);

  y = hd_conv2d (context, x, &conv, &options);
  hd_conv_clear (&conv);
  g_assert_nonnull (y);
  g_assert_cmpint (y->dtype, ==, test->float_result ? HD_DTYPE_F32 : dtype);
  g_assert_cmpint (y->height, ==, height);
  g_assert_cmpint (y->width, ==, width);
  g_assert_cmpint (y->channels, ==, out);

  found = test_tensor_read (context, y);
  test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
  test_assert_guards (context, (const HdTensor *[]) { y, x, residual != NULL ? residual : y,
                                                      channel_bias != NULL ? channel_bias : y,
                                                      like != NULL ? like : y, NULL });

  g_clear_pointer (&x, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  g_clear_pointer (&like, hd_tensor_unref);
  g_clear_pointer (&residual, hd_tensor_unref);
  g_clear_pointer (&channel_bias, hd_tensor_unref);
  test_assert_finished (context);
}

static void
test_f32 (gconstpointer data)
{
  run_case (data, HD_DTYPE_F32, 0.0, HD_CPU_CHOICE_NEVER);
}

static void
test_bf16 (gconstpointer data)
{
  if (!test_skip_dtype (HD_DTYPE_BF16))
    run_case (data, HD_DTYPE_BF16, 0.0, HD_CPU_CHOICE_NEVER);
}

/* Tiles of a row, and of about three. */
static void
test_bands (gconstpointer data)
{
  const Case *test = data;
  double      row = 2.0 * resized (test->width, test->resized_width) / test->stride * test->out_channels
                    * test->in_channels * test->kernel * test->kernel;

  run_case (test, HD_DTYPE_F32, 1.0, HD_CPU_CHOICE_NEVER);
  run_case (test, HD_DTYPE_F32, 3.5 * row, HD_CPU_CHOICE_NEVER);
  if (hd_cpu_has_bf16 ())
    run_case (test, HD_DTYPE_BF16, 3.5 * row, HD_CPU_CHOICE_NEVER);
}

/* Winograd's filtering wherever it is possible, in blocks of all sizes. */
static void
run_winograd (const Case *test,
              HdDtype     dtype)
{
  const double tile = 2.0 * 36 * test->in_channels * test->out_channels;

  run_case (test, dtype, 0.0, HD_CPU_CHOICE_ALWAYS);
  run_case (test, dtype, 1.0, HD_CPU_CHOICE_ALWAYS);
  run_case (test, dtype, 2 * 5 * tile, HD_CPU_CHOICE_ALWAYS);
}

static void
test_winograd_f32 (gconstpointer data)
{
  run_winograd (data, HD_DTYPE_F32);
}

static void
test_winograd_bf16 (gconstpointer data)
{
  if (!test_skip_dtype (HD_DTYPE_BF16))
    run_winograd (data, HD_DTYPE_BF16);
}

/* One weight at many sizes: oneDNN wants it in different layouts, and memory must hold it once. */
static void
share_weight (HdDtype dtype)
{
  static const int       widths[] = { 64, 32, 8, 24, 64 };
  const Case             test = { "sizes", 1, 4, 0, 64, 320, 3, 1, 1, 1, 0, .bias = TRUE };
  g_autoptr (HdContext)  context = test_context_new (dtype, 2 << 20);
  g_autoptr (GRand)      rand = g_rand_new_with_seed (7);
  g_autofree float      *values = test_random (rand, 320 * 64 * 9, dtype);
  g_autofree float      *bias = test_random (rand, 320, HD_DTYPE_F32);
  const gsize            vector = 320 * sizeof (float);
  const gsize            bytes = 320 * 64 * 9 * hd_dtype_size (dtype);
  HdConv                 conv = {
    test_weight_new (context, HD_WEIGHT_CONV, dtype, HD_DTYPE_F32, 320, 64, 3, values),
    test_weight_new (context, HD_WEIGHT_VECTOR, dtype, HD_DTYPE_F32, 320, 1, 1, bias),
  };

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      Case                 sized = test;
      Operands             operands = { .weight = values, .bias = bias };
      g_autofree float    *numbers = test_random (rand, 4 * widths[i] * 64, dtype);
      g_autofree float    *found = NULL;
      g_autofree double   *expected = NULL;
      g_autoptr (HdTensor) x = test_tensor_new (context, dtype, 1, 4, widths[i], 64, numbers);
      g_autoptr (HdTensor) y = hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1 });

      g_assert_nonnull (y);
      sized.width = widths[i];
      operands.x = numbers;
      expected = expected_result (&sized, &operands, 4, widths[i]);
      found = test_tensor_read (context, y);
      test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_limit (dtype));
      g_assert_cmpuint (hd_context_get_weight_bytes (context), >=, bytes + vector);
      g_assert_cmpuint (hd_context_get_weight_bytes (context), <, bytes * 3 / 2 + vector);
    }

  hd_conv_clear (&conv);
  test_assert_finished (context);
}

static void
test_shapes_share_weight (gconstpointer data)
{
  HdDtype dtype = GPOINTER_TO_INT (data);

  if (!test_skip_dtype (dtype))
    share_weight (dtype);
}

/* A large convolution of zeros. */
static HdTensor *
run_large (HdContext *context,
           HdConv    *conv)
{
  g_autoptr (HdTensor) x = hd_tensor_new (context, HD_DTYPE_F32, 1, 128, 128, 512);

  return x != NULL ? hd_conv2d (context, x, conv, &(HdConvOptions) { .padding = 1 }) : NULL;
}

/* The result of a convolution of random numbers, @channels to @channels. */
static GBytes *
run_choice (HdDtype     dtype,
            HdCpuChoice winograd,
            int         threads,
            int         side,
            int         channels)
{
  g_autoptr (HdContext) context = test_context_new (dtype, 8 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (1);
  g_autofree float     *values = test_random (rand, channels * channels * 9, dtype);
  g_autofree float     *numbers = test_random (rand, side * side * channels, dtype);
  HdConv                conv = { test_weight_new (context, HD_WEIGHT_CONV, dtype, dtype, channels,
                                                  channels, 3, values), NULL };
  HdTensor             *x = test_tensor_new (context, dtype, 1, side, side, channels, numbers);
  HdTensor             *y;
  GBytes               *bytes;

  ((HdCpuContext *) context)->winograd = winograd;
  ((HdCpuContext *) context)->threads = threads;
  y = hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1 });
  g_assert_nonnull (y);
  bytes = g_bytes_new (y->data, hd_tensor_elements (y) * hd_dtype_size (dtype));
  hd_tensor_unref (x);
  hd_tensor_unref (y);
  hd_conv_clear (&conv);
  test_assert_finished (context);

  return bytes;
}

static void
test_same_bits (gconstpointer data)
{
  const HdCpuChoice  winograd = GPOINTER_TO_INT (data);
  g_autoptr (GBytes) first = run_choice (HD_DTYPE_F32, winograd, 2, 32, 64);

  for (int i = 0; i < 20; i++)
    {
      g_autoptr (GBytes) again = run_choice (HD_DTYPE_F32, winograd, 1 + i % 2, 32, 64);

      g_assert_true (g_bytes_equal (first, again));
    }
}

/* Which way was taken shows in the last bits. */
static void
assert_choice (HdDtype     dtype,
               int         side,
               int         channels,
               HdCpuChoice expected)
{
  g_autoptr (GBytes) direct = run_choice (dtype, HD_CPU_CHOICE_NEVER, 2, side, channels);
  g_autoptr (GBytes) winograd = run_choice (dtype, HD_CPU_CHOICE_ALWAYS, 2, side, channels);
  g_autoptr (GBytes) chosen = run_choice (dtype, HD_CPU_CHOICE_FASTER, 2, side, channels);

  g_assert_false (g_bytes_equal (direct, winograd));
  g_assert_true (g_bytes_equal (chosen, expected == HD_CPU_CHOICE_ALWAYS ? winograd : direct));
}

static void
test_winograd_is_chosen (void)
{
  assert_choice (HD_DTYPE_F32, 64, 128, HD_CPU_CHOICE_ALWAYS);
  assert_choice (HD_DTYPE_F32, 2, 64, HD_CPU_CHOICE_NEVER);
  if (hd_cpu_gemm_has_bf16 (NULL))
    {
      assert_choice (HD_DTYPE_BF16, 64, 128, hd_cpu_has_amx () ? HD_CPU_CHOICE_NEVER : HD_CPU_CHOICE_ALWAYS);
      assert_choice (HD_DTYPE_BF16, 2, 64, HD_CPU_CHOICE_NEVER);
    }
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

static void
test_cancel (gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (HdContext)    context = test_context_new (HD_DTYPE_F32, 80 << 20);
  g_autofree float        *zeros = g_new0 (float, 512 * 512 * 9);
  HdConv                   conv = { test_weight_new (context, HD_WEIGHT_CONV, HD_DTYPE_F32, HD_DTYPE_F32, 512, 512, 3,
                                                     zeros), NULL };
  g_autofree gint64       *cancelled = NULL;
  g_autoptr (GError)       error = NULL;
  GThread                 *thread;
  HdTensor                *y;

  ((HdCpuContext *) context)->winograd = GPOINTER_TO_INT (data);
  memset (context->memory, 0, 80 << 20);
  hd_context_set_cancellable (context, cancellable);
  thread = g_thread_new ("cancel", cancel_soon, cancellable);
  while ((y = run_large (context, &conv)) != NULL)
    hd_tensor_unref (y);
  cancelled = g_thread_join (thread);

  g_assert_cmpint (g_get_monotonic_time () - *cancelled, <, G_USEC_PER_SEC);
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* Cancelled before it begins. */
  g_clear_error (&error);
  g_assert_null (run_large (context, &conv));
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  hd_context_set_cancellable (context, NULL);
  hd_conv_clear (&conv);
  test_assert_finished (context);
}

/* Options that make no sense are errors, whatever they are. */
static void
test_bad_options (void)
{
  static const HdConvOptions bad[] = {
    { .padding = 5 }, { .padding = G_MAXINT }, { .dilation = 100 }, { .dilation = G_MAXINT },
    { .padding_end = 3 }, { .padding = -1 },
  };
  g_autoptr (HdContext)      context = test_context_new (HD_DTYPE_F32, 1 << 20);
  g_autofree float          *zeros = g_new0 (float, 8 * 8 * 9);
  HdConv                     conv = { test_weight_new (context, HD_WEIGHT_CONV, HD_DTYPE_F32, HD_DTYPE_F32, 8, 8, 3,
                                                       zeros), NULL };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError)   error = NULL;
      g_autoptr (HdTensor) x = hd_tensor_new (context, HD_DTYPE_F32, 1, 6, 6, 8);
      g_autoptr (HdTensor) y = hd_conv2d (context, x, &conv, &bad[i]);

      g_assert_null (y);
      g_assert_false (hd_context_check (context, &error));
      g_assert_nonnull (error);
      g_assert_cmpuint (error->domain, ==, HD_KERNEL_ERROR);
    }

  hd_conv_clear (&conv);
  test_assert_finished (context);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *f32 = g_strconcat ("/conv/f32/", cases[i].name, NULL);
      g_autofree char *bf16 = g_strconcat ("/conv/bf16/", cases[i].name, NULL);
      g_autofree char *bands = g_strconcat ("/conv/bands/", cases[i].name, NULL);
      g_autofree char *winograd_f32 = g_strconcat ("/conv/winograd-f32/", cases[i].name, NULL);
      g_autofree char *winograd_bf16 = g_strconcat ("/conv/winograd-bf16/", cases[i].name, NULL);

      g_test_add_data_func (f32, &cases[i], test_f32);
      g_test_add_data_func (bf16, &cases[i], test_bf16);
      g_test_add_data_func (bands, &cases[i], test_bands);
      g_test_add_data_func (winograd_f32, &cases[i], test_winograd_f32);
      g_test_add_data_func (winograd_bf16, &cases[i], test_winograd_bf16);
    }
  g_test_add_data_func ("/conv/shapes-share-weight/f32", GINT_TO_POINTER (HD_DTYPE_F32), test_shapes_share_weight);
  g_test_add_data_func ("/conv/shapes-share-weight/bf16", GINT_TO_POINTER (HD_DTYPE_BF16), test_shapes_share_weight);
  g_test_add_data_func ("/conv/same-bits/direct", GINT_TO_POINTER (HD_CPU_CHOICE_NEVER), test_same_bits);
  g_test_add_data_func ("/conv/same-bits/winograd", GINT_TO_POINTER (HD_CPU_CHOICE_ALWAYS), test_same_bits);
  g_test_add_func ("/conv/winograd-is-chosen", test_winograd_is_chosen);
  g_test_add_data_func ("/conv/cancel/direct", GINT_TO_POINTER (HD_CPU_CHOICE_NEVER), test_cancel);
  g_test_add_data_func ("/conv/cancel/winograd", GINT_TO_POINTER (HD_CPU_CHOICE_ALWAYS), test_cancel);
  g_test_add_func ("/conv/bad-options", test_bad_options);

  return g_test_run ();
}
