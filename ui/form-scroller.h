/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * hd_form_scroller_new:
 * @form: some of it can be folded away
 * @max_height: pixels
 *
 * Returns: a window on the form that is as high as it wants to be, up to @max_height, and lets it be scrolled beyond. As
 *   parts of the form are unfolded and folded away, the dialog grows and shrinks by as much.
 */
GtkWidget *hd_form_scroller_new (GtkWidget *form,
                                 int        max_height);

G_END_DECLS
