/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

/* Pixels on a side where neither the arguments nor an image say otherwise. */
#define HD_DEFAULT_SIZE 512

/**
 * hd_adapt_request:
 * @config: arguments of the procedure
 * @image: (nullable): the image that the picture is for; its size stands for a width or height of 0
 *
 * The one place where GIMP's arguments become a request. Strings that the caller left out have their defaults.
 *
 * Returns: (transfer full): the request, checked as far as that is possible without the model; %NULL with
 *   %HD_PLUGIN_ERROR_ARGUMENT or %HD_ENGINE_ERROR_REQUEST.
 */
HdRequest *hd_adapt_request (GimpProcedureConfig  *config,
                             GimpImage            *image,
                             GError              **error);

G_END_DECLS
