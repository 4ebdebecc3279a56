/* SPDX-License-Identifier: Apache-2.0 */

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/fields.h"
#include "ui/save-style-dialog.h"
#include "ui/style-list.h"
#include "ui/style-names.h"
#include "ui/style-row.h"

#define LIST_HEIGHT 240

struct _HdStyleRow
{
  GtkBox        parent_instance;

  GObject      *config;
  HdStyleSet   *styles;
  GFileMonitor *monitor;
  GtkWidget    *chosen;      /* label of the button */
  GtkWidget    *button;
  GtkWidget    *popover;
  GtkWidget    *list;
  GtkWidget    *trouble;     /* box */
  GtkWidget    *message;     /* label in it */
};

G_DEFINE_FINAL_TYPE (HdStyleRow, hd_style_row, GTK_TYPE_BOX)

/* --- what is shown ---------------------------------------------------------------- */

static void
translate_names (HdStyleRow  *row,
                 char       **names)
{
  for (int i = 0; names[i]; i++)
    {
      const HdStyle *style = hd_styles_find (hd_style_set_list (row->styles), names[i]);

      if (style)
        hd_request_set (&names[i], hd_style_get_title (style));
    }
}

static void
show_argument (HdStyleRow *row)
{
  g_autofree char *text = NULL;
  g_autofree char *name = NULL;
  g_auto (GStrv)   names = NULL;
  g_autofree char *list = NULL;

  g_object_get (row->config, "styles", &text, NULL);
  names = hd_style_names_split (text);
  translate_names (row, names);
  list = names[0] ? g_strjoinv (", ", names) : g_strdup (_("None"));
  gtk_label_set_text (GTK_LABEL (row->chosen), list);

  /* TRANSLATORS: %s are names of styles, or "None". */
  name = g_strdup_printf (_("Styles: %s"), list);
  hd_field_set_name (row->button, name);
}

static void
show_trouble (HdStyleRow *row,
              const char *message)
{
  gtk_label_set_text (GTK_LABEL (row->message), message ? message : "");
  gtk_widget_set_visible (row->trouble, message != NULL);
}

static void
show_styles (gpointer data)
{
  HdStyleRow   *row = data;
  const GError *error = hd_style_set_get_error (row->styles);

  hd_style_list_update (HD_STYLE_LIST (row->list));
  show_trouble (row, error ? error->message : NULL);
  /* What the chosen ones do may be something else. */
  g_object_notify (row->config, "styles");
}

/* --- the file ------------------------------------------------------------------- */

static void
on_file_changed (GFileMonitor      *monitor,
                 GFile             *file,
                 GFile             *other,
                 GFileMonitorEvent  event,
                 HdStyleRow        *row)
{
  /* While it is being written it is not all there. */
  if (event == G_FILE_MONITOR_EVENT_CHANGED || event == G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED)
    return;

  hd_style_set_reload (row->styles);
  show_styles (row);
}

static void
watch_file (HdStyleRow *row)
{
  g_autoptr (GFile) file = g_file_new_for_path (hd_style_set_get_path (row->styles));

  /* Where changes are not told, the next dialog shows them. */
  row->monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (row->monitor)
    g_signal_connect (row->monitor, "changed", G_CALLBACK (on_file_changed), row);
}

static void
edit_file (HdStyleRow *row)
{
  const char         *path = hd_style_set_get_path (row->styles);
  g_autofree char    *uri = g_filename_to_uri (path, NULL, NULL);
  g_autofree char    *message = NULL;
  g_autoptr (GError)  error = NULL;

  gtk_popover_popdown (GTK_POPOVER (row->popover));
  if (! hd_style_set_make_file (row->styles, &error))
    {
      show_trouble (row, error->message);
      return;
    }

  show_styles (row);
  if (! g_app_info_launch_default_for_uri (uri, NULL, &error))
    {
      /* TRANSLATORS: a file, and the system's message. */
      message = g_strdup_printf (_("The file is '%s'; no program could be opened for it: %s"), path, error->message);
      show_trouble (row, message);
    }
}

static void
save_style (HdStyleRow *row)
{
  gtk_popover_popdown (GTK_POPOVER (row->popover));
  hd_save_style_dialog_show (GTK_WINDOW (gtk_widget_get_toplevel (GTK_WIDGET (row))), row->config, row->styles,
                             show_styles, row);
}

