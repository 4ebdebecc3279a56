/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"

G_BEGIN_DECLS

/* The parasite with the request that a layer was made from: hd_request_to_json(), without a final NUL. */
#define HD_REQUEST_PARASITE "hidiffusion-request"

/**
 * hd_image_takes_pictures:
 *
 * Returns: %FALSE with %HD_PLUGIN_ERROR_IMAGE, saying what to do, if the image has a palette: a picture would
 *   be squeezed into the few colours that it happens to have.
 */
gboolean   hd_image_takes_pictures (GimpImage        *image,
                                    GError          **error);

/**
 * hd_insert_layer:
 * @image: an image that hd_image_takes_pictures(); in one of gray values the layer is gray
 * @picture: the picture
 *
 * Makes a layer of @picture, named after the prompt, with the request as a parasite, and puts it above the
 * selected one, centred on the image, as one undo step. The image is touched only when the layer is complete.
 *
 * Returns: (transfer none): the layer; %NULL with %HD_PLUGIN_ERROR_IMAGE.
 */
GimpLayer *hd_insert_layer         (GimpImage        *image,
                                    const HdPicture  *picture,
                                    GError          **error);

G_END_DECLS
