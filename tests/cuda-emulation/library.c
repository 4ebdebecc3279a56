/* SPDX-License-Identifier: Apache-2.0 */

#include <dlfcn.h>

#include <glib/gstdio.h>

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend.h"

/* How linear layers use cuBLASLt, of which fake_cublaslt.c has an imitation: which products go there and how they are
 * described, how the fastest way is chosen, kept and read again, and what happens when the library will not. */

typedef struct
{
  const char  *name;
  int          rows, in_channels, out_channels;
  gboolean     bias;
  HdActivation activation;
  gboolean     residual;
  gboolean     library;     /* whether the library takes it */
} Case;

static const Case cases[] = {
  { "bias", 70, 64, 96, TRUE, HD_ACTIVATION_NONE, FALSE, TRUE },
  { "nothing", 33, 40, 48, FALSE, HD_ACTIVATION_NONE, FALSE, TRUE },
  { "residual", 70, 64, 64, TRUE, HD_ACTIVATION_NONE, TRUE, TRUE },
  { "geglu", 50, 32, 128, TRUE, HD_ACTIVATION_GEGLU, FALSE, TRUE },
  { "geglu-residual", 50, 32, 128, FALSE, HD_ACTIVATION_GEGLU, TRUE, TRUE },
  { "silu", 5, 32, 64, TRUE, HD_ACTIVATION_SILU, FALSE, FALSE },
  { "odd-outputs", 20, 32, 36, TRUE, HD_ACTIVATION_NONE, FALSE, FALSE },
  { "odd-inputs", 20, 33, 32, TRUE, HD_ACTIVATION_NONE, FALSE, FALSE },
};

/* A variable of the imitation, which stays loaded for its sake. */
static int *
get_counter (const char *name)
{
  void *library = dlopen (g_getenv ("HIDIFFUSION_CUBLASLT"), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  int  *counter = library != NULL ? dlsym (library, name) : NULL;

  g_assert_nonnull (counter);
  dlclose (library);
  return counter;
}

/* A context that measures, as on a real card. */
static HdContext *
new_context (HdDtype dtype,
             gsize   bytes)
{
  HdContext *context = test_cuda_context_new (dtype, bytes);

  test_cuda_measure (context, TRUE);
  return context;
}

static double
activate (HdActivation activation,
          double       x)
{
  return activation == HD_ACTIVATION_SILU ? x / (1.0 + exp (-x))
         : activation == HD_ACTIVATION_GEGLU ? 0.5 * x * erfc (-x / G_SQRT2) : x;
}

static double
product (const Case  *test,
         const float *x,
         const float *weight,
         const float *bias,
         int          row,
         int          o)
{
  double sum = test->bias ? bias[o] : 0.0;

  for (int c = 0; c < test->in_channels; c++)
    sum += (double) x[row * test->in_channels + c] * weight[o * test->in_channels + c];

  return sum;
}

/* Runs the case on @context, and returns the error. */
static double
run_case (HdContext  *context,
          const Case *test,
          HdDtype     dtype)
{
  g_autoptr (GRand)  rand = g_rand_new_with_seed (g_str_hash (test->name));
  const gboolean     gated = test->activation == HD_ACTIVATION_GEGLU;
  const int          channels = gated ? test->out_channels / 2 : test->out_channels;
  const gsize        n = (gsize) test->rows * channels;
  g_autofree float  *x = test_random (rand, (gsize) test->rows * test->in_channels, dtype);
  g_autofree float  *weight = test_random (rand, (gsize) test->out_channels * test->in_channels, dtype);
  g_autofree float  *bias = test_random (rand, test->out_channels, dtype);
  g_autofree float  *residual = test_random (rand, n, dtype);
  g_autofree double *expected = g_new (double, n);
  HdLinear           linear = { 0 };
  HdLinearOptions    options = { .activation = test->activation };
  double             error;

  for (int row = 0; row < test->rows; row++)
    for (int c = 0; c < channels; c++)
      {
        double value = product (test, x, weight, bias, row, c);

        value = gated ? value * activate (test->activation, product (test, x, weight, bias, row, channels + c))
                      : activate (test->activation, value);
        expected[row * channels + c] = value + (test->residual ? residual[row * channels + c] : 0.0);
      }

  linear.weight = test_weight_new (context, HD_WEIGHT_LINEAR, dtype, dtype, test->out_channels, test->in_channels, 1,
                                   weight);
  if (test->bias)
    linear.bias = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, test->out_channels, 1, 1,
                                   bias);
  {
    g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, 1, 1, test->rows, test->in_channels, x);
    g_autoptr (HdTensor) tr = test_tensor_new (context, dtype, 1, 1, test->rows, channels, residual);
    g_autoptr (HdTensor) y = NULL;
    g_autofree float    *found = NULL;
    const HdTensor      *tensors[] = { tx, tr, NULL, NULL };

    options.residual = test->residual ? tr : NULL;
    y = hd_linear (context, tx, &linear, &options);
    g_assert_nonnull (y);
    tensors[2] = y;
    found = test_tensor_read (context, y);
    error = test_relative_error (found, expected, n);
    test_assert_guards (context, tensors);
  }

  hd_linear_clear (&linear);
  test_assert_finished (context);
  return error;
}

