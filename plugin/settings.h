/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the user has set once for all procedures: hidiffusion.ini in GIMP's profile. */

/**
 * hd_settings_get_folders:
 *
 * Returns: (transfer full) (array zero-terminated=1): the folders that the user has added to those where models and
 *   what belongs to them are looked for; empty if there are none, or no settings that can be read.
 */
char     **hd_settings_get_folders (void);

/* FALSE with %HD_PLUGIN_ERROR_SETTINGS if the settings cannot be written. */
gboolean   hd_settings_set_folders (const char * const  *folders,
                                    GError             **error);

G_END_DECLS
