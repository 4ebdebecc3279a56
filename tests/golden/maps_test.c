/* SPDX-License-Identifier: Apache-2.0 */

/* The index maps that devices read and write through, for every shape that the golden cases have, whole and split as a
 * small memory would have it: dry runs of each tell which. */

#include "engine/memory_plan.h"
#include "kernels/backend.h"
#include "kernels/dry/dry.h"
#include "tests/cuda-emulation/check_map.h"
#include "tests/golden/golden_run.h"
#include "tests/unit/check_bands.h"
#include "tests/unit/check_joined.h"
#include "tests/unit/checkpoint.h"

#define MOST_WHOLE_PIXELS 65536   /* of larger maps every few rows are looked at */
#define ROW_STEP          13
#define MOST_BANDS        4096

/* What dry runs have asked for: descriptions of what was looked at. */
static GHashTable *seen;
static int         n_convs, n_strided, n_upsampled, n_windows, n_norms, n_joined, n_bandings, n_row_parts;

static const HdBackend *dry_backend;

/* Parts of one map, one after the other, as operators were given them. */
typedef struct
{
  gconstpointer what;     /* the layer */
  int           heights[MOST_BANDS];
  int           n;
  int           width;
} Parts;

static Parts band_parts;    /* of which moments were taken */
static Parts row_parts;     /* that went through a feed-forward layer */

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

  if (is_new ("depth of %d x %d", test.kernel * test.kernel, x->channels))
    test_check_walk (test.kernel * test.kernel, (x->channels + 7) / 8 * 8);

  return dry_backend->conv2d (context, y, x, conv, options, error);
}

/* --- two inputs, and GroupNorm's threads ------------------------------------------ */

/* In vectors of 16 bytes where all pixels have whole ones: tensors, and rows of them, begin at such. */
static void
look_at_norm (const HdTensor *x,
              const HdTensor *x2)
{
  const int    channels = x->channels;
  const int    channels2 = x2 != NULL ? x2->channels : 0;
  const int    vector = 16 / (int) hd_dtype_size (x->dtype);
  const gint64 pixels = (gint64) x->height * x->width;

  if (!is_new ("norm of %d + %d, %d, %d x %d", channels, channels2, vector, x->height, x->width))
    return;

  n_norms++;
  if (is_new ("%d + %d", channels, channels2))
    {
      n_joined += channels2 > 0;
      test_check_joined (channels, channels2);
    }
  test_check_group_norm (channels, channels2, pixels, channels % vector == 0 && channels2 % vector == 0 ? vector : 1);
}

static gboolean
watch_group_norm (HdContext      *context,
                  HdTensor       *y,
                  const HdTensor *x,
                  const HdTensor *x2,
                  const HdTensor *statistics,
                  const HdNorm   *norm,
                  HdActivation    activation,
                  GError        **error)
{
  look_at_norm (x, x2);

  return dry_backend->group_norm (context, y, x, x2, statistics, norm, activation, error);
}

/* --- bands ------------------------------------------------------------------------ */

static void
parts_add (Parts         *parts,
           gconstpointer  what,
           int            height,
           int            width)
{
  if (parts->what != what)
    parts->n = 0;
  parts->what = what;
  parts->width = width;
  g_assert_cmpint (parts->n, <, MOST_BANDS);
  parts->heights[parts->n++] = height;
}

/* That these were the bands of @rows rows of a map of @height. */
static void
parts_check (const Parts *parts,
             gint64       height,
             gint64       rows)
{
  int i = 0;

  for (gint64 first = 0; first < height; first += rows, i++)
    {
      g_assert_cmpint (i, <, parts->n);
      g_assert_cmpint (parts->heights[i], ==, MIN (rows, height - first));
    }
  g_assert_cmpint (i, ==, parts->n);
}

static gboolean
watch_channel_moments (HdContext      *context,
                       HdTensor       *y,
                       const HdTensor *x,
                       const HdTensor *x2,
                       GError        **error)
{
  look_at_norm (x, x2);
  parts_add (&band_parts, &band_parts, x->height, x->width);

  return dry_backend->channel_moments (context, y, x, x2, error);
}

/* The moments of all bands of a map are there: how it was cut follows from them. */
static gboolean
watch_group_statistics (HdContext      *context,
                        HdTensor       *y,
                        const HdTensor *moments,
                        gint64          band_pixels,
                        gint64          pixels,
                        const HdNorm   *norm,
                        GError        **error)
{
  const int    width = band_parts.width;
  const gint64 height = pixels / width;
  const gint64 rows = band_pixels / width;

  g_assert_cmpint (height * width, ==, pixels);
  g_assert_cmpint (rows * width, ==, band_pixels);
  g_assert_cmpint (moments->height, ==, band_parts.n);
  parts_check (&band_parts, height, rows);
  band_parts.n = 0;

  if (is_new ("%d bands of %d rows, %d pixels, %d channels", moments->height, (int) rows, (int) pixels,
              moments->channels))
    {
      n_bandings += moments->height > 1;
      test_check_banding (height, rows);
      test_check_band_pixels (height, rows, width);
      test_check_in_place (height, rows);
      if (height % 2 == 0)
        test_check_enlarged ((int) height / 2, (int) rows);
      test_check_moments (moments->height, moments->channels);
    }

  return dry_backend->group_statistics (context, y, moments, band_pixels, pixels, norm, error);
}

