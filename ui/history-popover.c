/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <gdk/gdkkeysyms.h>
#include <libgimp/gimpui.h>

#include "ui/fields.h"
#include "ui/history-popover.h"

#define WIDTH_CHARS 48
#define LIST_HEIGHT 220

struct _HdHistoryPopover
{
  GtkPopover  parent_instance;

  HdHistory  *history;
  GtkWidget  *search;
  GtkWidget  *list;
  GtkWidget  *note;       /* label: the list is empty, or cannot be kept */
  GtkWidget  *clear;
  GtkWidget  *restore;
  char       *trouble;    /* why the history cannot be kept; NULL: it can */
  gboolean    is_stale;   /* the list is not the history's any more */
};

G_DEFINE_FINAL_TYPE (HdHistoryPopover, hd_history_popover, GTK_TYPE_POPOVER)

static guint chosen_signal;

#define ITEM_KEY "hd-history-item"

/* --- rows ----------------------------------------------------------------------- */

/* GIMP's themes paint a window's background behind boxes and labels. */
static void
clear_background (GtkWidget *widget)
{
  g_autoptr (GtkCssProvider) provider = gtk_css_provider_new ();

  gtk_css_provider_load_from_data (provider, "* { background: none; }", -1, NULL);
  gtk_style_context_add_provider (gtk_widget_get_style_context (widget), GTK_STYLE_PROVIDER (provider),
                                  GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

/* A text in one line. */
static GtkWidget *
make_line (const char *text,
           const char *style)
{
  g_autofree char *line = g_strdelimit (g_strdup (text), "\r\n\t", ' ');
  GtkWidget       *label = gtk_label_new (line);

  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_width_chars (GTK_LABEL (label), WIDTH_CHARS);
  gtk_label_set_max_width_chars (GTK_LABEL (label), WIDTH_CHARS);
  clear_background (label);
  if (style)
    gtk_style_context_add_class (gtk_widget_get_style_context (label), style);

  return label;
}

static GtkWidget *
make_row (const HdHistoryItem *item)
{
  GtkWidget *row = gtk_list_box_row_new ();
  GtkWidget *lines = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  g_object_set (lines, "margin", 4, NULL);
  clear_background (lines);
  gtk_container_add (GTK_CONTAINER (lines), make_line (item->prompt, NULL));
  if (*item->negative_prompt)
    {
      /* TRANSLATORS: a negative prompt. */
      g_autofree char *negative = g_strdup_printf (_("not: %s"), item->negative_prompt);

      gtk_container_add (GTK_CONTAINER (lines), make_line (negative, GTK_STYLE_CLASS_DIM_LABEL));
    }
  gtk_container_add (GTK_CONTAINER (row), lines);
  gtk_widget_set_tooltip_text (row, item->prompt);
  atk_object_set_name (gtk_widget_get_accessible (row), item->prompt);
  g_object_set_data (G_OBJECT (row), ITEM_KEY, (gpointer) item);
  gtk_widget_show_all (row);

  return row;
}

static gboolean
is_row_wanted (GtkListBoxRow *row,
               gpointer       user_data)
{
  HdHistoryPopover *popover = user_data;

  return hd_history_item_matches (g_object_get_data (G_OBJECT (row), ITEM_KEY),
                                  gtk_entry_get_text (GTK_ENTRY (popover->search)));
}

static GtkListBoxRow *
find_first_row (HdHistoryPopover *popover)
{
  GtkListBoxRow *row;

  for (int i = 0; (row = gtk_list_box_get_row_at_index (GTK_LIST_BOX (popover->list), i)); i++)
    if (is_row_wanted (row, popover))
      return row;

  return NULL;
}

/* --- the list ------------------------------------------------------------------- */

static void
show_note (HdHistoryPopover *popover)
{
  const GPtrArray *items = hd_history_get (popover->history);
  const char      *text = popover->trouble;

  if (! text && items->len == 0)
    text = _("No pictures were made yet, or the history was cleared.");
  else if (! text && ! find_first_row (popover))
    text = _("No prompt has these words.");

  gtk_label_set_text (GTK_LABEL (popover->note), text ? text : "");
  gtk_widget_set_visible (popover->note, text != NULL);
  gtk_widget_set_sensitive (popover->clear, items->len > 0);
  gtk_widget_set_visible (popover->restore, hd_history_can_restore (popover->history));
}

static void
fill_list (HdHistoryPopover *popover)
{
  const GPtrArray *items = hd_history_get (popover->history);

  hd_remove_children (popover->list);
  for (guint i = 0; i < items->len; i++)
    gtk_container_add (GTK_CONTAINER (popover->list), make_row (items->pdata[i]));
  popover->is_stale = FALSE;
  show_note (popover);
}

/* Rows are made when somebody looks. */
void
hd_history_popover_update (HdHistoryPopover *popover,
                           const GError     *error)
{
  g_free (popover->trouble);
  popover->trouble = error ? g_strdup_printf (_("The history cannot be kept: %s"), error->message) : NULL;

  hd_remove_children (popover->list);
  popover->is_stale = TRUE;
  if (gtk_widget_get_visible (GTK_WIDGET (popover)))
    fill_list (popover);
}

static void
on_search (HdHistoryPopover *popover)
{
  gtk_list_box_invalidate_filter (GTK_LIST_BOX (popover->list));
  show_note (popover);
}

static void
choose_row (HdHistoryPopover *popover,
            GtkListBoxRow    *row)
{
  gtk_popover_popdown (GTK_POPOVER (popover));
  g_signal_emit (popover, chosen_signal, 0, g_object_get_data (G_OBJECT (row), ITEM_KEY));
}

static void
choose_first (HdHistoryPopover *popover)
{
  GtkListBoxRow *row = find_first_row (popover);

  if (row)
    choose_row (popover, row);
}

static gboolean
on_search_key (GtkWidget        *search,
               GdkEventKey      *event,
               HdHistoryPopover *popover)
{
  GtkListBoxRow *row = find_first_row (popover);

  if (event->keyval != GDK_KEY_Down && event->keyval != GDK_KEY_KP_Down)
    return GDK_EVENT_PROPAGATE;

  if (row)
    gtk_widget_grab_focus (GTK_WIDGET (row));
  return GDK_EVENT_STOP;
}

static void
clear (HdHistoryPopover *popover)
{
  g_autoptr (GError) error = NULL;

  hd_history_clear (popover->history, &error);
  hd_history_popover_update (popover, error);
}

static void
restore (HdHistoryPopover *popover)
{
  g_autoptr (GError) error = NULL;

  hd_history_restore (popover->history, &error);
  hd_history_popover_update (popover, error);
}

/* --- the popover ----------------------------------------------------------------- */

static void
hd_history_popover_map (GtkWidget *widget)
{
  HdHistoryPopover *popover = HD_HISTORY_POPOVER (widget);

  gtk_entry_set_text (GTK_ENTRY (popover->search), "");
  if (popover->is_stale)
    fill_list (popover);
  GTK_WIDGET_CLASS (hd_history_popover_parent_class)->map (widget);
  gtk_widget_grab_focus (popover->search);
}

static void
hd_history_popover_finalize (GObject *object)
{
  g_free (HD_HISTORY_POPOVER (object)->trouble);
  G_OBJECT_CLASS (hd_history_popover_parent_class)->finalize (object);
}

static void
hd_history_popover_class_init (HdHistoryPopoverClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = hd_history_popover_finalize;
  GTK_WIDGET_CLASS (klass)->map = hd_history_popover_map;

  chosen_signal = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                G_TYPE_NONE, 1, G_TYPE_POINTER);
}

static void
hd_history_popover_init (HdHistoryPopover *popover)
{
}

static GtkWidget *
make_button (HdHistoryPopover *popover,
             const char       *label,
             const char       *tooltip,
             GCallback         callback)
{
  GtkWidget *button = gtk_button_new_with_label (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  g_signal_connect_swapped (button, "clicked", callback, popover);
  return button;
}

static GtkWidget *
make_list (HdHistoryPopover *popover)
{
  GtkWidget *scroller = gtk_scrolled_window_new (NULL, NULL);

  popover->list = gtk_list_box_new ();
  hd_field_set_name (popover->list, _("Earlier prompts"));
  gtk_list_box_set_filter_func (GTK_LIST_BOX (popover->list), is_row_wanted, popover, NULL);
  g_signal_connect_swapped (popover->list, "row-activated", G_CALLBACK (choose_row), popover);

  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), LIST_HEIGHT);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scroller), GTK_SHADOW_IN);
  gtk_widget_set_can_focus (scroller, FALSE);
  gtk_container_add (GTK_CONTAINER (scroller), popover->list);

  return scroller;
}

