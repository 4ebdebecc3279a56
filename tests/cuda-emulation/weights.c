/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/dry/dry.h"
#include "kernels/quantise.h"
#include "kernels/weight_store.h"
#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend.h"

/* How the CUDA device keeps weights: in 8 bits, in the host's memory; and how they come to it. */

#define HEIGHT     4
#define WIDTH      5
#define CHANNELS   40
#define MAX_LAYERS 9

/* --- 8 bits --- */

typedef struct
{
  const char *name;
  int         in, out, kernel;
  int         parts;
  HdDtype     stored;
} Case;

static const Case cases[] = {
  { "linear", 64, 48, 1, 1, HD_DTYPE_F16 },
  { "linear-odd", 33, 17, 1, 1, HD_DTYPE_F32 },
  { "linear-stacked", 40, 72, 1, 3, HD_DTYPE_BF16 },
  { "linear-wide", 700, 9, 1, 1, HD_DTYPE_F32 },
  { "conv", 16, 24, 3, 1, HD_DTYPE_F16 },
  { "conv-odd", 5, 7, 3, 1, HD_DTYPE_F32 },
};

/* The numbers of @values (out, row) that are left of them in 8 bits. */
static float *
quantise (const float *values,
          int          out,
          int          row)
{
  float *left = g_new (float, (gsize) out * row);

  for (int o = 0; o < out; o++)
    {
      float largest = 0.0f;

      for (int i = 0; i < row; i++)
        largest = MAX (largest, fabsf (values[o * row + i]));
      for (int i = 0; i < row; i++)
        left[o * row + i] = hd_quantise (values[o * row + i], hd_quantise_factor (largest))
                            * hd_quantise_scale (largest);
    }

  return left;
}

/* A convolution of @x (height, width, in) with zeros around it. */
static double *
convolve (const Case  *test,
          const float *x,
          const float *weight)
{
  const int k = test->kernel;
  double   *y = g_new0 (double, (gsize) HEIGHT * WIDTH * test->out);

  for (int i = 0; i < HEIGHT * WIDTH * test->out; i++)
    for (int tap = 0; tap < k * k; tap++)
      {
        int row = i / test->out / WIDTH + tap / k - k / 2;
        int column = i / test->out % WIDTH + tap % k - k / 2;

        if (row < 0 || row >= HEIGHT || column < 0 || column >= WIDTH)
          continue;
        for (int c = 0; c < test->in; c++)
          y[i] += (double) x[(row * WIDTH + column) * test->in + c]
                  * weight[((gsize) (i % test->out) * test->in + c) * k * k + tap];
      }

  return y;
}

static HdWeight *
new_weight (HdContext     *context,
            const Case    *test,
            HdWeightFlags  flags,
            HdDtype        dtype,
            const float   *values)
{
  const gsize   row = (gsize) test->in * test->kernel * test->kernel;
  const int     out = test->out / test->parts;
  HdWeightPart  parts[4];
  GError       *error = NULL;
  HdWeight     *weight;

  for (int i = 0; i < test->parts; i++)
    parts[i] = (HdWeightPart) { test->stored, out, test_bytes_new (values + i * out * row, out * row, test->stored) };
  weight = hd_weight_new_with (context, test->kernel > 1 ? HD_WEIGHT_CONV : HD_WEIGHT_LINEAR, flags, dtype, parts,
                               test->parts, test->in, test->kernel, test->kernel, &error);
  g_assert_no_error (error);
  for (int i = 0; i < test->parts; i++)
    g_bytes_unref (parts[i].bytes);

  return weight;
}

