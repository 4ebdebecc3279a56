/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/canny.h"

#include <math.h>

#include "engine/error.h"

#define MAX_SIGMA     32.0
#define MAX_THRESHOLD 4096.0  /* above every gradient: 8 * 255 */

/* tan (22.5 degrees) in 15 bits: directions are told apart in integers. */
#define TAN_SHIFT     15
#define TAN_22_5      13573

typedef enum
{
  PIXEL_PLAIN,
  PIXEL_WEAK,
  PIXEL_EDGE,
} Pixel;

typedef struct
{
  int      width;
  int      height;
  int      channels;
  guint8  *values;     /* (H, W, C) */
  gint16  *dx;         /* (H, W): of the channel with the steepest gradient */
  gint16  *dy;
  int     *magnitude;  /* (H + 2, W + 2): zeros around it */
  guint8  *pixels;     /* (H, W) of Pixel */
  GArray  *stack;      /* of gsize: edge pixels whose neighbours are still to be looked at */
} Canny;

static void
canny_clear (Canny *canny)
{
  g_free (canny->values);
  g_free (canny->dx);
  g_free (canny->dy);
  g_free (canny->magnitude);
  g_free (canny->pixels);
  g_clear_pointer (&canny->stack, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Canny, canny_clear)

static gboolean
canny_init (Canny          *canny,
            const HdImage  *image,
            GError        **error)
{
  gsize count = (gsize) image->width * image->height;

  *canny = (Canny) { .width = image->width, .height = image->height, .channels = image->channels };
  canny->stack = g_array_new (FALSE, FALSE, sizeof (gsize));
  canny->values = g_try_new (guint8, count * image->channels);
  canny->dx = g_try_new (gint16, count);
  canny->dy = g_try_new (gint16, count);
  canny->magnitude = g_try_new0 (int, ((gsize) image->width + 2) * ((gsize) image->height + 2));
  canny->pixels = g_try_new0 (guint8, count);
  if (canny->values != NULL && canny->dx != NULL && canny->dy != NULL && canny->magnitude != NULL
      && canny->pixels != NULL)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for the edges of a picture of %d x %d",
               image->width, image->height);

  return FALSE;
}

/* --- blur --------------------------------------------------------------------- */

static float *
make_kernel (double  sigma,
             int    *radius)
{
  float *kernel;
  double sum = 0.0;

  *radius = (int) ceil (3.0 * sigma);
  kernel = g_new (float, 2 * *radius + 1);
  for (int i = -*radius; i <= *radius; i++)
    sum += exp (-i * i / (2.0 * sigma * sigma));
  for (int i = -*radius; i <= *radius; i++)
    kernel[i + *radius] = (float) (exp (-i * i / (2.0 * sigma * sigma)) / sum);

  return kernel;
}

/* Blurs lines of @length values that are @step apart, of which there are @lines, @line_step apart; the edge's value goes
 * on beyond it. */
static void
blur_lines (const float *from,
            float       *to,
            int          length,
            gsize        step,
            int          lines,
            gsize        line_step,
            const float *kernel,
            int          radius)
{
  for (int line = 0; line < lines; line++)
    for (int i = 0; i < length; i++)
      {
        const float *start = from + line * line_step;
        float        sum = 0.0f;

        for (int k = -radius; k <= radius; k++)
          sum += kernel[k + radius] * start[CLAMP (i + k, 0, length - 1) * step];
        to[line * line_step + i * step] = sum;
      }
}

/* (transfer full): the blurred pixels; NULL without memory. */
static float *
blur (const HdImage *image,
      double         sigma)
{
  gsize             row = (gsize) image->width * image->channels;
  gsize             count = row * image->height;
  g_autofree float *half = g_try_new (float, count);
  float            *whole = g_try_new (float, count);
  g_autofree float *kernel = NULL;
  int               radius;

  if (half == NULL || whole == NULL)
    {
      g_free (whole);
      return NULL;
    }

  kernel = make_kernel (sigma, &radius);
  for (int c = 0; c < image->channels; c++)
    blur_lines (image->pixels + c, half + c, image->width, image->channels, image->height, row, kernel, radius);
  for (int x = 0; x < image->width; x++)
    blur_lines (half + (gsize) x * image->channels, whole + (gsize) x * image->channels, image->height, row,
                image->channels, 1, kernel, radius);

  return whole;
}

/* As 8 bits, without which equal gradients would be told apart by rounding errors. */
static gboolean
read_values (Canny          *canny,
             const HdImage  *image,
             double          sigma,
             GError        **error)
{
  g_autofree float *blurred = sigma > 0.0 ? blur (image, sigma) : NULL;
  const float      *from = sigma > 0.0 ? blurred : image->pixels;
  gsize             count = (gsize) image->width * image->height * image->channels;

  if (from == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory to blur a picture of %d x %d",
                   image->width, image->height);
      return FALSE;
    }

  /* NaN becomes 0. */
  for (gsize i = 0; i < count; i++)
    canny->values[i] = from[i] > 0.0f ? (guint8) lrintf (MIN (from[i], 1.0f) * 255.0f) : 0;

  return TRUE;
}

/* --- gradient ----------------------------------------------------------------- */