/* A feed-forward layer has seen all its rows, or will be seen next with other ones. */
static void
finish_row_parts (void)
{
  gint64 height = 0;

  for (int i = 0; i < row_parts.n; i++)
    height += row_parts.heights[i];
  if (row_parts.n > 1 && is_new ("%d rows in parts of %d", (int) height, row_parts.heights[0]))
    {
      n_row_parts++;
      parts_check (&row_parts, height, row_parts.heights[0]);
      test_check_banding (height, row_parts.heights[0]);
    }
  row_parts.n = 0;
}

static gboolean
watch_linear (HdContext             *context,
              HdTensor              *y,
              const HdTensor        *x,
              const HdLinear        *linear,
              const HdLinearOptions *options,
              GError               **error)
{
  if (options->x2 != NULL && is_new ("%d + %d", x->channels, options->x2->channels))
    {
      n_joined++;
      test_check_joined (x->channels, options->x2->channels);
    }

  if (options->activation == HD_ACTIVATION_GEGLU)
    {
      if (row_parts.what != linear->weight)
        finish_row_parts ();
      parts_add (&row_parts, linear->weight, x->batch * x->height, x->width);
    }

  return dry_backend->linear (context, y, x, linear, options, error);
}

/* --- windows ---------------------------------------------------------------------- */

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

/* --- the cases -------------------------------------------------------------------- */

/* All that makes maps be worked on in parts. Each alone, or without another, has no other parts. */
#define IN_BANDS (HD_SPLIT_GUIDANCE | HD_SPLIT_VAE | HD_SPLIT_RESNETS | HD_SPLIT_FEED_FORWARD)

/* How cases are run: @steps: whole pipelines too, whose many steps take the most time. In the others' bands there are no
 * shapes but those that they have in these. */
static const struct
{
  HdDtype  dtype;
  guint    splits;
  gboolean steps;
} runs[] = {
  { HD_DTYPE_F16, 0, TRUE },
  { HD_DTYPE_F16, IN_BANDS, FALSE },
  { HD_DTYPE_F16, IN_BANDS | HD_SPLIT_VAE_AGAIN, TRUE },
  { HD_DTYPE_F32, 0, FALSE },
  { HD_DTYPE_F32, IN_BANDS, FALSE },
};

/* Runs the case dry. */
static void
watch_case (const char *scratch,
            const char *path,
            HdDtype     dtype,
            guint       splits,
            gboolean    steps)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdRequest) request = hd_request_new ();
  HdGoldenCase         *golden = hd_golden_case_open (path, &error);
  HdGoldenSetup         setup = { request, scratch, g_getenv ("HD_MERGES"), .hollow = TRUE };
  HdGoldenFunc          func = NULL;

  g_assert_no_error (error);
  golden->splits = splits;
  /* As in a pipeline, where guidance is split. */
  if ((splits & HD_SPLIT_GUIDANCE) != 0 && g_str_equal (golden->kind, "unet"))
    json_object_set_int_member (golden->reader.object, "batch", 1);
  if (g_str_equal (golden->kind, "unet"))
    func = hd_golden_unet;
  else if (g_str_equal (golden->kind, "vae"))
    func = hd_golden_vae;
  else if (g_str_equal (golden->kind, "pipeline") && steps)
    func = hd_golden_pipeline;

  if (func != NULL)
    {
      g_autofree char      *model = hd_golden_make_model (&setup, golden, &error);
      g_autoptr (HdContext) context = NULL;
      HdBackend             watching;

      g_assert_no_error (error);
      context = hd_dry_context_new (dtype);
      dry_backend = context->backend;
      watching = *dry_backend;
      watching.conv2d = watch_conv2d;
      watching.linear = watch_linear;
      watching.group_norm = watch_group_norm;
      watching.channel_moments = watch_channel_moments;
      watching.group_statistics = watch_group_statistics;
      watching.attention = watch_attention;
      context->backend = &watching;
      func (golden, context, model, &error);
      g_assert_no_error (error);
      finish_row_parts ();
      context->backend = dry_backend;
    }

  hd_golden_case_free (golden);
}

static void
test_maps (void)
{
  g_autofree char   *cases = g_test_build_filename (G_TEST_DIST, "cases", NULL);
  g_autofree char   *scratch = g_dir_make_tmp ("hd-maps-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir)   folder = g_dir_open (cases, 0, &error);
  const char        *name;

  g_assert_no_error (error);
  seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  while ((name = g_dir_read_name (folder)) != NULL)
    if (g_str_has_suffix (name, ".json"))
      {
        g_autofree char *path = g_build_filename (cases, name, NULL);

        for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
          watch_case (scratch, path, runs[i].dtype, runs[i].splits, runs[i].steps);
      }
  hd_test_remove (scratch);

  g_test_message ("%d convolutions, %d of them D4's, %d upsampled; %d windows", n_convs, n_strided, n_upsampled,
                  n_windows);
  g_test_message ("%d GroupNorms; %d pairs of inputs; maps in bands %d times, feed-forward layers %d times", n_norms,
                  n_joined, n_bandings, n_row_parts);
  g_assert_cmpint (n_convs, >, 100);
  g_assert_cmpint (n_strided, >, 4);
  g_assert_cmpint (n_upsampled, >, 20);
  g_assert_cmpint (n_windows, >, 20);
  g_assert_cmpint (n_norms, >, 400);
  g_assert_cmpint (n_joined, >, 8);
  g_assert_cmpint (n_bandings, >, 40);
  g_assert_cmpint (n_row_parts, >, 6);
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
