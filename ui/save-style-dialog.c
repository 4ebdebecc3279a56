/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "engine/request_fields.h"
#include "ui/fields.h"
#include "ui/save-style-dialog.h"

typedef struct
{
  GObject             *config;
  HdStyleSet          *styles;
  HdSaveStyleCallback  saved;
  gpointer             user_data;
  GtkWidget           *dialog;
  GtkWidget           *name;
  GtkWidget           *prompt;
  GtkWidget           *negative_prompt;
  GtkWidget           *with_settings;
  GtkWidget           *with_size;         /* NULL where the task has no size of its own */
  GtkWidget           *note;
} SaveDialog;

/* --- the style ------------------------------------------------------------------ */

static gboolean
is_size (const char *member)
{
  return g_str_equal (member, "width") || g_str_equal (member, "height");
}

static void
take_argument (GObject              *config,
               const HdRequestField *field,
               HdRequest            *settings)
{
  g_autofree char *property = g_strdelimit (g_strdup (field->member), "_", '-');
  gpointer         target = G_STRUCT_MEMBER_P (settings, field->offset);
  g_autofree char *text = NULL;

  if (! g_object_class_find_property (G_OBJECT_GET_CLASS (config), property))
    return;

  if (field->kind == HD_FIELD_NAME)
    {
      g_object_get (config, property, &text, NULL);
      if (text && *text)
        hd_request_set (target, text);
    }
  else
    g_object_get (config, property, target, NULL);
}

/* What is left to the model is left to it by the style, too. */
static HdStyle *
make_style (SaveDialog *self)
{
  g_autofree char *name = g_strstrip (g_strdup (gtk_entry_get_text (GTK_ENTRY (self->name))));
  HdStyle         *style = hd_style_new (name);

  hd_request_set (&style->prompt, gtk_entry_get_text (GTK_ENTRY (self->prompt)));
  hd_request_set (&style->negative_prompt, gtk_entry_get_text (GTK_ENTRY (self->negative_prompt)));
  for (const HdRequestField *field = hd_request_fields (); field->name; field++)
    {
      GtkWidget *button;

      if (! field->member || ! g_strv_contains (hd_style_settings (), field->member))
        continue;
      button = is_size (field->member) ? self->with_size : self->with_settings;
      if (button && gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (button)))
        take_argument (self->config, field, style->settings);
    }

  return style;
}

/* --- the dialog ----------------------------------------------------------------- */

static void
check_name (SaveDialog *self)
{
  g_autofree char *name = g_strstrip (g_strdup (gtk_entry_get_text (GTK_ENTRY (self->name))));
  const HdStyle   *known = hd_styles_find (hd_style_set_list (self->styles), name);
  const char      *text = "";

  if (*name && ! hd_style_check_name (name))
    text = _("A name has at most 100 letters and no commas.");
  else if (known)
    text = _("This takes the place of the style of that name.");

  gtk_label_set_text (GTK_LABEL (self->note), text);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (self->dialog), GTK_RESPONSE_OK, hd_style_check_name (name));
}

static GtkWidget *
add_entry (GtkWidget    *content,
           const char   *label_text,
           const char   *text,
           GtkSizeGroup *labels)
{
  GtkWidget *entry = gtk_entry_new ();
  GtkWidget *label = gtk_label_new_with_mnemonic (label_text);

  gtk_entry_set_text (GTK_ENTRY (entry), text);
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_entry_set_width_chars (GTK_ENTRY (entry), 40);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), entry);
  hd_field_set_name (entry, label_text);
  gtk_box_pack_start (GTK_BOX (content), hd_field_row_new (label, entry, labels), FALSE, FALSE, 0);

  return entry;
}

static GtkWidget *
add_check (GtkWidget  *content,
           const char *label,
           gboolean    active)
{
  GtkWidget *button = gtk_check_button_new_with_mnemonic (label);

  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (button), active);
  gtk_box_pack_start (GTK_BOX (content), button, FALSE, FALSE, 0);
  gtk_widget_show (button);

  return button;
}

static void
build_dialog (SaveDialog *self,
              GtkWindow  *parent)
{
  g_autoptr (GtkSizeGroup)  labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  g_autofree char          *prompt = NULL;
  g_autofree char          *negative_prompt = NULL;
  GtkWidget                *content;

  self->dialog = gtk_dialog_new_with_buttons (_("Save as Style"), parent,
                                              GTK_DIALOG_MODAL | GTK_DIALOG_DESTROY_WITH_PARENT,
                                              _("_Cancel"), GTK_RESPONSE_CANCEL,
                                              _("_Save"), GTK_RESPONSE_OK,
                                              NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_OK);
  content = gtk_dialog_get_content_area (GTK_DIALOG (self->dialog));
  gtk_box_set_spacing (GTK_BOX (content), 6);
  gtk_container_set_border_width (GTK_CONTAINER (content), 12);

  g_object_get (self->config, "prompt", &prompt, "negative-prompt", &negative_prompt, NULL);
  self->name = add_entry (content, _("_Name"), "", labels);
  self->prompt = add_entry (content, _("_Prompt"), prompt ? prompt : "", labels);
  gimp_help_set_help_data (self->prompt, _("Goes behind the prompt that is typed; where it has {prompt} in it, that "
                                           "stands for what is typed"), NULL);
  self->negative_prompt = add_entry (content, _("N_egative prompt"), negative_prompt ? negative_prompt : "", labels);
  self->with_settings = add_check (content, _("With sampler, steps, _guidance and the like, where they were changed"),
                                   TRUE);
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (self->config), "width"))
    self->with_size = add_check (content, _("_With width and height"), FALSE);

  self->note = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (self->note), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (self->note), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (self->note), 60);
  gtk_box_pack_start (GTK_BOX (content), self->note, FALSE, FALSE, 0);
  gtk_widget_show (self->note);

  g_signal_connect_swapped (self->name, "changed", G_CALLBACK (check_name), self);
  check_name (self);
}

/* Not gtk_dialog_run(): who pressed the button through the accessibility tree would wait for an answer. */
static void
on_response (SaveDialog *self,
             int         response,
             GtkDialog  *dialog)
{
  g_autoptr (HdStyle) style = response == GTK_RESPONSE_OK ? make_style (self) : NULL;
  g_autoptr (GError)  error = NULL;

  if (style && ! hd_style_set_save (self->styles, style, &error))
    {
      gtk_label_set_text (GTK_LABEL (self->note), error->message);
      return;
    }

  if (style)
    self->saved (self->user_data);
  gtk_widget_destroy (self->dialog);
}

void
hd_save_style_dialog_show (GtkWindow           *parent,
                           GObject             *config,
                           HdStyleSet          *styles,
                           HdSaveStyleCallback  saved,
                           gpointer             user_data)
{
  SaveDialog *self = g_new0 (SaveDialog, 1);

  self->config = config;
  self->styles = styles;
  self->saved = saved;
  self->user_data = user_data;
  build_dialog (self, parent);
  g_object_set_data_full (G_OBJECT (self->dialog), "hd-save-style-dialog", self, g_free);
  g_signal_connect_swapped (self->dialog, "response", G_CALLBACK (on_response), self);
  gtk_window_present (GTK_WINDOW (self->dialog));
}