static void
run_case (const Case *test,
          HdDtype     dtype)
{
  g_autoptr (HdContext) context = test_cuda_context_new (dtype, 1 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (g_str_hash (test->name));
  const int             row = test->in * test->kernel * test->kernel;
  const gsize           results = (gsize) HEIGHT * WIDTH * test->out;
  g_autofree float     *x = test_random (rand, (gsize) HEIGHT * WIDTH * test->in, dtype);
  g_autofree float     *values = test_random (rand, (gsize) test->out * row, test->stored);
  g_autofree float     *left = NULL;
  g_autofree double    *expected = NULL;
  g_autofree double    *full = NULL;
  g_autofree float     *found = NULL;
  g_autoptr (HdTensor)  tx = test_tensor_new (context, dtype, 1, HEIGHT, WIDTH, test->in, x);
  g_autoptr (HdTensor)  y = NULL;
  HdConv                conv = { 0 };

  /* An output channel of zeros has no scale. */
  memset (values, 0, row * sizeof *values);
  left = quantise (values, test->out, row);
  expected = convolve (test, x, left);
  full = convolve (test, x, values);

  hd_context_set_weight_form (context, HD_WEIGHT_FORM_INT8);
  conv.weight = new_weight (context, test, HD_WEIGHT_MAY_QUANTISE, dtype, values);
  g_assert_cmpint (conv.weight->form, ==, HD_WEIGHT_FORM_INT8);
  if (test->kernel > 1)
    y = hd_conv2d (context, tx, &conv, &(HdConvOptions) { .padding = 1 });
  else
    y = hd_linear (context, tx, &(HdLinear) { .weight = conv.weight }, NULL);
  g_assert_nonnull (y);
  found = test_tensor_read (context, y);

  /* Rounding the weights to the type that is computed with, beside that of the results. */
  g_test_message ("%s: %g of what is left, %g of the whole", test->name,
                  test_relative_error (found, expected, results), test_relative_error (found, full, results));
  test_assert_error (test_relative_error (found, expected, results), 1.5 * test_cuda_limit (dtype));
  test_assert_error (test_relative_error (found, full, results), 1e-2);
  for (int i = 0; i < HEIGHT * WIDTH; i++)
    g_assert_cmpfloat (found[i * test->out], ==, 0.0f);
  test_assert_guards (context, (const HdTensor *[]) { tx, y, NULL });

  g_clear_pointer (&tx, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  hd_conv_clear (&conv);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
  test_assert_finished (context);
}

static void
test_int8 (gconstpointer data)
{
  run_case (data, HD_DTYPE_F16);
  run_case (data, HD_DTYPE_BF16);
  test_cuda_assert_released ();
}

/* What a network does not allow is not done, whatever the context is asked to. */
static void
test_flags (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 16);
  g_autofree float     *values = g_new0 (float, 64 * 64);
  const Case            test = { "flags", 64, 64, 1, 1, HD_DTYPE_F16 };
  g_autoptr (HdWeight)  full = NULL;
  g_autoptr (HdWeight)  plain = NULL;

  full = new_weight (context, &test, HD_WEIGHT_MAY_QUANTISE, HD_DTYPE_F16, values);
  g_assert_cmpint (full->form, ==, HD_WEIGHT_FORM_FULL);

  hd_context_set_weight_form (context, HD_WEIGHT_FORM_INT8);
  hd_context_set_streaming (context, &(HdStreaming) { .total = 64 * 64 * 2 });
  plain = new_weight (context, &test, 0, HD_DTYPE_F16, values);
  g_assert_cmpint (plain->form, ==, HD_WEIGHT_FORM_FULL);
  g_assert_false (plain->streamed);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 2 * 64 * 64 * 2);
}

/* --- streaming --- */

typedef struct
{
  int    n;
  HdConv layers[MAX_LAYERS];   /* matrices where the kernel is 1 */
} Network;

/* Sizes that differ, so that the ring's places do. */
static const int widths[MAX_LAYERS] = { 72, 200, 40, 40, 136, 8, 304, 64, 40 };

static void
load (Network   *network,
      HdContext *context,
      HdDtype    dtype)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  int               in = CHANNELS;

  *network = (Network) { .n = MAX_LAYERS };
  for (int i = 0; i < network->n; i++)
    {
      const Case        test = { "layer", in, widths[i], i % 5 == 3 ? 3 : 1, 1, HD_DTYPE_F16 };
      g_autofree float *values = test_random (rand, (gsize) in * widths[i] * test.kernel * test.kernel, HD_DTYPE_F16);

      for (gsize j = 0; j < (gsize) in * widths[i] * test.kernel * test.kernel; j++)
        values[j] = test_round (values[j] / sqrtf (in * test.kernel * test.kernel), HD_DTYPE_F16);
      network->layers[i].weight = new_weight (context, &test, HD_WEIGHT_MAY_QUANTISE | HD_WEIGHT_MAY_STREAM, dtype,
                                              values);
      in = widths[i];
    }
}

