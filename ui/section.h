/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/**
 * hd_section_new:
 * @properties: (array zero-terminated=1): the arguments that @content is for
 *
 * Returns: a part of a form that is folded away, unless one of its arguments has not its default, or gets another value:
 *   nothing is to have an effect that cannot be seen.
 */
GtkWidget *hd_section_new (const char         *title,
                           GtkWidget          *content,
                           GObject            *config,
                           const char * const *properties);

G_END_DECLS
