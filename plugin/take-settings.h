/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "plugin/catalog.h"
#include "plugin/place-picture.h"

G_BEGIN_DECLS

/**
 * hd_take_settings_from_file:
 * @path: a PNG, JPEG or WebP file
 * @place: what the procedure is called for
 * @catalog: what is installed
 * @config: arguments of a task's procedure
 * @message: (out) (transfer full): one line for the user: that it was done, and what was not taken over
 *
 * Makes @config what the picture was made with, as far as the task has it; what computes it stays as it is. All of it is
 * taken, or in case of an error nothing.
 *
 * Returns: %FALSE with an error that names the file.
 */
gboolean hd_take_settings_from_file  (const char           *path,
                                      const HdPlace        *place,
                                      HdCatalog            *catalog,
                                      GimpProcedureConfig  *config,
                                      char                **message,
                                      GError              **error);

/* The same from what the selected layer of @place's image knows of itself. */
gboolean hd_take_settings_from_layer (const HdPlace        *place,
                                      HdCatalog            *catalog,
                                      GimpProcedureConfig  *config,
                                      char                **message,
                                      GError              **error);

G_END_DECLS
