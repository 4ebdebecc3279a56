/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/results.h"

G_BEGIN_DECLS

/* The picture that is being made, as it grows, and below it thumbnails of those that were made since the dialog was
 * opened. One that is chosen is shown instead, with what can be done with it. Until there is a picture there is a hint.
 *
 * Emits "bring-back", "use-seed" and "use-settings" with the HdResult that is shown. */
#define HD_TYPE_RESULTS_PANE (hd_results_pane_get_type ())
G_DECLARE_FINAL_TYPE (HdResultsPane, hd_results_pane, HD, RESULTS_PANE, GtkBox)

/* @hint: what is shown until there is a picture */
GtkWidget *hd_results_pane_new          (GtkWidget       *hint);

/* While it works the pane follows what grows, unless the user looks at another picture. */
void       hd_results_pane_set_working  (HdResultsPane   *pane,
                                         gboolean         working);

/* What the picture will look like. */
void       hd_results_pane_show_preview (HdResultsPane   *pane,
                                         HdImage         *preview);

/* Adds a picture that is ready. */
void       hd_results_pane_add          (HdResultsPane   *pane,
                                         const HdPicture *picture,
                                         HdKeptPicture   *kept,
                                         GObject         *settings);

/* Says again what can be done with the picture that is shown. */
void       hd_results_pane_update       (HdResultsPane   *pane);

G_END_DECLS
