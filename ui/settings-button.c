/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/settings-button.h"

typedef struct
{
  GtkWidget      *button;
  HdSettingsFunc  func;
  gpointer        data;
} Choice;

static void
take_file (GtkNativeDialog *chooser,
           int              response,
           Choice          *choice)
{
  g_autofree char *path = NULL;

  if (response == GTK_RESPONSE_ACCEPT)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));
  gtk_native_dialog_destroy (chooser);
  g_object_unref (chooser);
  if (path)
    choice->func (path, choice->data);
}

static void
choose_file (Choice *choice)
{
  static const char * const types[] = { "image/png", "image/jpeg", "image/webp" };
  GtkWidget                *toplevel = gtk_widget_get_toplevel (choice->button);
  GtkFileFilter            *filter = gtk_file_filter_new ();
  GtkFileChooserNative     *chooser;

  chooser = gtk_file_chooser_native_new (_("Settings from a Picture"), GTK_WINDOW (toplevel),
                                         GTK_FILE_CHOOSER_ACTION_OPEN, NULL, NULL);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  gtk_file_filter_set_name (filter, _("PNG, JPEG and WebP files"));
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    gtk_file_filter_add_mime_type (filter, types[i]);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);

  /* Modal, but not in a loop of its own: the press of the button is to end, also for who drives it from outside. */
  g_signal_connect (chooser, "response", G_CALLBACK (take_file), choice);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

static void
choose_layer (Choice *choice)
{
  choice->func (NULL, choice->data);
}

static void
add_item (GtkWidget  *box,
          const char *label,
          GCallback   callback,
          Choice     *choice)
{
  GtkWidget *item = gtk_model_button_new ();

  g_object_set (item, "text", label, NULL);
  g_signal_connect_swapped (item, "clicked", callback, choice);
  gtk_box_pack_start (GTK_BOX (box), item, FALSE, FALSE, 0);
}

static GtkWidget *
make_popover (Choice *choice)
{
  GtkWidget *popover = gtk_popover_new (choice->button);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);

  add_item (box, _("From a File…"), G_CALLBACK (choose_file), choice);
  add_item (box, _("From the Selected Layer"), G_CALLBACK (choose_layer), choice);
  gtk_container_set_border_width (GTK_CONTAINER (box), 6);
  gtk_container_add (GTK_CONTAINER (popover), box);
  gtk_widget_show_all (box);

  return popover;
}

GtkWidget *
hd_settings_button_new (HdSettingsFunc func,
                        gpointer       data)
{
  GtkWidget *button = gtk_menu_button_new ();
  GtkWidget *label = gtk_label_new (_("Settings from a Picture"));
  Choice    *choice = g_new (Choice, 1);

  *choice = (Choice) { button, func, data };
  g_object_set_data_full (G_OBJECT (button), "hd-choice", choice, g_free);

  gtk_menu_button_set_popover (GTK_MENU_BUTTON (button), make_popover (choice));
  gtk_container_add (GTK_CONTAINER (button), label);
  gtk_widget_show (label);
  gimp_help_set_help_data (button, _("Take the settings over that a picture was made with: by HiDiffusion, or by Automatic1111 and "
                                     "its kin. Files can be dropped onto the dialog, too."), NULL);
  gtk_widget_show (button);

  return button;
}
