/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plugin/style-set.h"

G_BEGIN_DECLS

typedef void (* HdSaveStyleCallback) (gpointer user_data);

/**
 * hd_save_style_dialog_show:
 * @config: whose prompts and settings make the style
 * @saved: called when a style was saved, while @parent is there
 *
 * Asks, in a modal dialog that goes with @parent, for a name and for what goes into the style, and saves it.
 */
void hd_save_style_dialog_show (GtkWindow           *parent,
                                GObject             *config,
                                HdStyleSet          *styles,
                                HdSaveStyleCallback  saved,
                                gpointer             user_data);

G_END_DECLS