static void
unload (Network *network)
{
  for (int i = 0; i < network->n; i++)
    hd_conv_clear (&network->layers[i]);
}

/* One layer after the other, those of the numbers in @again (a set of bits) twice. */
static float *
run (const Network *network,
     HdContext     *context,
     HdDtype        dtype,
     guint          again)
{
  g_autoptr (GRand)     rand = g_rand_new_with_seed (6);
  g_autofree float     *values = test_random (rand, HEIGHT * WIDTH * CHANNELS, dtype);
  g_autoptr (HdTensor)  x = hd_upload_rows (context, dtype, 1, HEIGHT, WIDTH, CHANNELS, values);

  for (int i = 0; i < network->n; i++)
    for (int times = again >> i & 1; times >= 0; times--)
      {
        const HdConv        *layer = &network->layers[i];
        g_autoptr (HdTensor) y = NULL;

        if (layer->weight->kernel_height > 1)
          y = hd_conv2d (context, x, layer, &(HdConvOptions) { .padding = 1 });
        else
          y = hd_linear (context, x, &(HdLinear) { .weight = layer->weight }, NULL);
        if (times == 0)
          hd_tensor_take (&x, g_steal_pointer (&y));
      }

  return test_tensor_read (context, x);
}

/* The layers, each alone, in another order than they were made in. */
static void
use_backwards (const Network *network,
               HdContext     *context,
               HdDtype        dtype)
{
  g_autofree float *zeros = g_new0 (float, HEIGHT * WIDTH * 512);

  for (int i = network->n - 1; i >= 0; i--)
    {
      const HdConv        *layer = &network->layers[i];
      g_autoptr (HdTensor) x = hd_upload_rows (context, dtype, 1, HEIGHT, WIDTH, layer->weight->in_channels, zeros);
      g_autoptr (HdTensor) y = layer->weight->kernel_height > 1
                               ? hd_conv2d (context, x, layer, &(HdConvOptions) { .padding = 1 })
                               : hd_linear (context, x, &(HdLinear) { .weight = layer->weight }, NULL);

      g_assert_nonnull (y);
    }
}

static int
count_streamed (const Network *network)
{
  int n = 0;

  for (int i = 0; i < network->n; i++)
    n += network->layers[i].weight->streamed;

  return n;
}

/* With @share of 8 eighths of the network's weights on the device: what it computes is what it does with all of them,
 * and it takes what a dry run says. */
static void
run_streamed (HdWeightForm  form,
              int           share,
              const float  *expected)
{
  const gsize           size = (gsize) HEIGHT * WIDTH * CHANNELS * sizeof (float);
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  g_autoptr (HdContext) dry = hd_dry_context_new (HD_DTYPE_F16);
  g_autofree float     *first = NULL;
  g_autofree float     *second = NULL;
  g_autofree float     *third = NULL;
  HdStreaming           streaming = { 0 };
  Network               network;
  gsize                 before;

  hd_context_set_weight_form (dry, form);
  load (&network, dry, HD_DTYPE_F16);
  streaming.total = hd_context_get_streamable_bytes (dry);
  streaming.resident = streaming.total * share / 8;
  unload (&network);
  g_assert_cmpuint (hd_context_get_weight_bytes (dry), ==, 0);
  hd_context_set_streaming (dry, &streaming);
  load (&network, dry, HD_DTYPE_F16);
  unload (&network);
  load (&network, dry, HD_DTYPE_F16);

  before = hd_emulated_device_bytes ();
  hd_context_set_weight_form (context, form);
  hd_context_set_streaming (context, &streaming);
  {
    Network counted = network;

    load (&network, context, HD_DTYPE_F16);
    g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, hd_context_get_weight_bytes (dry));
    g_assert_cmpuint (hd_context_get_streamable_bytes (context), ==, streaming.total);
    g_assert_cmpint (count_streamed (&network), ==, count_streamed (&counted));
    unload (&counted);
  }
  if (hd_emulated ())
    g_assert_cmpuint (hd_emulated_device_bytes () - before, ==, hd_context_get_weight_bytes (context));
  if (share == 8)
    g_assert_cmpint (count_streamed (&network), ==, 0);
  else
    g_assert_cmpint (count_streamed (&network), >, 0);
  if (share == 0)
    g_assert_cmpint (count_streamed (&network), ==, network.n);

  first = run (&network, context, HD_DTYPE_F16, 0);
  second = run (&network, context, HD_DTYPE_F16, 0x94);
  use_backwards (&network, context, HD_DTYPE_F16);
  third = run (&network, context, HD_DTYPE_F16, 0);
  g_assert_cmpmem (first, size, expected, size);
  g_assert_cmpmem (second, size, expected, size);
  g_assert_cmpmem (third, size, expected, size);

  unload (&network);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
  test_assert_finished (context);
}

