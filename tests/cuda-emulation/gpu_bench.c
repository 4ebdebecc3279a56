/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/backend.h"
#include "kernels/cuda/cuda.h"

/* gpu-bench [--precision float16|bfloat16] [--tiny]: how fast operators are on the GPU, in shapes of Stable Diffusion 1.5
 * and XL at 1024 and 2048 with HiDiffusion, against what the card reaches in a large matrix product and in a large sum,
 * which come first. Prints JSON, with the shapes for others to measure.
 * --tiny: sides divided by 32, and channels, to see that it runs. */

#define SECONDS_EACH 0.3

typedef enum
{
  LINEAR,
  CONV,
  ATTENTION,
  WINDOWS,
  GROUP_NORM,
  LAYER_NORM,
  ADD,
} Kind;

typedef struct
{
  const char *name;
  Kind        kind;
  int         batch, height, width, in, out;
  int         stride, heads, keys;
} Case;

static const char * const kind_names[] = {
  [LINEAR] = "linear", [CONV] = "conv", [ATTENTION] = "attention", [WINDOWS] = "windows", [GROUP_NORM] = "group norm",
  [LAYER_NORM] = "layer norm", [ADD] = "add",
};

static const Case cases[] = {
  { "ceiling of products: 8192 x 8192 x 8192", LINEAR, 1, 64, 128, 8192, 8192 },
  { "ceiling of memory: sum of 2 x 256 Mi", ADD, 1, 1024, 1024, 256 },
  { "linear 320 to 2560, 128 x 128", LINEAR, 2, 128, 128, 320, 2560 },
  { "linear 640 to 5120, 128 x 128", LINEAR, 2, 128, 128, 640, 5120 },
  { "linear 1280 to 10240, 64 x 64", LINEAR, 2, 64, 64, 1280, 10240 },
  { "linear 1280 to 1280, 64 x 64", LINEAR, 2, 64, 64, 1280, 1280 },
  { "conv 320, 128 x 128", CONV, 2, 128, 128, 320, 320, 1 },
  { "conv 320, 256 x 256", CONV, 2, 256, 256, 320, 320, 1 },
  { "conv 640, 128 x 128", CONV, 2, 128, 128, 640, 640, 1 },
  { "conv 1280, 64 x 64", CONV, 2, 64, 64, 1280, 1280, 1 },
  { "conv 320, stride 2, 256 x 256", CONV, 2, 256, 256, 320, 320, 2 },
  { "conv 512 of the VAE, 512 x 512", CONV, 1, 512, 512, 512, 512, 1 },
  { "attention 8 x 40, 128 x 128", ATTENTION, 2, 128, 128, 320, 0, 0, 8 },
  { "attention 8 x 40, windows of 256 x 256", WINDOWS, 2, 256, 256, 320, 0, 0, 8 },
  { "attention 10 x 64, 128 x 128", ATTENTION, 2, 128, 128, 640, 0, 0, 10 },
  { "attention 20 x 64, 64 x 64", ATTENTION, 2, 64, 64, 1280, 0, 0, 20 },
  { "attention 8 x 80, 64 x 64", ATTENTION, 2, 64, 64, 640, 0, 0, 8 },
  { "attention 8 x 160, 32 x 32", ATTENTION, 2, 32, 32, 1280, 0, 0, 8 },
  { "attention 10 x 64 with text, 128 x 128", ATTENTION, 2, 128, 128, 640, 0, 0, 10, 77 },
  { "GroupNorm, SiLU 320, 256 x 256", GROUP_NORM, 2, 256, 256, 320 },
  { "GroupNorm, SiLU 128, 2048 x 2048", GROUP_NORM, 1, 2048, 2048, 128 },
  { "LayerNorm 640, 128 x 128", LAYER_NORM, 2, 128, 128, 640 },
};

