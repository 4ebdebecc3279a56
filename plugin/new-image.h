/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "plugin/source.h"

G_BEGIN_DECLS

/* (transfer none): an empty image for a picture. If there is a source it has that one's precision, profile and
 * resolution, and is gray if that is gray; it is never indexed. */
GimpImage *hd_new_image             (const HdSource *source,
                                     int             width,
                                     int             height);

/**
 * hd_new_image_keep_source:
 *
 * Copies the source into another image, hidden: what is made from it can be made again there, also after the image was
 * saved, and be compared with it.
 *
 * Returns: (transfer none) (nullable): the copy; %NULL if there is no source any more.
 */
GimpLayer *hd_new_image_keep_source (GimpImage      *image,
                                     const HdSource *source);

/* Gives @layer, of any size, a copy of the source's mask if that has one. */
void       hd_copy_layer_mask       (const HdSource *source,
                                     GimpLayer      *layer);

G_END_DECLS
