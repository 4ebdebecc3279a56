/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend.h"

/* The CUDA device's convolutions against loops in double. */

typedef struct
{
  const char *name;
  int         batch, height, width, in_channels, out_channels, kernel;
  int         stride, dilation, padding, padding_end;
  int         read_height, read_width;    /* 0: not resized */
  gboolean    bias, channel_bias, residual, float_result;
} Case;

static const Case cases[] = {
  { "plain", 1, 9, 7, 32, 48, 3, 1, 1, 1, 0, .bias = TRUE },
  { "no-bias", 1, 8, 8, 16, 16, 3, 1, 1, 1, 0 },
  { "no-padding", 1, 8, 9, 16, 20, 3, 1, 1, 0, 0, .bias = TRUE },
  { "pointwise", 2, 5, 6, 24, 40, 1, 1, 1, 0, 0, .bias = TRUE },
  { "five", 1, 9, 9, 16, 16, 5, 1, 1, 2, 0, .bias = TRUE },
  { "eight-channels", 1, 5, 5, 8, 8, 3, 1, 1, 1, 0, .bias = TRUE },
  { "one-channel", 1, 6, 6, 1, 1, 3, 1, 1, 1, 0, .bias = TRUE },
  { "odd-channels", 1, 6, 5, 33, 17, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "latent-in", 2, 12, 10, 4, 64, 3, 1, 1, 1, 0, .bias = TRUE },
  { "inpainting-in", 1, 12, 10, 9, 64, 3, 1, 1, 1, 0, .bias = TRUE },
  { "latent-out", 2, 12, 10, 64, 4, 3, 1, 1, 1, 0, .bias = TRUE, .float_result = TRUE },
  { "picture-out", 1, 20, 19, 32, 3, 3, 1, 1, 1, 0, .bias = TRUE, .float_result = TRUE },
  { "residual-float", 1, 7, 7, 16, 16, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE, .float_result = TRUE },
  { "resnet", 2, 11, 13, 64, 64, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
  { "wide-tiles", 1, 19, 17, 40, 200, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE },
  { "huge-tiles", 1, 17, 31, 16, 128, 3, 1, 1, 1, 0, .bias = TRUE, .residual = TRUE },
  { "tall-tiles", 2, 14, 11, 16, 72, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE },
  { "deep", 1, 3, 4, 320, 24, 3, 1, 1, 1, 0, .bias = TRUE, .channel_bias = TRUE, .residual = TRUE },
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
  { "upsample-latent", 1, 4, 3, 4, 32, 3, 1, 1, 1, 0, 8, 7, .bias = TRUE, .channel_bias = TRUE },
  { "upsample-three", 1, 4, 3, 32, 32, 3, 1, 1, 1, 0, 12, 9, .bias = TRUE },
  { "upsample-pixel", 1, 1, 1, 32, 32, 3, 1, 1, 1, 0, 2, 2, .bias = TRUE },
  { "resized-smaller", 1, 9, 8, 16, 16, 3, 1, 1, 1, 0, 5, 3, .bias = TRUE },
  { "one-pixel", 1, 1, 1, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE },
  { "one-row", 1, 1, 9, 32, 32, 3, 1, 1, 1, 0, .bias = TRUE },
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
read_side (int side,
           int read)
{
  return read > 0 ? read : side;
}

static int
result_side (const Case *test,
             int         side)
{
  return (side + 2 * test->padding + test->padding_end - test->dilation * (test->kernel - 1) - 1) / test->stride + 1;
}

static double
expected_element (const Case     *test,
                  const Operands *operands,
                  int             n,
                  int             y,
                  int             x,
                  int             o)
{
  const int height = read_side (test->height, test->read_height);
  const int width = read_side (test->width, test->read_width);
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
               int         height,
               int         width,
               Operands   *operands)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (test->name));
  HdDtype           result = test->float_result ? HD_DTYPE_F32 : dtype;
  gsize             taps = (gsize) test->kernel * test->kernel;

  operands->x = test_random (rand, (gsize) test->batch * test->height * test->width * test->in_channels, dtype);
  operands->weight = test_random (rand, test->out_channels * test->in_channels * taps, dtype);
  operands->bias = test_random (rand, test->out_channels, HD_DTYPE_F32);
  operands->channel_bias = test_random (rand, test->batch * test->out_channels, dtype);
  operands->residual = test_random (rand, (gsize) test->batch * height * width * test->out_channels, result);
}

/* @processors: for which work is divided; @flops: that the card seems to do in a second; 0: as it is; @measured: tiles
 * are chosen by measurement. */
