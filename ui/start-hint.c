/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/start-hint.h"

struct _HdStartHint
{
  GtkBox     parent_instance;

  GtkWidget *demo;     /* what is shown where there is only the demo model */
};

G_DEFINE_FINAL_TYPE (HdStartHint, hd_start_hint, GTK_TYPE_BOX)

enum
{
  TRY_DEMO,
  GET_MODELS,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
hd_start_hint_class_init (HdStartHintClass *klass)
{
  signals[TRY_DEMO] = g_signal_new ("try-demo", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 0);
  signals[GET_MODELS] = g_signal_new ("get-models", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                      G_TYPE_NONE, 0);
}

static void
try_demo (HdStartHint *hint)
{
  g_signal_emit (hint, signals[TRY_DEMO], 0);
}

static void
get_models (HdStartHint *hint)
{
  g_signal_emit (hint, signals[GET_MODELS], 0);
}

static void
add_text (GtkWidget  *box,
          const char *text)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_CENTER);
  gtk_label_set_width_chars (GTK_LABEL (label), 30);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 30);
  gtk_box_pack_start (GTK_BOX (box), label, FALSE, FALSE, 0);
}

static void
add_button (HdStartHint *hint,
            const char  *label,
            const char  *tooltip,
            GCallback    callback)
{
  GtkWidget *button = gtk_button_new_with_label (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_halign (button, GTK_ALIGN_CENTER);
  g_signal_connect_swapped (button, "clicked", callback, hint);
  gtk_box_pack_start (GTK_BOX (hint->demo), button, FALSE, FALSE, 0);
}

static void
hd_start_hint_init (HdStartHint *hint)
{
  GtkWidget *icon = gtk_image_new_from_icon_name ("image-x-generic-symbolic", GTK_ICON_SIZE_DIALOG);

  gtk_orientable_set_orientation (GTK_ORIENTABLE (hint), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (hint), 12);
  gtk_widget_set_valign (GTK_WIDGET (hint), GTK_ALIGN_CENTER);
  gtk_widget_set_opacity (icon, 0.5);
  gtk_box_pack_start (GTK_BOX (hint), icon, FALSE, FALSE, 0);
  add_text (GTK_WIDGET (hint), _("Pictures are shown here while they are made, and kept until the dialog is closed."));
  add_text (GTK_WIDGET (hint), _("Drop a model, a LoRA or a picture onto this window to use it, or its settings."));

  hint->demo = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  add_text (hint->demo, _("Only the demo model is installed, which draws simple shapes."));
  add_button (hint, _("Try It"), _("Write a prompt that the demo model understands"), G_CALLBACK (try_demo));
  add_button (hint, _("Get Models…"), _("Where models come from, and where they are put"), G_CALLBACK (get_models));
  gtk_box_pack_start (GTK_BOX (hint), hint->demo, FALSE, FALSE, 0);

  gtk_widget_show_all (GTK_WIDGET (hint));
  gtk_widget_hide (hint->demo);
}

GtkWidget *
hd_start_hint_new (void)
{
  return g_object_new (HD_TYPE_START_HINT, NULL);
}

void
hd_start_hint_set_only_demo (HdStartHint *hint,
                             gboolean     only_demo)
{
  gtk_widget_set_visible (hint->demo, only_demo);
}
