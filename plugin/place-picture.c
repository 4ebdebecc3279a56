/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "plugin/insert-layer.h"
#include "plugin/place-picture.h"

GimpImage *
hd_place_get_image (HdPlace *place)
{
  if (place->image && gimp_image_is_valid (place->image))
    return place->image;

  return NULL;
}

static gboolean
open_image (HdPlace          *place,
            const HdPicture  *picture,
            GError          **error)
{
  GimpImage *image = gimp_image_new (picture->width, picture->height, GIMP_RGB);
  GimpLayer *layer;

  /* There is nothing before the picture that one could go back to. */
  gimp_image_undo_disable (image);
  layer = hd_insert_layer (image, picture, error);
  gimp_image_undo_enable (image);

  if (! layer)
    {
      gimp_image_delete (image);
      return FALSE;
    }

  if (place->show)
    gimp_display_new (image);

  place->image = image;
  place->layer = layer;
  place->made_here = TRUE;
  return TRUE;
}

static gboolean
fits (HdPlace         *place,
      GimpImage       *image,
      const HdPicture *picture)
{
  return ! place->made_here ||
         (gimp_image_get_width (image) == picture->width &&
          gimp_image_get_height (image) == picture->height);
}

gboolean
hd_place_picture (HdPlace          *place,
                  const HdPicture  *picture,
                  char            **message,
                  GError          **error)
{
  GimpImage *image = hd_place_get_image (place);

  *message = NULL;
  if (image && hd_image_takes_pictures (image, NULL) && fits (place, image, picture))
    {
      place->layer = hd_insert_layer (image, picture, error);
      return place->layer != NULL;
    }

  if (place->image && ! image)
    *message = g_strdup (_("The image was closed in the meantime. The picture is in a new image."));
  else if (image && ! hd_image_takes_pictures (image, NULL))
    *message = g_strdup (_("The image was given a palette in the meantime. The picture is in a new image."));

  return open_image (place, picture, error);
}