/* --- the row -------------------------------------------------------------------- */

static void
hd_style_row_dispose (GObject *object)
{
  HdStyleRow *row = HD_STYLE_ROW (object);

  if (row->monitor)
    g_signal_handlers_disconnect_by_data (row->monitor, row);
  g_clear_object (&row->monitor);
  g_clear_object (&row->config);
  G_OBJECT_CLASS (hd_style_row_parent_class)->dispose (object);
}

static void
hd_style_row_class_init (HdStyleRowClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_style_row_dispose;
}

static void
hd_style_row_init (HdStyleRow *row)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (row), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (row), 6);
}

static GtkWidget *
make_button (HdStyleRow *row,
             const char *label,
             const char *tooltip,
             void     (* callback) (HdStyleRow *))
{
  GtkWidget *button = gtk_button_new_with_label (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (callback), row);
  return button;
}

static GtkWidget *
make_popover (HdStyleRow *row)
{
  GtkWidget *popover = gtk_popover_new (NULL);
  GtkWidget *content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *scroller = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *buttons = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  row->list = hd_style_list_new (row->config, row->styles);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_widget_set_can_focus (scroller, FALSE);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scroller), LIST_HEIGHT);
  gtk_container_add (GTK_CONTAINER (scroller), row->list);

  gtk_box_pack_start (GTK_BOX (buttons),
                      make_button (row, _("Save as Style…"), _("Make a style of the prompts and settings"), save_style),
                      TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (buttons),
                      make_button (row, _("Edit File"), _("Open the file that has your own styles"), edit_file),
                      TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), scroller, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), buttons, FALSE, FALSE, 0);
  g_object_set (content, "margin", 8, NULL);
  gtk_container_add (GTK_CONTAINER (popover), content);
  gtk_widget_show_all (content);

  return popover;
}

static GtkWidget *
make_menu_button (HdStyleRow *row)
{
  GtkWidget *content = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  row->button = gtk_menu_button_new ();
  row->chosen = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (row->chosen), 0.0);
  gtk_label_set_ellipsize (GTK_LABEL (row->chosen), PANGO_ELLIPSIZE_END);
  gtk_box_pack_start (GTK_BOX (content), row->chosen, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), gtk_image_new_from_icon_name ("pan-down-symbolic", GTK_ICON_SIZE_BUTTON), FALSE,
                      FALSE, 0);
  gtk_container_remove (GTK_CONTAINER (row->button), gtk_bin_get_child (GTK_BIN (row->button)));
  gtk_container_add (GTK_CONTAINER (row->button), content);

  row->popover = make_popover (row);
  gtk_menu_button_set_popover (GTK_MENU_BUTTON (row->button), row->popover);
  return row->button;
}

static GtkWidget *
make_trouble (HdStyleRow *row)
{
  row->trouble = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  row->message = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (row->message), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (row->message), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (row->message), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_selectable (GTK_LABEL (row->message), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (row->message), 60);
  gtk_widget_set_can_focus (row->message, FALSE);
  gtk_box_pack_start (GTK_BOX (row->trouble), gtk_image_new_from_icon_name ("dialog-warning", GTK_ICON_SIZE_BUTTON),
                      FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row->trouble), row->message, TRUE, TRUE, 0);
  gtk_widget_show_all (row->trouble);

  return row->trouble;
}

GtkWidget *
hd_style_row_new (GObject    *config,
                  HdStyleSet *styles)
{
  g_autoptr (GtkSizeGroup)  labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  HdStyleRow               *row = g_object_new (HD_TYPE_STYLE_ROW, NULL);
  GtkWidget                *button;
  GtkWidget                *label;
  const GError             *error;

  row->config = g_object_ref (config);
  row->styles = styles;
  button = make_menu_button (row);
  label = hd_field_label_new (config, "styles", button);
  gtk_box_pack_start (GTK_BOX (row), hd_field_row_new (label, button, labels), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), make_trouble (row), FALSE, FALSE, 0);

  show_argument (row);
  error = hd_style_set_get_error (styles);
  show_trouble (row, error ? error->message : NULL);
  g_signal_connect_object (config, "notify::styles", G_CALLBACK (show_argument), row, G_CONNECT_SWAPPED);
  watch_file (row);

  return GTK_WIDGET (row);
}