static int
value_at (const Canny *canny,
          int          x,
          int          y,
          int          channel)
{
  x = CLAMP (x, 0, canny->width - 1);
  y = CLAMP (y, 0, canny->height - 1);

  return canny->values[((gsize) y * canny->width + x) * canny->channels + channel];
}

static gsize
magnitude_index (const Canny *canny,
                 int          x,
                 int          y)
{
  return ((gsize) y + 1) * (canny->width + 2) + x + 1;
}

/* Sobel's operator at a pixel, in the channel where it is steepest. */
static void
find_gradient (Canny *canny,
               int    x,
               int    y)
{
  gsize  i = (gsize) y * canny->width + x;
  int   *magnitude = &canny->magnitude[magnitude_index (canny, x, y)];

  for (int c = 0; c < canny->channels; c++)
    {
      int dx = 0;
      int dy = 0;

      for (int k = -1; k <= 1; k++)
        {
          int weight = 2 - ABS (k);

          dx += weight * (value_at (canny, x + 1, y + k, c) - value_at (canny, x - 1, y + k, c));
          dy += weight * (value_at (canny, x + k, y + 1, c) - value_at (canny, x + k, y - 1, c));
        }
      if (c == 0 || ABS (dx) + ABS (dy) > *magnitude)
        {
          canny->dx[i] = (gint16) dx;
          canny->dy[i] = (gint16) dy;
          *magnitude = ABS (dx) + ABS (dy);
        }
    }
}

/* Whether the gradient is steepest at this pixel among its neighbours along the gradient. Of two equal ones in a row the
 * first counts. */
static gboolean
is_ridge (const Canny *canny,
          int          x,
          int          y)
{
  const int *m = &canny->magnitude[magnitude_index (canny, x, y)];
  gssize     row = canny->width + 2;
  gsize      i = (gsize) y * canny->width + x;
  int        dx = canny->dx[i];
  int        dy = canny->dy[i];
  int        across = ABS (dy) << TAN_SHIFT;
  int        tan_22_5 = ABS (dx) * TAN_22_5;
  int        tan_67_5 = tan_22_5 + (ABS (dx) << (TAN_SHIFT + 1));
  gssize     diagonal = row + ((dx ^ dy) < 0 ? -1 : 1);

  if (across < tan_22_5)
    return *m > m[-1] && *m >= m[1];
  if (across > tan_67_5)
    return *m > m[-row] && *m >= m[row];

  return *m > m[-diagonal] && *m > m[diagonal];
}

/* --- hysteresis --------------------------------------------------------------- */

static void
mark_edge (Canny *canny,
           gsize  i)
{
  canny->pixels[i] = PIXEL_EDGE;
  g_array_append_val (canny->stack, i);
}

static void
find_candidates (Canny  *canny,
                 double  low,
                 double  high)
{
  for (int y = 0; y < canny->height; y++)
    for (int x = 0; x < canny->width; x++)
      {
        gsize i = (gsize) y * canny->width + x;
        int   magnitude = canny->magnitude[magnitude_index (canny, x, y)];

        if (!(magnitude > low) || !is_ridge (canny, x, y))
          continue;
        if (magnitude > high)
          mark_edge (canny, i);
        else
          canny->pixels[i] = PIXEL_WEAK;
      }
}

/* Weak pixels become edges where they touch one, be it over a corner. */
static void
grow_edges (Canny *canny)
{
  while (canny->stack->len > 0)
    {
      gsize i = g_array_index (canny->stack, gsize, canny->stack->len - 1);
      int   x = (int) (i % canny->width);
      int   y = (int) (i / canny->width);

      g_array_set_size (canny->stack, canny->stack->len - 1);
      for (int v = MAX (y - 1, 0); v <= MIN (y + 1, canny->height - 1); v++)
        for (int u = MAX (x - 1, 0); u <= MIN (x + 1, canny->width - 1); u++)
          if (canny->pixels[(gsize) v * canny->width + u] == PIXEL_WEAK)
            mark_edge (canny, (gsize) v * canny->width + u);
    }
}

HdImage *
hd_canny (const HdImage         *image,
          const HdCannyOptions  *options,
          GError               **error)
{
  const HdCannyOptions  usual = { .low = HD_CANNY_LOW, .high = HD_CANNY_HIGH };
  const HdCannyOptions *settings = options != NULL ? options : &usual;
  double                sigma = CLAMP (settings->sigma, 0.0, MAX_SIGMA);
  double                low = CLAMP (settings->low, 0.0, MAX_THRESHOLD);
  double                high = CLAMP (settings->high, 0.0, MAX_THRESHOLD);
  g_autoptr (HdImage)   edges = hd_image_new (image->width, image->height, 3, error);
  g_auto (Canny)        canny = { 0 };

  if (edges == NULL || !canny_init (&canny, image, error) || !read_values (&canny, image, sigma, error))
    return NULL;

  for (int y = 0; y < canny.height; y++)
    for (int x = 0; x < canny.width; x++)
      find_gradient (&canny, x, y);
  find_candidates (&canny, MIN (low, high), MAX (low, high));
  grow_edges (&canny);

  for (gsize i = 0; i < (gsize) canny.width * canny.height; i++)
    for (int c = 0; c < 3; c++)
      edges->pixels[3 * i + c] = canny.pixels[i] == PIXEL_EDGE ? 1.0f : 0.0f;

  return g_steal_pointer (&edges);
}
