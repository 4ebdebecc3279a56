/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* What a user needs to know who has made no picture yet. With nothing but the demo model installed it offers to try
 * that, and says how to get another one.
 *
 * Emits "try-demo" and "get-models". */
#define HD_TYPE_START_HINT (hd_start_hint_get_type ())
G_DECLARE_FINAL_TYPE (HdStartHint, hd_start_hint, HD, START_HINT, GtkBox)

GtkWidget *hd_start_hint_new           (void);

/* Whether the demo model is all that there is. */
void       hd_start_hint_set_only_demo (HdStartHint *hint,
                                        gboolean     only_demo);

G_END_DECLS
