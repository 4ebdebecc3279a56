/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* A layer of the image, or none, for an argument that is a drawable. */
#define HD_TYPE_LAYER_FIELD (hd_layer_field_get_type ())
G_DECLARE_FINAL_TYPE (HdLayerField, hd_layer_field, HD, LAYER_FIELD, GtkBox)

GtkWidget *hd_layer_field_new       (GObject      *config,
                                     const char   *property,
                                     GtkSizeGroup *labels);

/* Offers the layers that @image has now; NULL: none. */
void       hd_layer_field_set_image (HdLayerField *field,
                                     GimpImage    *image);

G_END_DECLS