/* Two roundings with GEGLU: of the products, and of the result. */
static double
get_limit (HdDtype dtype)
{
  return 2.0 * test_cuda_limit (dtype);
}

/* The only file of measurements, or NULL; there is never more than one. */
static char *
find_file (void)
{
  g_autofree char  *folder = g_build_filename (g_get_user_cache_dir (), "hidiffusion", NULL);
  g_autoptr (GDir)  dir = g_dir_open (folder, 0, NULL);
  const char       *name = dir != NULL ? g_dir_read_name (dir) : NULL;
  char             *file;

  if (name == NULL)
    return NULL;

  file = g_build_filename (folder, name, NULL);
  g_assert_null (g_dir_read_name (dir));
  return file;
}

static void
forget (void)
{
  g_autofree char *file = find_file ();

  if (file != NULL)
    g_assert_cmpint (g_unlink (file), ==, 0);
}

/* The imitation is faster than an emulated GPU, so it is chosen where it can be. */
static void
test_products (gconstpointer data)
{
  const Case   *test = data;
  const HdDtype dtypes[] = { HD_DTYPE_F16, HD_DTYPE_BF16 };
  int          *products = get_counter ("fake_cublaslt_products");

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    {
      g_autoptr (HdContext) context = new_context (dtypes[i], 1 << 20);
      int                   before = *products;

      forget ();
      test_assert_error (run_case (context, test, dtypes[i]), get_limit (dtypes[i]));
      g_assert_cmpint (*products > before, ==, test->library);

      /* What has been measured is only computed. */
      before = *products;
      test_assert_error (run_case (context, test, dtypes[i]), get_limit (dtypes[i]));
      g_assert_cmpint (*products - before, ==, test->library ? 1 : 0);
      g_assert_cmpint (*get_counter ("fake_cublaslt_objects"), ==, 1);
    }

  test_cuda_assert_released ();
  g_assert_cmpint (*get_counter ("fake_cublaslt_objects"), ==, 0);
}

/* The next run of the program finds what this one measured. */
static void
test_kept (void)
{
  int            *products = get_counter ("fake_cublaslt_products");
  g_autofree char *file = NULL;
  g_autofree char *text = NULL;

  forget ();
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 1 << 20);
      int                   before = *products;
      guint64               launches = hd_emulated_launches ();

      test_assert_error (run_case (context, &cases[2], HD_DTYPE_F16), get_limit (HD_DTYPE_F16));
      if (i == 1)
        {
          g_assert_cmpint (*products - before, ==, 1);
          /* Transfers' and the bias's. */
          g_assert_cmpuint (hd_emulated_launches () - launches, <=, 8);
        }
    }

  file = find_file ();
  g_assert_nonnull (file);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_true (g_str_has_prefix (text, "# Emulated GPU, "));
  g_assert_nonnull (strstr (text, " = library 4d41474943 "));
}

