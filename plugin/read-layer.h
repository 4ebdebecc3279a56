/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/image.h"

G_BEGIN_DECLS

/* Pixels of an image as the engine reads them: sRGB-encoded, whatever precision, model and profile the image has. */

/**
 * hd_read_layer:
 * @alpha: (out) (nullable): how opaque the pixels are; %NULL if all of them are fully
 *
 * Returns: (transfer full): the layer's own pixels, without mask, opacity and mode; where it is transparent, over gray.
 *   %NULL with %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdImage *hd_read_layer     (GimpLayer            *layer,
                            HdImage             **alpha,
                            GError              **error);

/**
 * hd_read_mask:
 * @drawable: a selection, a channel or a layer mask
 * @area: the part of it; what lies outside of the drawable is 0
 *
 * Returns: (transfer full): the values in steps of 1/65535. A layer mask in the image's own precision, made of them, is
 *   read again as the same values.
 */
HdImage *hd_read_mask      (GimpDrawable         *drawable,
                            const GeglRectangle  *area,
                            GError              **error);

/* (transfer full): a part of @drawable over black, which is nothing in the maps that ControlNets read. */
HdImage *hd_read_map       (GimpDrawable         *drawable,
                            const GeglRectangle  *area,
                            GError              **error);

G_END_DECLS
