/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

#include "plugin/catalog.h"

G_BEGIN_DECLS

/* The LoRAs: a row with name and weight for each, and a button that adds one. */
#define HD_TYPE_LORA_BOX (hd_lora_box_get_type ())
G_DECLARE_FINAL_TYPE (HdLoraBox, hd_lora_box, HD, LORA_BOX, GtkBox)

GtkWidget *hd_lora_box_new         (GObject   *config);

/* Offers what is installed. */
void       hd_lora_box_set_catalog (HdLoraBox *box,
                                    HdCatalog *catalog);

/* @box, folded away until there is a LoRA. */
GtkWidget *hd_lora_section_new     (GtkWidget *box,
                                    GObject   *config);

G_END_DECLS