static void
test_streaming (gconstpointer data)
{
  const HdWeightForm form = GPOINTER_TO_INT (data);
  g_autofree float  *expected = NULL;

  {
    g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
    Network               network;

    g_assert_true (hd_context_can_stream (context));
    hd_context_set_weight_form (context, form);
    load (&network, context, HD_DTYPE_F16);
    expected = run (&network, context, HD_DTYPE_F16, 0);
    unload (&network);
  }

  for (int share = 0; share <= 8; share += 4)
    run_streamed (form, share, expected);

  /* Copies as late as they may be, and as soon. */
  hd_emulated_set_eager (TRUE);
  run_streamed (form, 0, expected);
  hd_emulated_set_eager (FALSE);
  test_cuda_assert_released ();
}

/* While a weight is used, the next ones are on their way: the host never waits, and each is copied once. */
static void
test_ahead (void)
{
  g_autoptr (HdContext) context = NULL;
  g_autoptr (HdTensor)  x = NULL;
  g_autofree float     *zeros = g_new0 (float, HEIGHT * WIDTH * CHANNELS);
  Network               network;
  guint64               waits;

  if (test_cuda_skip_on_gpu ())
    return;

  context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  hd_context_set_streaming (context, &(HdStreaming) { .total = 1 });
  load (&network, context, HD_DTYPE_F16);
  x = hd_upload_rows (context, HD_DTYPE_F16, 1, HEIGHT, WIDTH, CHANNELS, zeros);

  waits = hd_emulated_waits ();
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (HdTensor) y = hd_linear (context, x, &(HdLinear) { .weight = network.layers[0].weight }, NULL);
      g_autoptr (HdTensor) z = hd_linear (context, y, &(HdLinear) { .weight = network.layers[1].weight }, NULL);

      g_assert_nonnull (z);
    }
  g_assert_cmpuint (hd_emulated_waits (), ==, waits);
  g_assert_cmpuint (hd_emulated_unpinned_copies (), ==, 0);

  g_clear_pointer (&x, hd_tensor_unref);
  unload (&network);
  test_assert_finished (context);
}

/* Neither memory that is missing somewhere nor a system that pins none leaves anything behind. */
static void
test_no_memory (void)
{
  gboolean complete = FALSE;

  if (test_cuda_skip_on_gpu ())
    return;

  for (int places = -1; !complete; places++)
    {
      g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
      const Case            test = { "memory", CHANNELS, CHANNELS, 1, 1, HD_DTYPE_F16 };
      g_autofree float     *values = g_new0 (float, CHANNELS * CHANNELS);
      g_autoptr (GBytes)    bytes = test_bytes_new (values, CHANNELS * CHANNELS, test.stored);
      HdWeightPart          part = { test.stored, CHANNELS, bytes };
      g_autoptr (HdWeight)  weight = NULL;
      GError               *error = NULL;

      hd_context_set_weight_form (context, HD_WEIGHT_FORM_INT8);
      hd_context_set_streaming (context, &(HdStreaming) { .total = 1 });
      hd_emulated_fail_after (places);
      weight = hd_weight_new_with (context, HD_WEIGHT_LINEAR, HD_WEIGHT_MAY_QUANTISE | HD_WEIGHT_MAY_STREAM,
                                   HD_DTYPE_F16, &part, 1, CHANNELS, 1, 1, &error);
      hd_emulated_fail_after (-1);
      if (weight == NULL)
        {
          g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
          g_clear_error (&error);
          g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
        }
      else if (places >= 0)
        {
          g_autoptr (HdTensor) x = hd_upload_rows (context, HD_DTYPE_F16, 1, 1, 1, CHANNELS, values);
          g_autoptr (HdTensor) y = hd_linear (context, x, &(HdLinear) { .weight = weight }, NULL);
          g_autofree float    *found = test_tensor_read (context, y);

          /* There were room to unpack, scales and the ring; the host's memory was not pinned. */
          g_assert_cmpint (places, ==, 3);
          g_assert_cmpuint (hd_emulated_unpinned_copies (), >, 0);
          g_assert_cmpfloat (found[0], ==, 0.0f);
          complete = TRUE;
        }
    }

  test_cuda_assert_released ();
}

