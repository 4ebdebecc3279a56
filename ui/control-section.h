/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

#include "plugin/catalog.h"

G_BEGIN_DECLS

/* The ControlNet and the layer that it reads. */
#define HD_TYPE_CONTROL_BOX (hd_control_box_get_type ())
G_DECLARE_FINAL_TYPE (HdControlBox, hd_control_box, HD, CONTROL_BOX, GtkBox)

GtkWidget *hd_control_box_new         (GObject      *config);

/* Offers what is installed. */
void       hd_control_box_set_catalog (HdControlBox *box,
                                       HdCatalog    *catalog);

/* The image whose layers can be read; NULL: none. */
void       hd_control_box_set_image   (HdControlBox *box,
                                       GimpImage    *image);

/* @box, folded away until there is a ControlNet. */
GtkWidget *hd_control_section_new     (GtkWidget    *box,
                                       GObject      *config);

G_END_DECLS
