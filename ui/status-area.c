/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/status-area.h"

struct _HdStatusArea
{
  GtkBox     parent_instance;

  GtkWidget *label;
  GtkWidget *bar;
  GtkWidget *stack;
  GtkWidget *gap;
};

G_DEFINE_FINAL_TYPE (HdStatusArea, hd_status_area, GTK_TYPE_BOX)

static void
hd_status_area_class_init (HdStatusAreaClass *klass)
{
}

/* Themes draw the bar as thin as a hair. */
static void
make_bar_visible (GtkWidget *bar)
{
  g_autoptr (GtkCssProvider) provider = gtk_css_provider_new ();

  gtk_css_provider_load_from_data (provider, "progress, trough { min-height: 8px; }", -1, NULL);
  gtk_style_context_add_provider (gtk_widget_get_style_context (bar), GTK_STYLE_PROVIDER (provider),
                                  GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

static void
hd_status_area_init (HdStatusArea *area)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (area), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (area), 6);

  area->label = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (area->label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (area->label), TRUE);
  gtk_label_set_width_chars (GTK_LABEL (area->label), 40);
  gtk_label_set_max_width_chars (GTK_LABEL (area->label), 40);

  area->bar = gtk_progress_bar_new ();
  make_bar_visible (area->bar);
  atk_object_set_name (gtk_widget_get_accessible (area->bar), _("Progress"));
  area->gap = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  area->stack = gtk_stack_new ();
  gtk_container_add (GTK_CONTAINER (area->stack), area->gap);
  gtk_container_add (GTK_CONTAINER (area->stack), area->bar);

  gtk_box_pack_start (GTK_BOX (area), area->label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (area), area->stack, FALSE, FALSE, 0);
  gtk_widget_show_all (GTK_WIDGET (area));
}

GtkWidget *
hd_status_area_new (void)
{
  return g_object_new (HD_TYPE_STATUS_AREA, NULL);
}

void
hd_status_area_set_text (HdStatusArea *area,
                         const char   *text)
{
  gtk_label_set_text (GTK_LABEL (area->label), text);
}

void
hd_status_area_set_fraction (HdStatusArea *area,
                             double        fraction)
{
  gtk_stack_set_visible_child (GTK_STACK (area->stack), fraction >= 0.0 ? area->bar : area->gap);
  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (area->bar), CLAMP (fraction, 0.0, 1.0));
}
