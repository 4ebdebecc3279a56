/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/image.h"

G_BEGIN_DECLS

/**
 * HdSource:
 * @layer: the layer
 * @image: (nullable): the image that it was in when it was read last
 * @area: where it lay in that image then
 * @picture: (nullable): its pixels
 * @alpha: (nullable): its opacity; %NULL if it is opaque
 * @mask: (nullable): of the layer's size: what is to be filled
 *
 * The layer that a picture is made from, and what was read of it.
 */
typedef struct
{
  GimpLayer     *layer;
  GimpImage     *image;
  GeglRectangle  area;
  HdImage       *picture;
  HdImage       *alpha;
  HdImage       *mask;
} HdSource;

/**
 * HdOutline:
 * @layer: a layer that was filled before, whose mask is what is to be filled
 * @x: where the layer lay in the source
 * @y: likewise
 */
typedef struct
{
  GimpLayer *layer;
  int        x;
  int        y;
} HdOutline;

/**
 * hd_source_find:
 * @drawables: what the procedure was called for; if there are none, the image's selected layers are meant
 *
 * Returns: (transfer none): the one layer that the user means; %NULL with %HD_PLUGIN_ERROR_IMAGE saying what to select.
 */
GimpLayer *hd_source_find  (GimpImage         *image,
                            GimpDrawable     **drawables,
                            GError           **error);

/* Looks whether the layer can be read: still there, no floating selection, no empty group. */
gboolean   hd_source_check (const HdSource    *source,
                            GError           **error);

/**
 * hd_source_read:
 * @fill: whether the mask is wanted: the selection or, if there is none, the transparent part
 * @outline: (nullable): where the mask comes from instead
 * @draft: sizes will do: the pictures have no pixels, and the mask covers the selection's bounds
 *
 * What is transparent and lies in the selection is filled as a whole, however weakly it is selected.
 *
 * Returns: %FALSE with @error set if there is no memory, or nothing to fill.
 */
gboolean   hd_source_read  (HdSource          *source,
                            gboolean           fill,
                            const HdOutline   *outline,
                            gboolean           draft,
                            GError           **error);

void       hd_source_clear (HdSource          *source);

G_END_DECLS
