/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plugin/style-set.h"

G_BEGIN_DECLS

/* Check buttons for all styles, which the argument "styles" and the buttons follow each other. */
#define HD_TYPE_STYLE_LIST (hd_style_list_get_type ())
G_DECLARE_FINAL_TYPE (HdStyleList, hd_style_list, HD, STYLE_LIST, GtkBox)

GtkWidget *hd_style_list_new    (GObject     *config,
                                 HdStyleSet  *styles);

/* The styles have been read again. */
void       hd_style_list_update (HdStyleList *list);

G_END_DECLS
