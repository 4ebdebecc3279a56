/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* @path: a picture's file; %NULL: the selected layer is meant */
typedef void (* HdSettingsFunc) (const char *path,
                                 gpointer    data);

/* A button that lets the user choose the picture whose settings are to be taken over: a file, or the selected layer. */
GtkWidget *hd_settings_button_new (HdSettingsFunc  func,
                                   gpointer        data);

G_END_DECLS