/* Whatever a file says, the result is right, and what it should have said is measured again. */
static void
test_damaged (void)
{
  const char *const lines[] = {
    "library 0 0 0 0 0 0 0 0", "library 4d41474943 0 0 0 0 0 0 1", "library 4d41474943 0 0 0 0 0 0 9", "library 1 2",
    "tiles 9 1", "tiles 0 0", "tiles 0 99", "tiles 1 -1", "tiles", "", "nonsense", "tiles 2 1", "tiles 0 8", "tiles 3 1",
    "tiles 3 8",
  };
  g_autofree char *file = NULL;
  g_autofree char *text = NULL;
  char            *equals;

  forget ();
  {
    g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 1 << 20);

    run_case (context, &cases[0], HD_DTYPE_F16);
  }
  file = find_file ();
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  equals = strstr (text, " = ");
  g_assert_nonnull (equals);
  *equals = '\0';

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char      *damaged = g_strdup_printf ("%s = %s\n", text, lines[i]);
      g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 1 << 20);

      g_assert_true (g_file_set_contents (file, damaged, -1, NULL));
      test_assert_error (run_case (context, &cases[0], HD_DTYPE_F16), get_limit (HD_DTYPE_F16));
    }

  g_assert_true (g_file_set_contents (file, "# another card\nnonsense", -1, NULL));
  {
    g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 1 << 20);

    test_assert_error (run_case (context, &cases[0], HD_DTYPE_F16), get_limit (HD_DTYPE_F16));
  }
}

/* A library that stops working, or never has, is done without. */
static void
test_failing (void)
{
  int *fails = get_counter ("fake_cublaslt_fails");

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (HdContext) context = new_context (HD_DTYPE_BF16, 1 << 20);

      forget ();
      if (i == 0)
        run_case (context, &cases[3], HD_DTYPE_BF16);
      *fails = 1;
      test_assert_error (run_case (context, &cases[3], HD_DTYPE_BF16), get_limit (HD_DTYPE_BF16));
      *fails = 0;
    }
}

/* A slow card's products are cut into chunks of rows. */
static void
test_chunks (void)
{
  const Case            test = { "chunks", 700, 24, 32, TRUE, HD_ACTIVATION_GEGLU, TRUE, TRUE };
  g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 4 << 20);
  int                  *products = get_counter ("fake_cublaslt_products");
  int                   before;

  forget ();
  test_cuda_pretend (context, 0, 1e6);
  test_cuda_measure (context, TRUE);
  run_case (context, &test, HD_DTYPE_F16);
  before = *products;
  test_assert_error (run_case (context, &test, HD_DTYPE_F16), get_limit (HD_DTYPE_F16));
  g_assert_cmpint (*products - before, ==, 3);
}

/* Rows of a map begin at multiples of 16 bytes, no more: the library is told, and takes them. */
static void
test_rows (void)
{
  HdContext          *context = new_context (HD_DTYPE_F16, 1 << 20);
  int                *products = get_counter ("fake_cublaslt_products");
  const int           before = *products;
  g_autoptr (GRand)   rand = g_rand_new_with_seed (11);
  g_autofree float   *weights = test_random (rand, 24 * 40, HD_DTYPE_F16);
  g_autofree float   *values = test_random (rand, 5 * 40, HD_DTYPE_F16);
  g_autofree float   *found = NULL;
  g_autofree float   *expected = NULL;
  HdLinear            linear = { test_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, HD_DTYPE_F16, 24, 40, 1,
                                                  weights) };

  forget ();
  {
    g_autoptr (HdTensor) x = hd_upload_rows (context, HD_DTYPE_F16, 1, 5, 1, 40, values);
    g_autoptr (HdTensor) last = hd_tensor_rows (x, 2, 3);
    g_autoptr (HdTensor) of_all = hd_linear (context, x, &linear, NULL);
    g_autoptr (HdTensor) of_last = NULL;

    g_assert_cmpuint ((gsize) last->data % 256, !=, 0);
    forget ();
    of_last = hd_linear (context, last, &linear, NULL);
    expected = test_tensor_read (context, of_all);
    found = test_tensor_read (context, of_last);
  }
  g_assert_cmpmem (found, 3 * 24 * sizeof *found, expected + 2 * 24, 3 * 24 * sizeof *found);
  /* Each measured once and in three runs, and computed. */
  g_assert_cmpint (*products - before, >=, 2 * 5);

  hd_linear_clear (&linear);
  test_assert_finished (context);
  hd_context_unref (context);
  test_cuda_assert_released ();
}

/* What is measured with some of the rows holds for all: every processor has enough of them, and none shares the depth,
 * for which all rows together would take too much memory. */
