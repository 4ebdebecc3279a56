/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <gegl.h>

#include "plugin/colours.h"
#include "plugin/read-layer.h"

/* Pixels are fetched in bands: floats with alpha take four times the room of most layers. */
#define BAND_PIXELS (1 << 20)

#define STEPS 65535.0f

#define LAYER_BACKGROUND 0.5f
#define MAP_BACKGROUND   0.0f

/* Layers can hold values of any size, and none at all. */
static float
clamp (float value)
{
  return value >= 0.0f ? MIN (value, 1.0f) : 0.0f;
}

/* Whether the image's numbers are among those that STEPS can tell apart. */
static gboolean
has_few_bits (GimpDrawable *drawable)
{
  switch (gimp_image_get_precision (gimp_item_get_image (GIMP_ITEM (drawable))))
    {
    case GIMP_PRECISION_U8_LINEAR:
    case GIMP_PRECISION_U8_NON_LINEAR:
    case GIMP_PRECISION_U8_PERCEPTUAL:
    case GIMP_PRECISION_U16_LINEAR:
    case GIMP_PRECISION_U16_NON_LINEAR:
    case GIMP_PRECISION_U16_PERCEPTUAL:
      return TRUE;
    default:
      return FALSE;
    }
}

/* babl converts by whichever of its ways it finds to be the fastest in this process, and these differ in last bits,
 * which a network makes into other pictures: back to the numbers that the image has. */
static void
round_steps (float *values,
             gsize  count)
{
  for (gsize i = 0; i < count; i++)
    values[i] = roundf (clamp (values[i]) * STEPS) / STEPS;
}

/* Lays @count pixels with alpha over @background; whether all were opaque. */
static gboolean
flatten (const float *pixels,
         gsize        count,
         float        background,
         float       *colour,
         float       *alpha)
{
  gboolean opaque = TRUE;

  for (gsize i = 0; i < count; i++)
    {
      float a = clamp (pixels[4 * i + 3]);

      for (int c = 0; c < 3; c++)
        colour[3 * i + c] = a > 0.0f ? a * clamp (pixels[4 * i + c]) + (1.0f - a) * background : background;
      if (alpha)
        alpha[i] = a;
      opaque = opaque && a == 1.0f;
    }

  return opaque;
}

static gboolean
read_colours (GimpDrawable        *drawable,
              const GeglRectangle *area,
              float                background,
              float               *colour,
              float               *alpha)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  int                    band = CLAMP (BAND_PIXELS / area->width, 1, area->height);
  g_autofree float      *pixels = g_new (float, (gsize) 4 * band * area->width);
  gboolean               few_bits = has_few_bits (drawable);
  gboolean               opaque = TRUE;
  HdColours              colours;

  hd_colours_init (&colours, drawable, FALSE);
  for (int y = 0; y < area->height; y += band)
    {
      int   rows = MIN (band, area->height - y);
      gsize done = (gsize) y * area->width;

      gegl_buffer_get (buffer, GEGL_RECTANGLE (area->x, area->y + y, area->width, rows), 1.0,
                       colours.format, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      hd_colours_convert (&colours, pixels, (gsize) rows * area->width);
      if (few_bits)
        round_steps (pixels, (gsize) 4 * rows * area->width);
      if (! flatten (pixels, (gsize) rows * area->width, background,
                     colour + 3 * done, alpha ? alpha + done : NULL))
        opaque = FALSE;
    }
  hd_colours_clear (&colours);

  return opaque;
}

HdImage *
hd_read_layer (GimpLayer  *layer,
               HdImage   **alpha,
               GError    **error)
{
  GimpDrawable        *drawable = GIMP_DRAWABLE (layer);
  GeglRectangle        area = { 0, 0, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable) };
  g_autoptr (HdImage)  picture = hd_image_new (area.width, area.height, 3, error);
  g_autoptr (HdImage)  opacity = NULL;

  *alpha = NULL;
  if (picture && gimp_drawable_has_alpha (drawable))
    {
      opacity = hd_image_new (area.width, area.height, 1, error);
      if (! opacity)
        return NULL;
    }
  if (! picture)
    return NULL;

  if (! read_colours (drawable, &area, LAYER_BACKGROUND, picture->pixels, opacity ? opacity->pixels : NULL))
    *alpha = g_steal_pointer (&opacity);

  return g_steal_pointer (&picture);
}

HdImage *
hd_read_map (GimpDrawable         *drawable,
             const GeglRectangle  *area,
             GError              **error)
{
  HdImage *map = hd_image_new (area->width, area->height, 3, error);

  if (map)
    read_colours (drawable, area, MAP_BACKGROUND, map->pixels, NULL);

  return map;
}

HdImage *
hd_read_mask (GimpDrawable         *drawable,
              const GeglRectangle  *area,
              GError              **error)
{
  g_autoptr (GeglBuffer)  buffer = NULL;
  HdImage                *mask = hd_image_new (area->width, area->height, 1, error);

  if (! mask)
    return NULL;

  buffer = gimp_drawable_get_buffer (drawable);
  gegl_buffer_get (buffer, area, 1.0, babl_format ("Y float"), mask->pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  round_steps (mask->pixels, (gsize) area->width * area->height);

  return mask;
}