static GtkWidget *
make_search (HdHistoryPopover *popover)
{
  popover->search = gtk_search_entry_new ();
  hd_field_set_name (popover->search, _("Search the history"));
  gtk_entry_set_placeholder_text (GTK_ENTRY (popover->search), _("Search"));
  g_signal_connect_swapped (popover->search, "changed", G_CALLBACK (on_search), popover);
  g_signal_connect_swapped (popover->search, "activate", G_CALLBACK (choose_first), popover);
  g_signal_connect_swapped (popover->search, "stop-search", G_CALLBACK (gtk_popover_popdown), popover);
  g_signal_connect (popover->search, "key-press-event", G_CALLBACK (on_search_key), popover);

  return popover->search;
}

GtkWidget *
hd_history_popover_new (HdHistory *history)
{
  HdHistoryPopover *popover = g_object_new (HD_TYPE_HISTORY_POPOVER, NULL);
  GtkWidget        *content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget        *buttons = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);

  popover->history = history;
  popover->is_stale = TRUE;
  popover->note = gtk_label_new (NULL);
  gtk_label_set_line_wrap (GTK_LABEL (popover->note), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (popover->note), WIDTH_CHARS);
  gtk_label_set_xalign (GTK_LABEL (popover->note), 0.0);
  popover->clear = make_button (popover, _("Clear"), _("Forget all of these prompts"), G_CALLBACK (clear));
  popover->restore = make_button (popover, _("Undo Clear"), _("Bring back what was forgotten last"), G_CALLBACK (restore));

  gtk_box_pack_end (GTK_BOX (buttons), popover->clear, FALSE, FALSE, 0);
  gtk_box_pack_end (GTK_BOX (buttons), popover->restore, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), make_search (popover), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), make_list (popover), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), popover->note, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), buttons, FALSE, FALSE, 0);
  g_object_set (content, "margin", 8, NULL);
  gtk_container_add (GTK_CONTAINER (popover), content);
  gtk_widget_show_all (content);
  show_note (popover);

  return GTK_WIDGET (popover);
}
