/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/fields.h"
#include "ui/model-field.h"

struct _HdModelField
{
  GtkBox     parent_instance;

  GObject   *config;
  GtkWidget *entry;
};

G_DEFINE_FINAL_TYPE (HdModelField, hd_model_field, GTK_TYPE_BOX)

static void
choose_folder (HdModelField *field)
{
  GtkWidget                       *toplevel = gtk_widget_get_toplevel (GTK_WIDGET (field));
  g_autoptr (GtkFileChooserNative) chooser = NULL;
  g_autofree char                 *current = NULL;

  chooser = gtk_file_chooser_native_new (_("Choose a Model's Folder"), GTK_WINDOW (toplevel),
                                         GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, NULL, NULL);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);

  g_object_get (field->config, "model", &current, NULL);
  if (current && g_path_is_absolute (current))
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (chooser), current);

  if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (chooser)) == GTK_RESPONSE_ACCEPT)
    {
      g_autofree char *path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

      if (path && g_utf8_validate (path, -1, NULL))
        gtk_entry_set_text (GTK_ENTRY (field->entry), path);
    }
}

static void
show_default (HdModelField *field,
              const char   *model)
{
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;

  if (! model)
    {
      gtk_entry_set_placeholder_text (GTK_ENTRY (field->entry), _("No model is installed"));
      return;
    }

  name = g_path_get_basename (model);
  /* TRANSLATORS: %s is the name of a model. */
  text = g_strdup_printf (_("%s (default)"), name);
  gtk_entry_set_placeholder_text (GTK_ENTRY (field->entry), text);
}

static GtkWidget *
make_combo (HdModelField       *field,
            const char * const *models)
{
  GtkWidget *combo = gtk_combo_box_text_new_with_entry ();

  for (int i = 0; models[i]; i++)
    {
      g_autofree char *name = g_path_get_basename (models[i]);

      gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (combo), name);
    }

  field->entry = gtk_bin_get_child (GTK_BIN (combo));
  gtk_entry_set_activates_default (GTK_ENTRY (field->entry), TRUE);
  show_default (field, models[0]);
  g_object_bind_property (field->config, "model", field->entry, "text",
                          G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);

  return combo;
}

static void
hd_model_field_dispose (GObject *object)
{
  HdModelField *field = HD_MODEL_FIELD (object);

  g_clear_object (&field->config);
  G_OBJECT_CLASS (hd_model_field_parent_class)->dispose (object);
}

static void
hd_model_field_class_init (HdModelFieldClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_model_field_dispose;
}

static void
hd_model_field_init (HdModelField *field)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (field), GTK_ORIENTATION_HORIZONTAL);
  gtk_box_set_spacing (GTK_BOX (field), 6);
}

GtkWidget *
hd_model_field_new (GObject            *config,
                    const char * const *models,
                    GtkSizeGroup       *labels)
{
  HdModelField *field = g_object_new (HD_TYPE_MODEL_FIELD, NULL);
  GtkWidget    *combo;
  GtkWidget    *label;
  GtkWidget    *browse;

  field->config = g_object_ref (config);
  combo = make_combo (field, models);
  label = hd_field_label_new (config, "model", field->entry);
  gtk_size_group_add_widget (labels, label);
  hd_field_set_name (combo, _("Installed models"));

  browse = gtk_button_new_with_mnemonic (_("_Browse…"));
  gimp_help_set_help_data (browse, _("Look for the folder of a model"), NULL);
  g_signal_connect_swapped (browse, "clicked", G_CALLBACK (choose_folder), field);

  gtk_box_pack_start (GTK_BOX (field), label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (field), combo, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (field), browse, FALSE, FALSE, 0);
  gtk_widget_show_all (GTK_WIDGET (field));

  return GTK_WIDGET (field);
}
