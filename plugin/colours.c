/* SPDX-License-Identifier: Apache-2.0 */

#include <gegl.h>

#include "plugin/colours.h"

#define INTENT GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC

/* The image's profile if babl cannot convert from and to it. */
static GimpColorProfile *
find_tables (GimpImage *image)
{
  g_autoptr (GimpColorProfile) profile = NULL;

  /* Pixels of a palette are sRGB, and profiles for gray are curves. */
  if (gimp_image_get_base_type (image) != GIMP_RGB)
    return NULL;

  profile = gimp_image_get_color_profile (image);
  if (! profile || gimp_color_profile_get_space (profile, INTENT, NULL))
    return NULL;

  return g_steal_pointer (&profile);
}

static gboolean
is_linear (GimpImage *image)
{
  switch (gimp_image_get_precision (image))
    {
    case GIMP_PRECISION_U8_LINEAR:
    case GIMP_PRECISION_U16_LINEAR:
    case GIMP_PRECISION_U32_LINEAR:
    case GIMP_PRECISION_HALF_LINEAR:
    case GIMP_PRECISION_FLOAT_LINEAR:
    case GIMP_PRECISION_DOUBLE_LINEAR:
      return TRUE;
    default:
      return FALSE;
    }
}

void
hd_colours_init (HdColours    *colours,
                 GimpDrawable *drawable,
                 gboolean      writing)
{
  const Babl                   *encoded = babl_format ("R'G'B'A float");
  GimpImage                    *image = gimp_item_get_image (GIMP_ITEM (drawable));
  g_autoptr (GimpColorProfile)  profile = find_tables (image);
  g_autoptr (GimpColorProfile)  srgb = NULL;

  *colours = (HdColours) { .format = encoded, .writing = writing };
  if (! profile)
    return;

  srgb = gimp_color_profile_new_rgb_srgb ();
  /* The tables stand for the numbers as they are in the image. */
  if (is_linear (image))
    colours->format = babl_format ("RGBA float");
  colours->transform = writing ? gimp_color_transform_new (srgb, encoded, profile, colours->format, INTENT, 0)
                               : gimp_color_transform_new (profile, colours->format, srgb, encoded, INTENT, 0);
}

void
hd_colours_clear (HdColours *colours)
{
  g_clear_object (&colours->transform);
}

void
hd_colours_convert (HdColours *colours,
                    float     *pixels,
                    gsize      count)
{
  const Babl *encoded = babl_format ("R'G'B'A float");

  if (colours->transform)
    gimp_color_transform_process_pixels (colours->transform, colours->writing ? encoded : colours->format, pixels,
                                         colours->writing ? colours->format : encoded, pixels, count);
}
