/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* What only experts change: parts of HiDiffusion, what a model's files do not say, how it is computed. */
GtkWidget *hd_advanced_section_new (GObject *config);

G_END_DECLS