/* What a case works on. */
typedef struct
{
  const Case *test;
  HdContext  *context;
  HdTensor   *x;
  HdTensor   *keys;
  HdLinear    linear;
  HdConv      conv;
  HdNorm      norm;
  double      flops;
  double      bytes;
} Bench;

static HdWeight *
make_weight (HdContext    *context,
             HdWeightKind  kind,
             int           out,
             int           in,
             int           kernel)
{
  gsize              n = (gsize) out * in * kernel * kernel;
  guint16           *values = g_new (guint16, n);
  g_autoptr (GBytes) bytes = g_bytes_new_take (values, n * sizeof *values);
  HdWeightPart       part = { HD_DTYPE_F16, out, bytes };

  /* Small numbers of both signs: what is all zeros takes less power, and runs faster than it would. */
  for (gsize i = 0; i < n; i++)
    values[i] = (guint16) (0x2400u + (i * 2654435761u >> 8) % 1024u) | (guint16) (i % 2 << 15);

  return hd_weight_new (context, kind, hd_context_get_dtype (context), &part, 1, in, kernel, kernel, NULL);
}

static HdTensor *
make_tensor (HdContext *context,
             int        batch,
             int        height,
             int        width,
             int        channels)
{
  gsize             n = (gsize) batch * height * width * channels;
  g_autofree float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = ((i * 2654435761u >> 8) % 2048u) / 1024.0f - 1.0f;

  return hd_upload_rows (context, hd_context_get_dtype (context), batch, height, width, channels, values);
}

static HdTensor *
evaluate (Bench *bench)
{
  const Case    *test = bench->test;
  HdWindow       window = { test->height, test->width, test->height / 2, test->width / 2, test->height / 8, test->width / 8 };
  HdConvOptions  conv = { .stride = test->stride, .padding = 1 };
  HdAttentionOptions attention = { .heads = test->heads, .window = test->kind == WINDOWS ? &window : NULL };

  switch (test->kind)
    {
    case LINEAR:
      return hd_linear (bench->context, bench->x, &bench->linear, NULL);
    case CONV:
      return hd_conv2d (bench->context, bench->x, &bench->conv, &conv);
    case ATTENTION:
    case WINDOWS:
      return hd_attention (bench->context, bench->x, bench->keys, bench->keys, &attention);
    case GROUP_NORM:
      return hd_group_norm (bench->context, bench->x, NULL, &bench->norm, HD_ACTIVATION_SILU);
    case LAYER_NORM:
      return hd_layer_norm (bench->context, bench->x, &bench->norm);
    case ADD:
      break;
    }

  return hd_add (bench->context, bench->x, bench->x);
}

static void
bench_init (Bench      *bench,
            const Case *test,
            HdContext  *context)
{
  *bench = (Bench) { .test = test, .context = context };

  bench->x = make_tensor (context, test->batch, test->height, test->width, test->in);
  bench->keys = test->keys > 0 ? make_tensor (context, test->batch, 1, test->keys, test->in) : hd_tensor_ref (bench->x);
  if (test->kind == LINEAR)
    bench->linear.weight = make_weight (context, HD_WEIGHT_LINEAR, test->out, test->in, 1);
  if (test->kind == CONV)
    bench->conv.weight = make_weight (context, HD_WEIGHT_CONV, test->out, test->in, 3);
  if (test->kind == GROUP_NORM || test->kind == LAYER_NORM)
    {
      bench->norm = (HdNorm) { .epsilon = 1e-5f, .groups = 32 };
      bench->norm.gamma = make_weight (context, HD_WEIGHT_VECTOR, test->in, 1, 1);
      bench->norm.beta = make_weight (context, HD_WEIGHT_VECTOR, test->in, 1, 1);
    }
}

static void
bench_clear (Bench *bench)
{
  hd_linear_clear (&bench->linear);
  hd_conv_clear (&bench->conv);
  hd_norm_clear (&bench->norm);
  g_clear_pointer (&bench->x, hd_tensor_unref);
  g_clear_pointer (&bench->keys, hd_tensor_unref);
}

