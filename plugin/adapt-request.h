/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"
#include "plugin/catalog.h"
#include "plugin/place-picture.h"

G_BEGIN_DECLS

/**
 * hd_adapt_request:
 * @config: arguments of the task's procedure
 * @place: what the picture is made from; its image's size stands for a width or height of 0
 * @catalog: what names mean
 * @draft: for an estimate: the pictures that the request brings with it have a size, but no pixels, and the prompt may
 *   be missing
 *
 * The one place where GIMP's arguments become a request. Strings that the caller left out have their defaults.
 *
 * Returns: (transfer full): the request, checked as far as that is possible without the model; %NULL with
 *   %HD_PLUGIN_ERROR or %HD_ENGINE_ERROR.
 */
HdRequest *hd_adapt_request    (GimpProcedureConfig  *config,
                                HdPlace              *place,
                                HdCatalog            *catalog,
                                gboolean              draft,
                                GError              **error);

/* FALSE with %HD_PLUGIN_ERROR_ARGUMENT if the task needs a prompt and there is none, of the user's or of a style. */
gboolean   hd_adapt_check_prompt (GimpProcedureConfig  *config,
                                  HdTask                task,
                                  HdCatalog            *catalog,
                                  GError              **error);

/**
 * hd_complete_request:
 * @request: from a layer's parasite: models, LoRAs and ControlNets by name alone
 *
 * Looks for what a request names and reads the pictures that it needs, so that it can be run.
 */
gboolean   hd_complete_request (HdRequest            *request,
                                HdPlace              *place,
                                HdCatalog            *catalog,
                                gboolean              draft,
                                GError              **error);

/* The way back: @config becomes the arguments that @request would come from. */
void       hd_adapt_config     (const HdRequest      *request,
                                const HdPlace        *place,
                                GimpProcedureConfig  *config);

G_END_DECLS
