/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* The model: an entry for a name or a path, with a list of the installed models and a button that looks for a
 * folder. */
#define HD_TYPE_MODEL_FIELD (hd_model_field_get_type ())
G_DECLARE_FINAL_TYPE (HdModelField, hd_model_field, HD, MODEL_FIELD, GtkBox)

/* @models: the folders of the installed models, the default one first. */
GtkWidget *hd_model_field_new (GObject            *config,
                               const char * const *models,
                               GtkSizeGroup       *labels);

G_END_DECLS