/* An HdRepeatFunc. */
static HdTensor *
run_step (HdContext *context,
          gpointer   user_data)
{
  g_autoptr (GRand)     rand = g_rand_new_with_seed (6);
  const Network        *network = user_data;
  g_autofree float     *values = test_random (rand, HEIGHT * WIDTH * CHANNELS, HD_DTYPE_F16);
  g_autoptr (HdTensor)  x = hd_upload_rows (context, HD_DTYPE_F16, 1, HEIGHT, WIDTH, CHANNELS, values);

  return hd_linear (context, x, &(HdLinear) { .weight = network->layers[0].weight }, NULL);
}

/* A step with streamed weights is never recorded, not even tried: its copies are another stream's. */
static void
test_unrecorded (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  const gsize           size = (gsize) HEIGHT * WIDTH * widths[0] * sizeof (float);
  g_autofree float     *expected = NULL;
  const guint64         captures = hd_emulated_captures ();
  Network               network;

  hd_context_set_streaming (context, &(HdStreaming) { .total = 1 });
  load (&network, context, HD_DTYPE_F16);
  for (int k = 0; k < 4; k++)
    {
      g_autoptr (HdTensor)  y = hd_context_repeat (context, 1, run_step, &network);
      g_autofree float     *found = test_tensor_read (context, y);

      if (expected == NULL)
        expected = g_steal_pointer (&found);
      else
        g_assert_cmpmem (found, size, expected, size);
    }
  g_assert_cmpuint (hd_emulated_captures (), ==, captures);

  unload (&network);
  test_assert_finished (context);
}

/* What will not fit into the host's memory is refused before any of it is there. */
static void
test_no_host_memory (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  const Case            test = { "host", CHANNELS, CHANNELS, 1, 1, HD_DTYPE_F16 };
  g_autofree float     *values = g_new0 (float, CHANNELS * CHANNELS);
  g_autoptr (GBytes)    bytes = test_bytes_new (values, CHANNELS * CHANNELS, test.stored);
  HdWeightPart          part = { test.stored, CHANNELS, bytes };
  g_autoptr (HdWeight)  weight = NULL;
  GError               *error = NULL;

  hd_context_set_streaming (context, &(HdStreaming) { .total = (gsize) 3 << 50, .resident = (gsize) 1 << 50 });
  g_assert_null (hd_weight_new_with (context, HD_WEIGHT_LINEAR, HD_WEIGHT_MAY_STREAM, HD_DTYPE_F16, &part, 1, CHANNELS,
                                     1, 1, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "2.0\302\240PiB are needed"));
  g_clear_error (&error);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);

  hd_context_set_streaming (context, &(HdStreaming) { .total = (gsize) 1 << 20 });
  weight = hd_weight_new_with (context, HD_WEIGHT_LINEAR, HD_WEIGHT_MAY_STREAM, HD_DTYPE_F16, &part, 1, CHANNELS, 1, 1,
                               &error);
  g_assert_no_error (error);
  g_assert_true (weight->streamed);
}

