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

/* A string of several lines in a scroller; Ctrl+Return presses the default button. @view is the text view inside, which
 * has tooltip and accessible name. */
GtkWidget *hd_text_area_new    (GObject             *config,
                                const char          *property,
                                int                  lines,
                                GtkWidget          **view);

/**
 * hd_choice_field_new:
 * @names: the values that the string may have besides "auto", which may be among them
 * @automatic: whether "auto" is one of the values
 * @labels: of the fields below each other
 */
GtkWidget *hd_choice_field_new (GObject             *config,
                                const char          *property,
                                const char * const  *names,
                                gboolean             automatic,
                                GtkSizeGroup        *labels);

/* Calls a value otherwise than hd_describe_value(); FALSE if there is none of that name. */
gboolean   hd_choice_field_set_label (GtkWidget     *field,
                                      const char    *name,
                                      const char    *label);

/* Adds a value, called @label; one that is there is only called that. */
void       hd_choice_field_add       (GtkWidget     *field,
                                      const char    *name,
                                      const char    *label);

/**
 * hd_number_field_new:
 * @min: the least number
 * @automatic: a number below that stands for what suits the model, shown as a word; NAN: there is none
 * @labels: of the fields below each other
 */
GtkWidget *hd_number_field_new (GObject             *config,
                                const char          *property,
                                double               min,
                                double               max,
                                double               step,
                                double               automatic,
                                GtkSizeGroup        *labels);

/* A field's widgets side by side: label, widget and whatever follows it. */
GtkWidget *hd_field_row_new    (GtkWidget           *label,
                                GtkWidget           *widget,
                                GtkSizeGroup        *labels);

/* Destroys all that is in @container. */
void       hd_remove_children  (GtkWidget           *container);

G_END_DECLS
