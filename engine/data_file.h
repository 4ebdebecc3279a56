/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/**
 * hd_data_file_find:
 * @name: path of a file below the project's data folder: "clip/merges.txt.gz"
 *
 * Looks for a file that comes with the installation, in this order:
 *
 *   1. in the folder that the environment variable HIDIFFUSION_DATA_DIR names
 *   2. in data/ or share/hidiffusion/ in the folder of the running program (the plug-in has its own beside it) or in
 *      one of the three folders above (programs in a bin/ of wherever they were installed to, or in a build folder)
 *   3. where the build was configured to install to
 *
 * Returns: (transfer full): its path; %NULL with %HD_ENGINE_ERROR_FILE that names the places.
 */
char *hd_data_file_find (const char  *name,
                         GError     **error);

G_END_DECLS
