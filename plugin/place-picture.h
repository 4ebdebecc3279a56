/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"

G_BEGIN_DECLS

/**
 * HdPlace:
 * @image: (nullable): the image that pictures go into; not valid any more if it was closed meanwhile
 * @layer: (nullable): the layer of the last picture
 * @made_here: @image was made by hd_place_picture()
 * @show: new images are to get a display
 *
 * Where the pictures of one run of the procedure go. The image may be closed at any time by the user; all else
 * belongs to libgimp.
 */
typedef struct
{
  GimpImage *image;
  GimpLayer *layer;
  gboolean   made_here;
  gboolean   show;
} HdPlace;

/**
 * hd_place_get_image:
 *
 * Returns: (transfer none) (nullable): the image, if there is one and it is still open.
 */
GimpImage *hd_place_get_image (HdPlace          *place);

/**
 * hd_place_picture:
 * @place: where to; afterwards, where it is
 * @message: (out) (nullable) (transfer full): what the user is to be told
 *
 * Puts a picture into the image as a layer. It opens as a new image where there is none, where that was closed
 * or given a palette meanwhile: nobody is to lose a picture. An image that was made here also leaves room for
 * one of another size.
 */
gboolean   hd_place_picture   (HdPlace          *place,
                               const HdPicture  *picture,
                               char            **message,
                               GError          **error);

G_END_DECLS
