/* SPDX-License-Identifier: Apache-2.0 */

/* The index maps that the CUDA device's kernels read through, for every shape that the golden cases have: a dry run of
 * each tells which. */

#include "kernels/backend.h"
#include "kernels/dry/dry.h"
#include "tests/cuda-emulation/check_map.h"
#include "tests/golden/golden_run.h"

#define MOST_WHOLE_PIXELS 65536   /* of larger maps every few rows are looked at */
#define ROW_STEP          13

/* What dry runs have asked for: descriptions of what was looked at. */
static GHashTable *seen;
static int         n_convs, n_strided, n_upsampled, n_windows;

static const HdBackend *dry_backend;

/* Whether this is the first of its kind. */
static gboolean G_GNUC_PRINTF (1, 2)
is_new (const char *format,
        ...)
{
  va_list  arguments;
  char    *description;

  va_start (arguments, format);
  description = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  return g_hash_table_add (seen, description);
}

static gboolean
watch_conv2d (HdContext            *context,
              HdTensor             *y,
              const HdTensor       *x,
              const HdConv         *conv,
              const HdConvOptions  *options,
              GError              **error)
{
  const HdTensor *read = options->upsample_like != NULL ? options->upsample_like : x;
  const TestConv  test = { conv->weight->kernel_height, options->stride, options->dilation, options->padding,
                           options->padding_end };

  if (is_new ("conv %d x %d as %d x %d: %d, %d, %d, %d, %d", x->height, x->width, read->height, read->width,
              test.kernel, test.stride, test.dilation, test.padding, test.padding_end))
    {
      n_convs++;
      n_strided += test.stride == 4;
      n_upsampled += read->height != x->height;
      test_check_map (&test, x->height, x->width, read->height, read->width,
                      (gint64) y->height * y->width > MOST_WHOLE_PIXELS ? ROW_STEP : 1);
    }

  return dry_backend->conv2d (context, y, x, conv, options, error);
}

/* Token i of window w is the pixel of the rolled map, and every pixel is somebody's. */
static void
check_window (const HdWindow *window)
{
  int                tokens = window->window_height * window->window_width;
  g_autofree guint8 *met = g_new0 (guint8, (gsize) window->height * window->width);

  for (int w = 0; w < HD_WINDOWS_PER_SIDE * HD_WINDOWS_PER_SIDE; w++)
    for (int i = 0; i < tokens; i++)
      {
        int y = (w / 2 * window->window_height + i / window->window_width + window->shift_y) % window->height;
        int x = (w % 2 * window->window_width + i % window->window_width + window->shift_x) % window->width;
        int pixel = hd_window_pixel (window, w, i);

        g_assert_cmpint (pixel, ==, y * window->width + x);
        g_assert_cmpint (met[pixel]++, ==, 0);
      }
}

static gboolean
watch_attention (HdContext                 *context,
                 HdTensor                  *y,
                 const HdTensor            *q,
                 const HdTensor            *k,
                 const HdTensor            *v,
                 const HdAttentionOptions  *options,
                 GError                   **error)
{
  const HdWindow *window = options->window;

  if (window != NULL && is_new ("windows of %d x %d, %d, %d", window->height, window->width, window->shift_y,
                                window->shift_x))
    {
      n_windows++;
      check_window (window);
    }

  return dry_backend->attention (context, y, q, k, v, options, error);
}

/* Runs the case dry; those at true size have the shapes of others, and files of gigabytes. */
static void
watch_case (const char *path)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdRequest) request = hd_request_new ();
  HdGoldenCase         *golden = hd_golden_case_open (path, &error);
  HdGoldenSetup         setup = { request, g_getenv ("HD_SCRATCH"), g_getenv ("HD_MERGES") };
  HdGoldenFunc          func = NULL;

  g_assert_no_error (error);
  if (g_str_equal (golden->kind, "unet"))
    func = hd_golden_unet;
  else if (g_str_equal (golden->kind, "vae"))
    func = hd_golden_vae;
  else if (g_str_equal (golden->kind, "pipeline"))
    func = hd_golden_pipeline;

  if (func != NULL && !g_str_has_suffix (golden->model, "-real"))
    {
      g_autofree char      *model = hd_golden_make_model (&setup, golden, &error);
      g_autoptr (HdContext) context = NULL;
      HdBackend             watching;

      g_assert_no_error (error);
      context = hd_dry_context_new (HD_DTYPE_F16);
      dry_backend = context->backend;
      watching = *dry_backend;
      watching.conv2d = watch_conv2d;
      watching.attention = watch_attention;
      context->backend = &watching;
      func (golden, context, model, &error);
      g_assert_no_error (error);
      context->backend = dry_backend;
    }

  hd_golden_case_free (golden);
}

static void
test_maps (void)
{
  g_autofree char   *cases = g_test_build_filename (G_TEST_DIST, "cases", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir)   folder = g_dir_open (cases, 0, &error);
  const char        *name;

  g_assert_no_error (error);
  seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  while ((name = g_dir_read_name (folder)) != NULL)
    if (g_str_has_suffix (name, ".json"))
      {
        g_autofree char *path = g_build_filename (cases, name, NULL);

        watch_case (path);
      }

  g_test_message ("%d convolutions, %d of them D4's, %d upsampled; %d windows", n_convs, n_strided, n_upsampled,
                  n_windows);
  g_assert_cmpint (n_convs, >, 100);
  g_assert_cmpint (n_strided, >, 4);
  g_assert_cmpint (n_upsampled, >, 20);
  g_assert_cmpint (n_windows, >, 20);
  g_hash_table_unref (seen);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/golden/maps", test_maps);

  return g_test_run ();
}
