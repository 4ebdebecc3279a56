/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/image.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"

#define LANCZOS_LOBES 3

/* --- life --------------------------------------------------------------------- */

static float *
new_pixels (gsize     width,
            gsize     height,
            gsize     channels,
            GError  **error)
{
  gsize  row;
  gsize  count;
  float *pixels = NULL;

  if (g_size_checked_mul (&row, width, channels) && g_size_checked_mul (&count, row, height))
    pixels = g_try_new0 (float, MAX (count, 1));
  if (pixels == NULL)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 "No memory for a picture of %" G_GSIZE_FORMAT " x %" G_GSIZE_FORMAT, width, height);

  return pixels;
}

HdImage *
hd_image_new (int       width,
              int       height,
              int       channels,
              GError  **error)
{
  HdImage *image;
  float   *pixels;

  g_return_val_if_fail (width > 0 && height > 0 && channels > 0, NULL);

  pixels = new_pixels ((gsize) width, (gsize) height, (gsize) channels, error);
  if (pixels == NULL)
    return NULL;

  image = g_new0 (HdImage, 1);
  g_atomic_ref_count_init (&image->references);
  image->width = width;
  image->height = height;
  image->channels = channels;
  image->pixels = pixels;

  return image;
}

HdImage *
hd_image_ref (HdImage *image)
{
  g_atomic_ref_count_inc (&image->references);

  return image;
}

void
hd_image_unref (HdImage *image)
{
  if (image == NULL || !g_atomic_ref_count_dec (&image->references))
    return;

  g_free (image->pixels);
  g_free (image);
}

gboolean
hd_image_equal (const HdImage *a,
                const HdImage *b)
{
  if (a == b)
    return TRUE;

  return a != NULL && b != NULL
         && a->width == b->width && a->height == b->height && a->channels == b->channels
         && memcmp (a->pixels, b->pixels, (gsize) a->width * a->height * a->channels * sizeof *a->pixels) == 0;
}

/* --- cropping ------------------------------------------------------------------ */

/* @position mirrored into 0 to @side - 1, without repeating the edge's own pixel. */
static int
mirror (gint64 position,
        int    side)
{
  gint64 period = side > 1 ? 2 * ((gint64) side - 1) : 1;
  gint64 place = position % period;

  if (place < 0)
    place += period;

  return (int) (place < side ? place : period - place);
}

HdImage *
hd_image_crop (const HdImage  *image,
               int             x,
               int             y,
               int             width,
               int             height,
               GError        **error)
{
  HdImage *crop = hd_image_new (width, height, image->channels, error);
  gsize    pixel = image->channels * sizeof (float);

  for (int row = 0; crop != NULL && row < height; row++)
    {
      const float *from = image->pixels + (gsize) mirror ((gint64) y + row, image->height) * image->width * image->channels;
      float       *to = crop->pixels + (gsize) row * width * image->channels;

      for (int column = 0; column < width; column++)
        memcpy (to + (gsize) column * image->channels,
                from + (gsize) mirror ((gint64) x + column, image->width) * image->channels, pixel);
    }

  return crop;
}

/* --- resizing ------------------------------------------------------------------ */

/* For each pixel of the result on one axis: @taps weights, for the pixels from its first on. */
typedef struct
{
  int    taps;
  int   *first;
  float *weights;
} Filter;

static void
filter_clear (Filter *filter)
{
  g_free (filter->first);
  g_free (filter->weights);
}

static double
lanczos (double x)
{
  if (fabs (x) < 1e-8)
    return 1.0;
  if (fabs (x) >= LANCZOS_LOBES)
    return 0.0;

  return LANCZOS_LOBES * sin (G_PI * x) * sin (G_PI * x / LANCZOS_LOBES) / (G_PI * G_PI * x * x);
}

/* Weights that fall over an edge go to the edge's pixel. */
static void
filter_init (Filter *filter,
             int     from,
             int     to)
{
  double scale = (double) from / to;
  double stretch = MAX (scale, 1.0);
  int    reach = (int) ceil (LANCZOS_LOBES * stretch);
  int    taps = MIN (2 * reach + 1, from);

  filter->taps = taps;
  filter->first = g_new (int, to);
  filter->weights = g_new0 (float, (gsize) to * taps);

  for (int i = 0; i < to; i++)
    {
      double  centre = (i + 0.5) * scale - 0.5;
      int     middle = (int) floor (centre + 0.5);
      int     first = CLAMP (middle - reach, 0, from - taps);
      float  *weights = filter->weights + (gsize) i * taps;
      double  sum = 0.0;

      filter->first[i] = first;
      for (int j = middle - reach; j <= middle + reach; j++)
        sum += lanczos ((j - centre) / stretch);
      for (int j = middle - reach; j <= middle + reach; j++)
        weights[CLAMP (j, first, first + taps - 1) - first] += (float) (lanczos ((j - centre) / stretch) / sum);
    }
}

/* From (rows, from, C) to (rows, to, C). */
static void
resize_rows (const float  *pixels,
             float        *result,
             const Filter *filter,
             int           rows,
             int           from,
             int           to,
             int           channels)
{
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < to; i++)
      for (int c = 0; c < channels; c++)
        {
          const float *source = pixels + ((gsize) row * from + filter->first[i]) * channels + c;
          const float *weights = filter->weights + (gsize) i * filter->taps;
          float        sum = 0.0f;

          for (int t = 0; t < filter->taps; t++)
            sum += weights[t] * source[(gsize) t * channels];
          result[((gsize) row * to + i) * channels + c] = sum;
        }
}

/* From (from, columns) to (to, columns); also where the range is kept. */
static void
resize_columns (const float  *pixels,
                float        *result,
                const Filter *filter,
                int           to,
                gsize         columns)
{
  for (int i = 0; i < to; i++)
    {
      float       *row = result + i * columns;
      const float *weights = filter->weights + (gsize) i * filter->taps;

      memset (row, 0, columns * sizeof *row);
      for (int t = 0; t < filter->taps; t++)
        {
          const float *source = pixels + (filter->first[i] + t) * columns;

          for (gsize x = 0; x < columns; x++)
            row[x] += weights[t] * source[x];
        }
      for (gsize x = 0; x < columns; x++)
        row[x] = row[x] >= 0.0f ? MIN (row[x], 1.0f) : 0.0f;
    }
}

HdImage *
hd_image_resize (const HdImage  *image,
                 int             width,
                 int             height,
                 GError        **error)
{
  g_autoptr (HdImage) result = hd_image_new (width, height, image->channels, error);
  g_autofree float   *middle = NULL;
  Filter              horizontal;
  Filter              vertical;

  if (result == NULL)
    return NULL;

  middle = new_pixels ((gsize) width, (gsize) image->height, (gsize) image->channels, error);
  if (middle == NULL)
    return NULL;

  filter_init (&horizontal, image->width, width);
  filter_init (&vertical, image->height, height);
  resize_rows (image->pixels, middle, &horizontal, image->height, image->width, width, image->channels);
  resize_columns (middle, result->pixels, &vertical, height, (gsize) width * image->channels);
  filter_clear (&horizontal);
  filter_clear (&vertical);

  return g_steal_pointer (&result);
}
