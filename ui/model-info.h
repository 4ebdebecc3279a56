/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "engine/request.h"
#include "plugin/catalog.h"

G_BEGIN_DECLS

/* (transfer full): what is known of an installed model: "Stable Diffusion XL · 6.9 GB · ~/models" */
char      *hd_describe_model      (const HdLibraryEntry *entry);

/* (transfer full): the same without the family, for lists that are in order of it. */
char      *hd_describe_place      (const HdLibraryEntry *entry);

/* A line that tells family, size and folder of the model that the argument "model" names, or that it leaves open. */
#define HD_TYPE_MODEL_INFO (hd_model_info_get_type ())
G_DECLARE_FINAL_TYPE (HdModelInfo, hd_model_info, HD, MODEL_INFO, GtkBox)

GtkWidget *hd_model_info_new      (GObject     *config,
                                   HdTask       task,
                                   HdCatalog   *catalog);

/* The catalog is loaded. */
void       hd_model_info_update   (HdModelInfo *info);

G_END_DECLS
