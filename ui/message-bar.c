/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/message-bar.h"

struct _HdMessageBar
{
  GtkBox     parent_instance;

  GtkWidget *info_bar;
  GtkWidget *icon;
  GtkWidget *label;
  GtkWidget *offer;       /* button; NULL if the message has none */
};

G_DEFINE_FINAL_TYPE (HdMessageBar, hd_message_bar, GTK_TYPE_BOX)

static void
hd_message_bar_class_init (HdMessageBarClass *klass)
{
}

/* GTK gives the cross no name. */
static void
name_cross (GtkWidget *widget,
            gpointer   user_data)
{
  if (GTK_IS_BUTTON (widget))
    atk_object_set_name (gtk_widget_get_accessible (widget), _("Close"));
  else if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), name_cross, NULL);
}

static void
hd_message_bar_init (HdMessageBar *bar)
{
  GtkWidget *content;

  bar->info_bar = gtk_info_bar_new ();
  gtk_info_bar_set_show_close_button (GTK_INFO_BAR (bar->info_bar), TRUE);
  name_cross (bar->info_bar, NULL);
  g_signal_connect_swapped (bar->info_bar, "response", G_CALLBACK (hd_message_bar_clear), bar);

  bar->label = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (bar->label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (bar->label), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (bar->label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (bar->label), 60);
  /* Errors are copied into searches and bug reports. */
  gtk_label_set_selectable (GTK_LABEL (bar->label), TRUE);
  gtk_widget_set_can_focus (bar->label, FALSE);

  /* Themes that give all kinds of messages one colour are common. */
  bar->icon = gtk_image_new ();
  gtk_widget_set_valign (bar->icon, GTK_ALIGN_CENTER);

  content = gtk_info_bar_get_content_area (GTK_INFO_BAR (bar->info_bar));
  gtk_box_set_spacing (GTK_BOX (content), 12);
  gtk_box_pack_start (GTK_BOX (content), bar->icon, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), bar->label, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (bar), bar->info_bar, TRUE, TRUE, 0);
  gtk_widget_show_all (bar->info_bar);
}

GtkWidget *
hd_message_bar_new (void)
{
  return g_object_new (HD_TYPE_MESSAGE_BAR, NULL);
}

static const char *
get_icon_name (GtkMessageType type)
{
  switch (type)
    {
    case GTK_MESSAGE_ERROR:
      return "dialog-error";
    case GTK_MESSAGE_WARNING:
      return "dialog-warning";
    default:
      return "dialog-information";
    }
}

void
hd_message_bar_show (HdMessageBar   *bar,
                     GtkMessageType  type,
                     const char     *text)
{
  AtkObject *accessible = gtk_widget_get_accessible (bar->info_bar);

  g_clear_pointer (&bar->offer, gtk_widget_destroy);
  gtk_info_bar_set_message_type (GTK_INFO_BAR (bar->info_bar), type);
  gtk_image_set_from_icon_name (GTK_IMAGE (bar->icon), get_icon_name (type), GTK_ICON_SIZE_LARGE_TOOLBAR);
  gtk_label_set_text (GTK_LABEL (bar->label), text);
  atk_object_set_name (accessible, type == GTK_MESSAGE_ERROR ? _("Error") : _("Message"));
  gtk_widget_show (GTK_WIDGET (bar));
}

void
hd_message_bar_offer (HdMessageBar *bar,
                      const char   *label,
                      GCallback     callback,
                      gpointer      data)
{
  bar->offer = gtk_button_new_with_mnemonic (label);
  g_signal_connect_swapped (bar->offer, "clicked", callback, data);
  gtk_container_add (GTK_CONTAINER (gtk_info_bar_get_action_area (GTK_INFO_BAR (bar->info_bar))), bar->offer);
  gtk_widget_show (bar->offer);
}

void
hd_message_bar_clear (HdMessageBar *bar)
{
  gtk_widget_hide (GTK_WIDGET (bar));
  gtk_label_set_text (GTK_LABEL (bar->label), "");
}
