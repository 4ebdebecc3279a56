/* SPDX-License-Identifier: Apache-2.0 */

#include <gio/gio.h>

#include "engine/error.h"
#include "plugin/error.h"

G_DEFINE_QUARK (hd-plugin-error-quark, hd_plugin_error)

GimpPDBStatusType
hd_plugin_error_get_status (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return GIMP_PDB_CANCEL;

  if (error->domain == HD_PLUGIN_ERROR ||
      g_error_matches (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST))
    return GIMP_PDB_CALLING_ERROR;

  return GIMP_PDB_EXECUTION_ERROR;
}