static void
run_case (const Case *test,
          HdDtype     dtype,
          int         processors,
          double      flops,
          gboolean    measured)
{
  g_auto (Operands)     operands = { 0 };
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 4 << 20);
  g_autoptr (HdTensor)  x = NULL, like = NULL, channel_bias = NULL, residual = NULL, y = NULL;
  g_autofree float     *found = NULL;
  g_autofree double    *expected = NULL;
  const int             out = test->out_channels;
  const int             height = result_side (test, read_side (test->height, test->read_height));
  const int             width = result_side (test, read_side (test->width, test->read_width));
  HdDtype               result = test->float_result ? HD_DTYPE_F32 : dtype;
  HdConv                conv = { 0 };
  HdConvOptions         options = { test->stride, test->dilation, test->padding, test->padding_end,
                                    .float_result = test->float_result };

  test_cuda_pretend (context, processors, flops);
  test_cuda_measure (context, measured);

  make_operands (test, dtype, height, width, &operands);
  expected = expected_result (test, &operands, height, width);

  x = test_tensor_new (context, dtype, test->batch, test->height, test->width, test->in_channels, operands.x);
  if (test->read_height > 0)
    options.upsample_like = like = hd_tensor_new (context, dtype, test->batch, test->read_height, test->read_width, 1);
  if (test->channel_bias)
    options.channel_bias = channel_bias = test_tensor_new (context, dtype, test->batch, 1, 1, out,
                                                           operands.channel_bias);
  if (test->residual)
    options.residual = residual = test_tensor_new (context, result, test->batch, height, width, out,
                                                   operands.residual);
  conv.weight = test_weight_new (context, HD_WEIGHT_CONV, dtype, dtype, out, test->in_channels, test->kernel,
                                 operands.weight);
  if (test->bias)
    conv.bias = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, out, 1, 1, operands.bias);

  y = hd_conv2d (context, x, &conv, &options);
  g_assert_nonnull (y);
  g_assert_cmpint (y->height, ==, height);
  g_assert_cmpint (y->width, ==, width);
  found = test_tensor_read (context, y);
  g_test_message ("%s: error %g", test->name, test_relative_error (found, expected, hd_tensor_elements (y)));
  test_assert_error (test_relative_error (found, expected, hd_tensor_elements (y)), test_cuda_limit (result));

  {
    const HdTensor *tensors[] = { x, y, like, channel_bias, residual, NULL, NULL };
    int             n = 0;

    for (guint i = 0; i < 5; i++)
      if (tensors[i] != NULL)
        tensors[n++] = tensors[i];
    tensors[n] = NULL;
    test_assert_guards (context, tensors);
  }

  g_clear_pointer (&x, hd_tensor_unref);
  g_clear_pointer (&like, hd_tensor_unref);
  g_clear_pointer (&channel_bias, hd_tensor_unref);
  g_clear_pointer (&residual, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  hd_conv_clear (&conv);
  test_assert_finished (context);
}

static void
test_conv (gconstpointer data)
{
  const Case *test = data;

  run_case (test, HD_DTYPE_F16, 0, 0.0, FALSE);
  run_case (test, HD_DTYPE_BF16, 0, 0.0, FALSE);
  test_cuda_assert_released ();
}

/* All shapes of tiles, and depths that blocks share, come from cards with few and many processors. */
static void
test_processors (void)
{
  const char *names[] = { "wide-tiles", "huge-tiles", "tall-tiles", "deep", "resnet", "odd-channels" };
  const int   processors[] = { 1, 6, 24, 200 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (g_strv_contains ((const char *const []) { names[0], names[1], names[2], names[3], names[4], NULL },
                         cases[i].name))
      for (guint j = 0; j < G_N_ELEMENTS (processors); j++)
        run_case (&cases[i], HD_DTYPE_BF16, processors[j], 0.0, FALSE);
}

/* A slow card gets many short launches. */
static void
test_launches (void)
{
  guint64 launches;

  if (test_cuda_skip_on_gpu ())
    return;

  hd_emulated_most_blocks ();
  launches = hd_emulated_launches ();
  run_case (&cases[13], HD_DTYPE_F16, 200, 1e3, FALSE);
  g_assert_cmpuint (hd_emulated_launches () - launches, >=, 5);
}

/* Measured twice: the second time by what the first has kept; and a large one by its first rows. */
static void
test_measured (void)
{
  const char *const names[] = { "odd-channels", "upsample-odd", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (g_strv_contains (names, cases[i].name))
      {
        run_case (&cases[i], HD_DTYPE_F16, 0, 0.0, TRUE);
        run_case (&cases[i], HD_DTYPE_F16, 0, 0.0, TRUE);
        run_case (&cases[i], HD_DTYPE_BF16, 8, 1e6, TRUE);
      }
}

/* What the index map cannot reach is refused. */
static void
test_too_large (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 20);
  g_autofree float     *values = g_new0 (float, 40000);
  g_autoptr (GError)    error = NULL;
  HdConvOptions         options = { .padding = 1 };
  HdConv                conv = { 0 };

  conv.weight = test_weight_new (context, HD_WEIGHT_CONV, HD_DTYPE_F16, HD_DTYPE_F16, 1, 1, 3, values);
  {
    g_autoptr (HdTensor) x = test_tensor_new (context, HD_DTYPE_F16, 1, 1, 40000, 1, values);

    g_assert_null (hd_conv2d (context, x, &conv, &options));
  }
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  hd_conv_clear (&conv);
}

int
main (int    argc,
      char **argv)
{
  /* On a GPU measurements are kept where tools/gpu-check looks for them. */
  g_test_init (&argc, &argv, hd_emulated () ? G_TEST_OPTION_ISOLATE_DIRS : NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cuda/conv/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_conv);
    }
  g_test_add_func ("/cuda/conv/processors", test_processors);
  g_test_add_func ("/cuda/conv/launches", test_launches);
  g_test_add_func ("/cuda/conv/measured", test_measured);
  g_test_add_func ("/cuda/conv/too-large", test_too_large);

  return g_test_run ();
}
