/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/request.h"
#include "plugin/lora-list.h"
#include "ui/fields.h"
#include "ui/lora-section.h"
#include "ui/section.h"

struct _HdLoraBox
{
  GtkBox        parent_instance;

  GObject      *config;
  GtkListStore *names;       /* of the installed ones */
  GtkWidget    *rows;
  gboolean      updating;    /* the rows change because the argument did */
};

G_DEFINE_FINAL_TYPE (HdLoraBox, hd_lora_box, GTK_TYPE_BOX)

#define ENTRY_KEY  "hd-lora-entry"
#define WEIGHT_KEY "hd-lora-weight"

/* --- rows and argument ----------------------------------------------------------- */

static void
take_row (GtkWidget *row,
          gpointer   data)
{
  GtkEntry        *entry = g_object_get_data (G_OBJECT (row), ENTRY_KEY);
  GtkSpinButton   *weight = g_object_get_data (G_OBJECT (row), WEIGHT_KEY);
  g_autofree char *name = g_strstrip (g_strdup (gtk_entry_get_text (entry)));

  if (*name)
    hd_lora_list_add (data, name, gtk_spin_button_get_value (weight));
}

static char *
format_rows (HdLoraBox *box)
{
  g_autoptr (GPtrArray) list = hd_lora_list_new ();

  gtk_container_foreach (GTK_CONTAINER (box->rows), take_row, list);
  return hd_lora_list_format (list);
}

static void
take_rows (HdLoraBox *box)
{
  g_autofree char *text = NULL;

  if (box->updating)
    return;

  text = format_rows (box);
  box->updating = TRUE;
  g_object_set (box->config, "loras", text, NULL);
  box->updating = FALSE;
}

static void
remove_row (GtkWidget *button,
            HdLoraBox *box)
{
  gtk_widget_destroy (gtk_widget_get_parent (button));
  take_rows (box);
}

/* --- a row ---------------------------------------------------------------------- */

static GtkWidget *
make_entry (HdLoraBox  *box,
            const char *name,
            GtkWidget **entry)
{
  g_autoptr (GtkEntryCompletion) completion = gtk_entry_completion_new ();
  GtkWidget                     *combo = gtk_combo_box_new_with_model_and_entry (GTK_TREE_MODEL (box->names));

  gtk_combo_box_set_entry_text_column (GTK_COMBO_BOX (combo), 0);
  hd_field_set_name (combo, _("Installed LoRAs"));

  *entry = gtk_bin_get_child (GTK_BIN (combo));
  gtk_entry_completion_set_model (completion, GTK_TREE_MODEL (box->names));
  gtk_entry_completion_set_text_column (completion, 0);
  gtk_entry_set_completion (GTK_ENTRY (*entry), completion);
  gtk_entry_set_text (GTK_ENTRY (*entry), name);
  gtk_entry_set_activates_default (GTK_ENTRY (*entry), TRUE);
  gtk_entry_set_placeholder_text (GTK_ENTRY (*entry), _("Name or file of a LoRA"));
  hd_field_set_name (*entry, _("LoRA"));

  return combo;
}

static GtkWidget *
make_weight (double weight)
{
  GtkAdjustment *adjustment = gtk_adjustment_new (weight, -HD_REQUEST_MAX_WEIGHT, HD_REQUEST_MAX_WEIGHT, 0.05, 0.5, 0);
  GtkWidget     *spin = gtk_spin_button_new (adjustment, 0.0, 2);

  gimp_help_set_help_data (spin, _("How strongly the LoRA is applied; 1 as it was trained"), NULL);
  hd_field_set_name (spin, _("Weight"));
  return spin;
}

