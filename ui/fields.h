/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* Widgets for the arguments of a procedure, and what they have in common. The label of an argument is its nick,
 * the tooltip its blurb; the widget and the property of the configuration follow each other. */

/* A label with the nick of a property, mnemonic included, for @widget; @widget gets tooltip and accessible name. */
GtkWidget *hd_field_label_new  (GObject             *config,
                                const char          *property,
                                GtkWidget           *widget);

/* Lets screen readers know @widget by @label, whose mnemonic is left out. */
void       hd_field_set_name   (GtkWidget           *widget,
                                const char          *label);

/* A string of several lines in a scroller, with its label above; Ctrl+Return presses the default button.
 * @view is the text view inside. */
GtkWidget *hd_text_field_new   (GObject             *config,
                                const char          *property,
                                int                  lines,
                                GtkWidget          **view);

/* A slider for a number, from @min to @max; by keyboard, all of the property's range. */
GtkWidget *hd_slider_field_new (GimpProcedureDialog *dialog,
                                const char          *property,
                                double               min,
                                double               max);

/**
 * hd_choice_field_new:
 * @names: the values that the string may have
 * @describe: what a value is called in the user's language
 * @labels: of the fields below each other
 */
GtkWidget *hd_choice_field_new (GObject             *config,
                                const char          *property,
                                const char * const  *names,
                                const char *      (* describe) (const char *name),
                                GtkSizeGroup        *labels);

G_END_DECLS
