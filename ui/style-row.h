/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plugin/style-set.h"

G_BEGIN_DECLS

/* The styles that are chosen, a list of all to choose from, and what is wrong with the user's file of styles, which is read
 * again whenever it changes. A style that is chosen takes over the settings that it has. */
#define HD_TYPE_STYLE_ROW (hd_style_row_get_type ())
G_DECLARE_FINAL_TYPE (HdStyleRow, hd_style_row, HD, STYLE_ROW, GtkBox)

/* @styles: (transfer none): to be kept as long as the row */
GtkWidget *hd_style_row_new (GObject    *config,
                             HdStyleSet *styles);

G_END_DECLS
