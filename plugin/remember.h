/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

/* What a layer knows of how it was made. Both parasites are saved with the image. */

/* The request: hd_request_to_json(), without a final NUL. */
#define HD_REQUEST_PARASITE "hidiffusion-request"

/* Which layers it was made from: a JSON object, without a final NUL. */
#define HD_SOURCE_PARASITE  "hidiffusion-source"

/**
 * HdOrigin:
 * @source: tattoo of the layer that it was made from, which outlasts saving; 0: none
 * @source_name: (nullable): that layer's name, for messages
 * @control: tattoo of the layer that the ControlNet read; 0: none
 * @x: where the layer lay in its source
 * @y: likewise
 */
typedef struct
{
  guint  source;
  char  *source_name;
  guint  control;
  int    x;
  int    y;
} HdOrigin;

void       hd_origin_clear     (HdOrigin         *origin);

/* Attaches both parasites to a layer. */
void       hd_remember         (GimpLayer        *layer,
                                const HdRequest  *request,
                                const HdOrigin   *origin);

/**
 * hd_recall:
 * @origin: (out): to be cleared
 *
 * Returns: (transfer full): the request that the layer was made from; %NULL with %HD_PLUGIN_ERROR_IMAGE if it has none,
 *   or with %HD_ENGINE_ERROR_REQUEST if that is damaged.
 */
HdRequest *hd_recall           (GimpLayer        *layer,
                                HdOrigin         *origin,
                                GError          **error);

/* (transfer none): the layer of that tattoo; NULL with %HD_PLUGIN_ERROR_IMAGE if it is gone. */
GimpLayer *hd_origin_find_source (const HdOrigin *origin,
                                  GimpImage      *image,
                                  GError        **error);

/* (transfer none): likewise; a channel or a layer. */
GimpDrawable *hd_origin_find_control (const HdOrigin *origin,
                                      GimpImage      *image,
                                      GError        **error);

G_END_DECLS