static void
test_cancel (void)
{
  g_autoptr (HdContext)    context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree float        *expected = NULL;
  g_autofree float        *found = NULL;
  g_autofree float        *zeros = g_new0 (float, HEIGHT * WIDTH * CHANNELS);
  g_autoptr (HdTensor)     x = NULL;
  GError                  *error = NULL;
  Network                  network;

  hd_context_set_streaming (context, &(HdStreaming) { .total = 1 });
  load (&network, context, HD_DTYPE_F16);
  expected = run (&network, context, HD_DTYPE_F16, 0);
  x = hd_upload_rows (context, HD_DTYPE_F16, 1, HEIGHT, WIDTH, CHANNELS, zeros);

  hd_context_set_cancellable (context, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_null (hd_linear (context, x, &(HdLinear) { .weight = network.layers[0].weight }, NULL));
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  hd_context_set_cancellable (context, NULL);

  found = run (&network, context, HD_DTYPE_F16, 0);
  g_assert_cmpmem (found, HEIGHT * WIDTH * CHANNELS * sizeof *found, expected,
                   HEIGHT * WIDTH * CHANNELS * sizeof *found);
  g_clear_pointer (&x, hd_tensor_unref);
  unload (&network);
  test_assert_finished (context);
}

/* --- memory --- */

#define LARGE_IN  600
#define LARGE_OUT 1024   /* outputs: more than a MiB of elements */
#define LARGE     9

static HdWeight *
new_large (HdContext *context,
           int        number)
{
  const Case        test = { "large", LARGE_IN, LARGE_OUT, 1, 1, HD_DTYPE_F16 };
  g_autofree float *values = g_new (float, LARGE_IN * LARGE_OUT);

  for (int i = 0; i < LARGE_IN * LARGE_OUT; i++)
    values[i] = (float) ((i * 7 + number) % 13 - 6);

  return new_weight (context, &test, 0, HD_DTYPE_F16, values);
}

/* Its first outputs for the first unit vector are what they should be. */
static void
assert_large (HdContext *context,
              HdWeight  *weight,
              int        number)
{
  g_autofree float    *unit = g_new0 (float, LARGE_IN);
  g_autofree float    *found = NULL;
  g_autoptr (HdTensor) x = NULL;
  g_autoptr (HdTensor) y = NULL;

  unit[0] = 1.0f;
  x = hd_upload_rows (context, HD_DTYPE_F16, 1, 1, 1, LARGE_IN, unit);
  y = hd_linear (context, x, &(HdLinear) { .weight = weight }, NULL);
  found = test_tensor_read (context, y);
  for (int o = 0; o < LARGE_OUT; o++)
    g_assert_cmpfloat (found[o], ==, (float) ((o * LARGE_IN * 7 + number) % 13 - 6));
}

/* Large weights lie side by side, and their memory is used again by others and given back with the last of them, in
 * whatever order they go. */
static void
test_slabs (void)
{
  g_autoptr (HdContext) context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  HdWeight             *weights[LARGE];
  gsize                 before;

  {
    HdWeight *first = new_large (context, 0);   /* what transfers need stays */

    hd_weight_unref (first);
  }
  before = hd_emulated_device_bytes ();

  for (int i = 0; i < LARGE; i++)
    weights[i] = new_large (context, i);
  if (hd_emulated ())
    g_assert_cmpuint (hd_emulated_device_bytes () - before, ==, 64 << 20);
  for (int i = 0; i < LARGE; i += 2)
    {
      g_clear_pointer (&weights[i], hd_weight_unref);
      weights[i] = new_large (context, 100 + i);
    }
  for (int i = 0; i < LARGE; i++)
    assert_large (context, weights[i], i % 2 == 0 ? 100 + i : i);
  if (hd_emulated ())
    g_assert_cmpuint (hd_emulated_device_bytes () - before, <, (64 << 20) + (2 << 20));

  for (int i = 0; i < LARGE; i++)
    hd_weight_unref (weights[i * 4 % LARGE]);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
  if (hd_emulated ())
    g_assert_cmpuint (hd_emulated_device_bytes () - before, <, 2 << 20);
  test_assert_finished (context);
}

/* Where there is no room for a slab there may be some for the weight alone, or none. */
static void
test_no_slab (void)
{
  const gsize           all = (gsize) 4 << 30;
  g_autoptr (HdContext) context = NULL;
  HdWeight             *weight;
  g_autofree float     *values = g_new0 (float, LARGE_IN * LARGE_OUT);
  g_autoptr (GBytes)    bytes = test_bytes_new (values, LARGE_IN * LARGE_OUT, HD_DTYPE_F16);
  HdWeightPart          part = { HD_DTYPE_F16, LARGE_OUT, bytes };
  GError               *error = NULL;

  if (test_cuda_skip_on_gpu ())
    return;

  context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  weight = new_large (context, 0);
  assert_large (context, weight, 0);
  hd_weight_unref (weight);

  hd_emulated_take_memory (all - hd_emulated_device_bytes () - (2 << 20));
  weight = new_large (context, 3);
  assert_large (context, weight, 3);
  g_assert_null (hd_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, &part, 1, LARGE_IN, 1, 1, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_clear_error (&error);
  hd_emulated_take_memory (0);

  hd_weight_unref (weight);
  test_assert_finished (context);
}

/* --- uploading --- */

/* A checkpoint's bytes pass through pinned memory, in pieces: while one is on its way, the next one is read. The host
 * waits for nothing before it wants to fill a buffer for the second time. */
static void
test_upload (void)
{
  g_autoptr (HdContext) context = NULL;
  g_autoptr (GRand)     rand = g_rand_new_with_seed (8);
  const int             pieces = 6;
  const int             n = 512;
  g_autofree float     *values = NULL;
  g_autofree float     *zeros = g_new0 (float, 8);
  g_autofree float     *found = NULL;
  g_autofree float     *copy = NULL;
  HdWeight             *table;
  guint64               waits;

  if (test_cuda_skip_on_gpu ())
    return;

  context = test_cuda_context_new (HD_DTYPE_F16, 1 << 18);
  values = test_random (rand, pieces * n, HD_DTYPE_F16);
  {
    g_autoptr (HdTensor) first = hd_upload_rows (context, HD_DTYPE_F16, 1, 1, 1, 8, zeros);

    test_cuda_pretend_staging (context, n * sizeof (guint16));
  }
  test_assert_finished (context);

  waits = hd_emulated_waits ();
  copy = g_memdup2 (values, pieces * n * sizeof *values);
  table = test_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, HD_DTYPE_F16, pieces * n / 32, 32, 1, copy);
  g_assert_cmpuint (hd_emulated_waits () - waits, ==, pieces - 2);
  g_assert_cmpuint (hd_emulated_unpinned_copies (), ==, 0);

  /* What arrives is what was there: the identity's product with it. */
  {
    g_autofree float     *identity = g_new0 (float, 32 * 32);
    g_autoptr (HdTensor)  x = NULL;
    g_autoptr (HdTensor)  y = NULL;

    for (int i = 0; i < 32; i++)
      identity[33 * i] = 1.0f;
    x = hd_upload_rows (context, HD_DTYPE_F16, 1, 1, 32, 32, identity);
    y = hd_linear (context, x, &(HdLinear) { .weight = table }, NULL);
    found = test_tensor_read (context, y);
  }
  for (int row = 0; row < pieces * n / 32; row++)
    for (int i = 0; i < 32; i++)
      g_assert_cmpfloat (found[i * (pieces * n / 32) + row], ==, values[row * 32 + i]);

  hd_weight_unref (table);
  test_assert_finished (context);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cuda/weights/int8/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_int8);
    }
  g_test_add_func ("/cuda/weights/flags", test_flags);
  g_test_add_data_func ("/cuda/weights/streaming/full", GINT_TO_POINTER (HD_WEIGHT_FORM_FULL), test_streaming);
  g_test_add_data_func ("/cuda/weights/streaming/int8", GINT_TO_POINTER (HD_WEIGHT_FORM_INT8), test_streaming);
  g_test_add_func ("/cuda/weights/ahead", test_ahead);
  g_test_add_func ("/cuda/weights/unrecorded", test_unrecorded);
  g_test_add_func ("/cuda/weights/no-host-memory", test_no_host_memory);
  g_test_add_func ("/cuda/weights/cancel", test_cancel);
  g_test_add_func ("/cuda/weights/slabs", test_slabs);
  g_test_add_func ("/cuda/weights/no-slab", test_no_slab);
  g_test_add_func ("/cuda/weights/upload", test_upload);
  g_test_add_func ("/cuda/weights/no-memory", test_no_memory);

  return g_test_run ();
}
