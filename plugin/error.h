/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

G_BEGIN_DECLS

/**
 * HdPluginError:
 * @HD_PLUGIN_ERROR_ARGUMENT: an argument of a procedure cannot be what it is
 * @HD_PLUGIN_ERROR_IMAGE: the image cannot take the picture, or what it is to be made from is not in it
 * @HD_PLUGIN_ERROR_SETTINGS: the settings cannot be kept
 *
 * Errors of the layer plugin/. Their texts are shown to users and translated.
 */
typedef enum
{
  HD_PLUGIN_ERROR_ARGUMENT,
  HD_PLUGIN_ERROR_IMAGE,
  HD_PLUGIN_ERROR_SETTINGS,
} HdPluginError;

#define HD_PLUGIN_ERROR (hd_plugin_error_quark ())
GQuark            hd_plugin_error_quark      (void);

/**
 * hd_plugin_error_get_status:
 *
 * Returns: how a procedure ends that ends with @error, of any layer: a calling error where other arguments
 *   would help, an execution error otherwise.
 */
GimpPDBStatusType hd_plugin_error_get_status (const GError *error);

G_END_DECLS
