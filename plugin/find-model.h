/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where models are looked for, in this order:
 *
 *   1. the user's own: hidiffusion/models/ in the user's data folder (~/.local/share)
 *   2. the system's: hidiffusion/models/ in the system's data folders (/usr/share)
 *   3. those that came with the plug-in: models/ beside its program
 *
 * A model is a folder in one of these with a model_index.json; its name is the folder's. */

/**
 * hd_list_models:
 *
 * Returns: (transfer full): the folders of all models found, in the order above and by name within it; of models
 *   of one name only the first.
 */
char **hd_list_models  (void);

/**
 * hd_find_model:
 * @model: (nullable): a path, or the name of a model that hd_list_models() finds; %NULL or "": the first of those
 *
 * Paths may begin with "~/". That there is a model at a path is for the engine to find out.
 *
 * Returns: (transfer full): the model's path; %NULL with %HD_PLUGIN_ERROR_ARGUMENT if @model is neither a path
 *   nor a name that is known.
 */
char  *hd_find_model   (const char  *model,
                        GError     **error);

/**
 * hd_user_models_path:
 *
 * Returns: (transfer full): the folder for the user's own models, which need not exist.
 */
char  *hd_user_models_path (void);

G_END_DECLS