static void
add_row (HdLoraBox  *box,
         const char *name,
         double      weight)
{
  GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *spin = make_weight (weight);
  GtkWidget *remove = gtk_button_new_from_icon_name ("list-remove-symbolic", GTK_ICON_SIZE_BUTTON);
  GtkWidget *entry;
  GtkWidget *combo = make_entry (box, name, &entry);

  gimp_help_set_help_data (remove, _("Take this LoRA off the list"), NULL);
  hd_field_set_name (remove, _("Remove"));

  gtk_box_pack_start (GTK_BOX (row), combo, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), spin, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), remove, FALSE, FALSE, 0);
  g_object_set_data (G_OBJECT (row), ENTRY_KEY, entry);
  g_object_set_data (G_OBJECT (row), WEIGHT_KEY, spin);
  gtk_box_pack_start (GTK_BOX (box->rows), row, FALSE, TRUE, 0);
  gtk_widget_show_all (row);

  g_signal_connect_swapped (entry, "changed", G_CALLBACK (take_rows), box);
  g_signal_connect_swapped (spin, "value-changed", G_CALLBACK (take_rows), box);
  g_signal_connect (remove, "clicked", G_CALLBACK (remove_row), box);
}

static void
add_empty_row (HdLoraBox *box)
{
  GList *rows;

  add_row (box, "", 1.0);
  rows = gtk_container_get_children (GTK_CONTAINER (box->rows));
  gtk_widget_grab_focus (g_object_get_data (g_list_last (rows)->data, ENTRY_KEY));
  g_list_free (rows);
}

/* --- the box -------------------------------------------------------------------- */

static void
destroy_row (GtkWidget *row,
             gpointer   data)
{
  gtk_widget_destroy (row);
}

static void
show_argument (HdLoraBox *box)
{
  g_autofree char      *text = NULL;
  g_autoptr (GPtrArray) list = NULL;

  if (box->updating)
    return;

  g_object_get (box->config, "loras", &text, NULL);
  list = hd_lora_list_parse (text);

  box->updating = TRUE;
  gtk_container_foreach (GTK_CONTAINER (box->rows), destroy_row, NULL);
  for (guint i = 0; i < list->len; i++)
    {
      const HdLoraItem *item = list->pdata[i];

      add_row (box, item->name, item->weight);
    }
  box->updating = FALSE;
}

void
hd_lora_box_set_catalog (HdLoraBox *box,
                         HdCatalog *catalog)
{
  const GPtrArray *list = hd_catalog_list (catalog, HD_LIBRARY_LORA);

  gtk_list_store_clear (box->names);
  for (guint i = 0; i < list->len; i++)
    {
      const HdLibraryEntry *entry = list->pdata[i];

      gtk_list_store_insert_with_values (box->names, NULL, -1, 0, entry->name, -1);
    }
}

static void
hd_lora_box_dispose (GObject *object)
{
  HdLoraBox *box = HD_LORA_BOX (object);

  /* Rows that are destroyed are no change. */
  box->updating = TRUE;
  g_clear_object (&box->config);
  g_clear_object (&box->names);
  G_OBJECT_CLASS (hd_lora_box_parent_class)->dispose (object);
}

static void
hd_lora_box_class_init (HdLoraBoxClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_lora_box_dispose;
}

static void
hd_lora_box_init (HdLoraBox *box)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (box), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (box), 6);
}

GtkWidget *
hd_lora_box_new (GObject *config)
{
  HdLoraBox *box = g_object_new (HD_TYPE_LORA_BOX, NULL);
  GtkWidget *add = gtk_button_new_with_mnemonic (_("Add a LoRA"));

  box->config = g_object_ref (config);
  box->names = gtk_list_store_new (1, G_TYPE_STRING);
  box->rows = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  gtk_widget_set_halign (add, GTK_ALIGN_START);
  gimp_help_set_help_data (add, g_param_spec_get_blurb (g_object_class_find_property (G_OBJECT_GET_CLASS (config),
                                                                                      "loras")), NULL);
  gtk_box_pack_start (GTK_BOX (box), box->rows, FALSE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), add, FALSE, FALSE, 0);
  gtk_widget_show_all (GTK_WIDGET (box));

  show_argument (box);
  g_signal_connect_swapped (add, "clicked", G_CALLBACK (add_empty_row), box);
  g_signal_connect_object (config, "notify::loras", G_CALLBACK (show_argument), box, G_CONNECT_SWAPPED);

  return GTK_WIDGET (box);
}

GtkWidget *
hd_lora_section_new (GtkWidget *box,
                     GObject   *config)
{
  static const char * const properties[] = { "loras", NULL };

  return hd_section_new (_("LoRAs"), box, config, properties);
}
