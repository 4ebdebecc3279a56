/* SPDX-License-Identifier: Apache-2.0 */

#include <gdk/gdkkeysyms.h>

#include "ui/fields.h"
#include "ui/labels.h"

static GParamSpec *
find_argument (GObject    *config,
               const char *property)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (config), property);
}

void
hd_field_set_name (GtkWidget  *widget,
                   const char *label)
{
  g_autofree char *name = gimp_strip_uline (label);

  atk_object_set_name (gtk_widget_get_accessible (widget), name);
}

static void
describe_widget (GObject    *config,
                 const char *property,
                 GtkWidget  *widget)
{
  GParamSpec *pspec = find_argument (config, property);

  gimp_help_set_help_data (widget, g_param_spec_get_blurb (pspec), NULL);
  hd_field_set_name (widget, g_param_spec_get_nick (pspec));
}

GtkWidget *
hd_field_label_new (GObject    *config,
                    const char *property,
                    GtkWidget  *widget)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (g_param_spec_get_nick (find_argument (config, property)));

  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), widget);
  describe_widget (config, property, widget);

  return label;
}

static gboolean
press_default_button (GtkWidget   *view,
                      GdkEventKey *event,
                      gpointer     user_data)
{
  gboolean is_return = event->keyval == GDK_KEY_Return || event->keyval == GDK_KEY_KP_Enter;

  if (! is_return || ! (event->state & GDK_CONTROL_MASK))
    return GDK_EVENT_PROPAGATE;

  gtk_window_activate_default (GTK_WINDOW (gtk_widget_get_toplevel (view)));
  return GDK_EVENT_STOP;
}

static int
get_line_height (GtkWidget *view)
{
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (view, "Ag");
  int                     height;

  pango_layout_get_pixel_size (layout, NULL, &height);
  return height;
}

/* Not gimp_procedure_dialog_get_widget(): it complains of the label that a text view cannot have yet. */
static GtkWidget *
make_text_view (GObject    *config,
                const char *property)
{
  g_autoptr (GtkTextBuffer) buffer = gimp_prop_text_buffer_new (config, property, -1);
  GtkWidget                *view = gtk_text_view_new_with_buffer (buffer);

  gtk_text_view_set_top_margin (GTK_TEXT_VIEW (view), 3);
  gtk_text_view_set_bottom_margin (GTK_TEXT_VIEW (view), 3);
  gtk_text_view_set_left_margin (GTK_TEXT_VIEW (view), 3);
  gtk_text_view_set_right_margin (GTK_TEXT_VIEW (view), 3);
  gtk_text_view_set_wrap_mode (GTK_TEXT_VIEW (view), GTK_WRAP_WORD_CHAR);
  /* Tab goes on to the next field, as everywhere else. */
  gtk_text_view_set_accepts_tab (GTK_TEXT_VIEW (view), FALSE);
  g_signal_connect (view, "key-press-event", G_CALLBACK (press_default_button), NULL);

  return view;
}

GtkWidget *
hd_text_area_new (GObject    *config,
                  const char *property,
                  int         lines,
                  GtkWidget **view_out)
{
  GtkWidget *scroller = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *view = make_text_view (config, property);

  describe_widget (config, property, view);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scroller), GTK_SHADOW_IN);
  gtk_widget_set_can_focus (scroller, FALSE);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller),
                                              lines * get_line_height (view) + 8);
  gtk_container_add (GTK_CONTAINER (scroller), view);
  gtk_widget_show_all (scroller);

  *view_out = view;
  return scroller;
}

GtkWidget *
hd_field_row_new (GtkWidget    *label,
                  GtkWidget    *widget,
                  GtkSizeGroup *labels)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  gtk_size_group_add_widget (labels, label);
  gtk_box_pack_start (GTK_BOX (row), label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), widget, TRUE, TRUE, 0);
  gtk_widget_show_all (row);

  return row;
}

static void
destroy (GtkWidget *widget,
         gpointer   user_data)
{
  gtk_widget_destroy (widget);
}

void
hd_remove_children (GtkWidget *container)
{
  gtk_container_foreach (GTK_CONTAINER (container), destroy, NULL);
}

/* --- one of a list ---------------------------------------------------------------- */

#define STORE_KEY "hd-choice-store"

GtkWidget *
hd_choice_field_new (GObject            *config,
                     const char         *property,
                     const char * const *names,
                     gboolean            automatic,
                     GtkSizeGroup       *labels)
{
  g_autoptr (GtkListStore) store = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget               *combo;
  GtkWidget               *field;

  if (automatic && ! g_strv_contains (names, "auto"))
    gtk_list_store_insert_with_values (store, NULL, -1, 0, "auto", 1, hd_describe_value ("auto"), -1);
  for (int i = 0; names[i]; i++)
    gtk_list_store_insert_with_values (store, NULL, -1, 0, names[i], 1, hd_describe_value (names[i]), -1);

  combo = gimp_prop_string_combo_box_new (config, property, GTK_TREE_MODEL (store), 0, 1);
  field = hd_field_row_new (hd_field_label_new (config, property, combo), combo, labels);
  g_object_set_data_full (G_OBJECT (field), STORE_KEY, g_object_ref (store), g_object_unref);

  return field;
}

gboolean
hd_choice_field_set_label (GtkWidget  *field,
                           const char *name,
                           const char *label)
{
  GtkListStore *store = g_object_get_data (G_OBJECT (field), STORE_KEY);
  GtkTreeModel *model = GTK_TREE_MODEL (store);
  GtkTreeIter   iter;

  for (gboolean more = gtk_tree_model_get_iter_first (model, &iter); more;
       more = gtk_tree_model_iter_next (model, &iter))
    {
      g_autofree char *found = NULL;

      gtk_tree_model_get (model, &iter, 0, &found, -1);
      if (g_str_equal (found, name))
        {
          gtk_list_store_set (store, &iter, 1, label, -1);
          return TRUE;
        }
    }

  return FALSE;
}

void
hd_choice_field_add (GtkWidget  *field,
                     const char *name,
                     const char *label)
{
  if (! hd_choice_field_set_label (field, name, label))
    gtk_list_store_insert_with_values (g_object_get_data (G_OBJECT (field), STORE_KEY), NULL, -1, 0, name, 1, label, -1);
}