/* Seconds of one evaluation: of as many as take SECONDS_EACH, after two that are not counted. */
static gboolean
measure (Bench   *bench,
         double  *seconds,
         GError **error)
{
  int    n = 1;
  gint64 started;

  for (int i = 0; i < 2; i++)
    hd_tensor_unref (evaluate (bench));
  if (!hd_context_check (bench->context, error))
    return FALSE;

  for (;; n *= 2)
    {
      hd_context_reset_statistics (bench->context);
      started = g_get_monotonic_time ();
      for (int i = 0; i < n; i++)
        hd_tensor_unref (evaluate (bench));
      if (!hd_context_check (bench->context, error))
        return FALSE;

      *seconds = (g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC;
      if (*seconds >= SECONDS_EACH)
        break;
    }

  *seconds /= n;
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      bench->flops += hd_context_get_statistics (bench->context, kind).flops / n;
      bench->bytes += hd_context_get_statistics (bench->context, kind).bytes / n;
    }

  return TRUE;
}

static gboolean
run_case (const Case *test,
          HdContext  *context,
          gboolean    first,
          GError    **error)
{
  gboolean products = test->kind <= WINDOWS;
  double   seconds = 0.0;
  gboolean success;
  Bench    bench;

  bench_init (&bench, test, context);
  success = measure (&bench, &seconds, error);
  if (success)
    printf ("%s\n  {\"name\": \"%s\", \"kind\": \"%s\", \"batch\": %d, \"height\": %d, \"width\": %d, \"in\": %d, "
            "\"out\": %d, \"stride\": %d, \"heads\": %d, \"keys\": %d, \"seconds\": %.4g, \"%s\": %.4g}",
            first ? "" : ",", test->name, kind_names[test->kind], test->batch, test->height, test->width, test->in,
            test->out, MAX (test->stride, 1), test->heads, test->keys, seconds,
            products ? "tflops" : "gigabytes_per_second",
            (products ? bench.flops / 1e12 : bench.bytes / 1e9) / seconds);
  bench_clear (&bench);

  return success;
}

static Case
scale_case (Case     test,
            gboolean tiny)
{
  if (tiny)
    {
      test.height = MAX (test.height / 32, 2);
      test.width = MAX (test.width / 32, 2);
      if (test.kind != ATTENTION && test.kind != WINDOWS)
        {
          test.in = MAX (test.in / 16, 32);
          test.out /= 16;
        }
    }

  return test;
}

static gboolean
run_all (HdPrecision   precision,
         gboolean      tiny,
         GError      **error)
{
  g_autoptr (HdContext) context = hd_cuda_context_new (-1, precision, error);

  if (context == NULL || !hd_context_reserve (context, (gsize) (tiny ? 64 : 4096) << 20, error))
    return FALSE;

  printf ("{\"device\": \"%s\", \"precision\": \"%s\", \"operators\": [", hd_context_get_name (context),
          precision == HD_PRECISION_BF16 ? "bfloat16" : "float16");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Case test = scale_case (cases[i], tiny);

      if (!run_case (&test, context, i == 0, error))
        return FALSE;
    }
  puts ("\n]}");

  return TRUE;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError)         error = NULL;
  g_autofree char           *precision = NULL;
  gboolean                   tiny = FALSE;
  const GOptionEntry         entries[] = {
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision, "float16 or bfloat16", "TYPE" },
    { "tiny", 0, 0, G_OPTION_ARG_NONE, &tiny, "small shapes, to see that it runs", NULL },
    { NULL },
  };

  g_option_context_add_main_entries (options, entries, NULL);
  if (g_option_context_parse (options, &argc, &argv, &error)
      && run_all (g_strcmp0 (precision, "bfloat16") == 0 ? HD_PRECISION_BF16 : HD_PRECISION_F16, tiny, &error))
    return EXIT_SUCCESS;

  g_printerr ("gpu-bench: %s\n", error->message);

  return EXIT_FAILURE;
}
