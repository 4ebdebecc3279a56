/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Where models come from and where they are put: in place of the form while none is installed.
 *
 * Emits "files-chosen" with a list of URIs that is ended by NULL, "failed" with a message, "change-folders",
 * "look-again" and "leave". */
#define HD_TYPE_WELCOME_PAGE (hd_welcome_page_get_type ())
G_DECLARE_FINAL_TYPE (HdWelcomePage, hd_welcome_page, HD, WELCOME_PAGE, GtkBox)

GtkWidget *hd_welcome_page_new          (void);

/* Whether there is a model, so that the page can be left. */
void       hd_welcome_page_set_has_model (HdWelcomePage *page,
                                          gboolean       has_model);

/* Puts the focus where most people begin. */
void       hd_welcome_page_focus         (HdWelcomePage *page);

G_END_DECLS
