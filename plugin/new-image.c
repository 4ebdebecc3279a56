/* SPDX-License-Identifier: Apache-2.0 */

#include <gegl.h>

#include "plugin/new-image.h"
#include "plugin/read-layer.h"

static gboolean
has_layer (const HdSource *source)
{
  return source->layer && gimp_item_is_valid (GIMP_ITEM (source->layer));
}

GimpImage *
hd_new_image (const HdSource *source,
              int             width,
              int             height)
{
  g_autoptr (GimpColorProfile)  profile = NULL;
  GimpImage                    *origin;
  GimpImage                    *image;
  gboolean                      is_gray;
  double                        x_resolution;
  double                        y_resolution;

  if (! has_layer (source))
    return gimp_image_new (width, height, GIMP_RGB);

  origin = gimp_item_get_image (GIMP_ITEM (source->layer));
  is_gray = gimp_image_get_base_type (origin) == GIMP_GRAY;
  image = gimp_image_new_with_precision (width, height, is_gray ? GIMP_GRAY : GIMP_RGB,
                                         gimp_image_get_precision (origin));
  profile = gimp_image_get_color_profile (origin);
  if (profile)
    gimp_image_set_color_profile (image, profile);
  if (gimp_image_get_resolution (origin, &x_resolution, &y_resolution))
    gimp_image_set_resolution (image, x_resolution, y_resolution);

  return image;
}

void
hd_copy_layer_mask (const HdSource *source,
                    GimpLayer      *layer)
{
  GimpDrawable           *drawable = GIMP_DRAWABLE (layer);
  GimpLayerMask          *mask = has_layer (source) ? gimp_layer_get_mask (source->layer) : NULL;
  GimpLayerMask          *copy;
  g_autoptr (HdImage)     read = NULL;
  g_autoptr (HdImage)     resized = NULL;
  g_autoptr (GeglBuffer)  buffer = NULL;

  if (! mask)
    return;

  read = hd_read_mask (GIMP_DRAWABLE (mask),
                       GEGL_RECTANGLE (0, 0, gimp_drawable_get_width (GIMP_DRAWABLE (mask)),
                                       gimp_drawable_get_height (GIMP_DRAWABLE (mask))), NULL);
  if (read)
    resized = hd_image_resize (read, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable), NULL);
  if (! resized)
    return;

  copy = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (copy));
  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, resized->width, resized->height), 0,
                   babl_format ("Y float"), resized->pixels, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_flush (buffer);
  gimp_layer_add_mask (layer, copy);
}

GimpLayer *
hd_new_image_keep_source (GimpImage      *image,
                          const HdSource *source)
{
  g_autofree char        *name = NULL;
  GimpDrawable           *drawable;
  GimpLayer              *copy;
  g_autoptr (GeglBuffer)  from = NULL;
  g_autoptr (GeglBuffer)  to = NULL;

  if (! has_layer (source))
    return NULL;

  drawable = GIMP_DRAWABLE (source->layer);
  name = gimp_item_get_name (GIMP_ITEM (source->layer));
  copy = gimp_layer_new (image, name, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable),
                         gimp_image_get_base_type (image) == GIMP_GRAY ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE,
                         100.0, GIMP_LAYER_MODE_NORMAL);
  from = gimp_drawable_get_buffer (drawable);
  to = gimp_drawable_get_buffer (GIMP_DRAWABLE (copy));
  gegl_buffer_copy (from, NULL, GEGL_ABYSS_NONE, to, NULL);
  gegl_buffer_flush (to);
  gimp_item_set_visible (GIMP_ITEM (copy), FALSE);
  hd_copy_layer_mask (source, copy);

  gimp_image_insert_layer (image, copy, NULL, -1);
  return copy;
}
