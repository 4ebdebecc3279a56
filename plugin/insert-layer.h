/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"
#include "plugin/place-picture.h"

G_BEGIN_DECLS

/**
 * hd_image_takes_pictures:
 *
 * Returns: %FALSE with %HD_PLUGIN_ERROR_IMAGE, saying what to do, if the image has a palette: a picture would
 *   be squeezed into the few colours that it happens to have; or if it has a floating selection.
 */
gboolean   hd_image_takes_pictures (GimpImage        *image,
                                    GError          **error);

/**
 * hd_insert_layer:
 * @image: an image that hd_image_takes_pictures(); in one of gray values the layer is gray
 * @place: what the picture was made from, as it was read; knows the group afterwards
 * @picture: the picture
 * @message: (inout) (nullable) (transfer full): what the user is to be told, if there is nothing yet
 *
 * Makes a layer of @picture, named after the prompt, with what it was made from as parasites, and adds it as one undo
 * step: above the one before it or the one it was made from, where that lies; without any of these above the selected
 * one, centred on the image; or into the group that pictures of this prompt are in, which is made in the same step if
 * need be. A filled layer has a mask, the others are as transparent as their source. Where @place says so, the image's
 * metadata tell how it was made. The image is
 * touched only when the layer is complete.
 *
 * Returns: (transfer none): the layer; %NULL with %HD_PLUGIN_ERROR_IMAGE, or %HD_ENGINE_ERROR_NO_MEMORY.
 */
GimpLayer *hd_insert_layer         (GimpImage        *image,
                                    HdPlace          *place,
                                    const HdPicture  *picture,
                                    char            **message,
                                    GError          **error);

G_END_DECLS