static void
test_measured_rows (void)
{
  const int             outputs = 1280, depth = 9 * 1280;
  g_autoptr (HdContext) context = new_context (HD_DTYPE_F16, 1 << 16);
  int                   parts;
  int                   rows;

  /* Of a small card. */
  test_cuda_pretend (context, 28, 6e12);
  rows = test_cuda_measured_rows (context, 65536, outputs, depth, &parts);
  g_assert_cmpint (rows, <, 65536);
  g_assert_cmpint (rows * (outputs / 128) / 128, >=, 4 * 28);
  g_assert_cmpint (parts, ==, 1);

  /* All there are. */
  g_assert_cmpint (test_cuda_measured_rows (context, 64, outputs, depth, &parts), ==, 64);
  g_assert_cmpint (parts, >, 1);

  /* Whatever a file says. */
  g_assert_cmpint (test_cuda_parts (8, 64, outputs), ==, 8);
  g_assert_cmpint (test_cuda_parts (8, 65536, outputs), ==, 1);
  g_assert_cmpint (test_cuda_parts (2, 1 << 24, 512), ==, 1);
}

/* Two layers that the library computes. */
typedef struct
{
  HdLinear  gated;
  HdLinear  plain;
  float    *values;   /* (ROWS, CHANNELS) */
} Layers;

#define ROWS     40
#define CHANNELS 64

/* An HdRepeatFunc. */
static HdTensor *
compute_layers (HdContext *context,
                gpointer   user_data)
{
  const Layers        *layers = user_data;
  g_autoptr (HdTensor) x = hd_upload_rows (context, HD_DTYPE_F16, 1, 1, ROWS, CHANNELS, layers->values);
  g_autoptr (HdTensor) h = hd_linear (context, x, &layers->gated, &(HdLinearOptions) {
                                        .activation = HD_ACTIVATION_GEGLU });

  return hd_linear (context, h, &layers->plain, &(HdLinearOptions) { .residual = x });
}

/* What was measured in the first step of a phase is part of the graph of the others: the library's products too, with
 * the same bits. */
static void
test_recorded (void)
{
  int                *products = get_counter ("fake_cublaslt_products");
  HdContext          *context = new_context (HD_DTYPE_F16, 1 << 20);
  g_autoptr (GRand)   rand = g_rand_new_with_seed (9);
  g_autofree float   *weights = test_random (rand, 2 * CHANNELS * CHANNELS, HD_DTYPE_F16);
  g_autofree float   *values = test_random (rand, 4 * ROWS * CHANNELS, HD_DTYPE_F16);
  guint64             graphs = hd_emulated_graph_launches ();
  GError             *error = NULL;
  Layers              layers = {
    .gated.weight = test_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, HD_DTYPE_F16, 2 * CHANNELS, CHANNELS, 1,
                                     weights),
    .plain.weight = test_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_F16, HD_DTYPE_F16, CHANNELS, CHANNELS, 1,
                                     weights),
  };

  for (int k = 0; k < 4; k++)
    {
      float    found[2][ROWS * CHANNELS];
      int      computed[2];

      layers.values = values + k * ROWS * CHANNELS;
      for (int i = 0; i < 2; i++)
        {
          g_autoptr (HdTensor) y = NULL;

          computed[i] = *products;
          y = i == 0 ? hd_context_repeat (context, 1, compute_layers, &layers) : compute_layers (context, &layers);
          hd_download_rows (context, y, found[i]);
          hd_context_check (context, &error);
          g_assert_no_error (error);
          computed[i] = *products - computed[i];
        }

      if (k > 0)
        g_assert_cmpint (computed[0], ==, computed[1]);
      g_assert_cmpint (computed[1], ==, 2);
      g_assert_cmpmem (found[0], sizeof found[0], found[1], sizeof found[1]);
      g_assert_cmpint (hd_emulated_graph_launches () - graphs, ==, k);
    }

  hd_linear_clear (&layers.gated);
  hd_linear_clear (&layers.plain);
  test_assert_finished (context);
  hd_context_unref (context);
  test_cuda_assert_released ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cuda/library/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_products);
    }
  g_test_add_func ("/cuda/library/kept", test_kept);
  g_test_add_func ("/cuda/library/damaged", test_damaged);
  g_test_add_func ("/cuda/library/failing", test_failing);
  g_test_add_func ("/cuda/library/chunks", test_chunks);
  g_test_add_func ("/cuda/library/rows", test_rows);
  g_test_add_func ("/cuda/library/measured-rows", test_measured_rows);
  g_test_add_func ("/cuda/library/recorded", test_recorded);

  return g_test_run ();
}
