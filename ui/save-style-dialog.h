/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plugin/style-set.h"

G_BEGIN_DECLS

/**
 * hd_save_style_dialog_run:
 * @config: whose prompts and settings make the style
 *
 * Asks, in a modal dialog, for a name and for what goes into the style, and saves it.
 *
 * Returns: whether it was saved.
 */
gboolean hd_save_style_dialog_run (GtkWindow  *parent,
                                   GObject    *config,
                                   HdStyleSet *styles);

G_END_DECLS
