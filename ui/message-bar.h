/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What went wrong, or what the user should know, above the form until it is closed. */
#define HD_TYPE_MESSAGE_BAR (hd_message_bar_get_type ())
G_DECLARE_FINAL_TYPE (HdMessageBar, hd_message_bar, HD, MESSAGE_BAR, GtkBox)

GtkWidget *hd_message_bar_new   (void);
void       hd_message_bar_show  (HdMessageBar   *bar,
                                 GtkMessageType  type,
                                 const char     *text);

/* Adds a button to the message that is shown; it goes with the message. @callback gets @data. */
void       hd_message_bar_offer (HdMessageBar   *bar,
                                 const char     *label,
                                 GCallback       callback,
                                 gpointer        data);

void       hd_message_bar_clear (HdMessageBar   *bar);

G_END_DECLS
