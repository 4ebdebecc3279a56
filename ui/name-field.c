/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/single_file.h"
#include "ui/fields.h"
#include "ui/model-info.h"
#include "ui/name-field.h"

/* A heading cannot be chosen; what is below it is moved in. */
#define NAME_INDENT 12

/* Of size and folder. */
#define DETAILS_CHARS 32

enum
{
  COLUMN_NAME,
  COLUMN_CAN_BE_CHOSEN,
  COLUMN_INDENT,
  COLUMN_WEIGHT,
  COLUMN_DETAILS,
  N_COLUMNS,
};

struct _HdNameField
{
  GtkBox         parent_instance;

  GObject       *config;
  const char    *property;
  HdLibraryKind  kind;
  GtkListStore  *store;
  GtkWidget     *entry;
};

G_DEFINE_FINAL_TYPE (HdNameField, hd_name_field, GTK_TYPE_BOX)

/* --- the list ------------------------------------------------------------------- */

static void
add_row (HdNameField *field,
         const char  *text,
         const char  *details)
{
  gboolean is_name = details != NULL;

  gtk_list_store_insert_with_values (field->store, NULL, -1,
                                     COLUMN_NAME, text,
                                     COLUMN_CAN_BE_CHOSEN, is_name,
                                     COLUMN_INDENT, is_name ? NAME_INDENT : 0,
                                     COLUMN_WEIGHT, is_name ? PANGO_WEIGHT_NORMAL : PANGO_WEIGHT_BOLD,
                                     COLUMN_DETAILS, is_name ? details : "",
                                     -1);
}

/* Those of one family, in the catalog's order, below its name. Families are numbered; -1: not known. */
static void
add_family (HdNameField     *field,
            const GPtrArray *list,
            int              family)
{
  gboolean has_heading = FALSE;

  for (guint i = 0; i < list->len; i++)
    {
      const HdLibraryEntry *entry = list->pdata[i];
      g_autofree char      *details = NULL;

      if ((entry->family_known ? (int) entry->family : -1) != family)
        continue;
      if (! has_heading)
        add_row (field, family < 0 ? _("Others") : hd_family_name (family), NULL);
      has_heading = TRUE;
      details = hd_describe_place (entry);
      add_row (field, entry->name, details);
    }
}

void
hd_name_field_set_catalog (HdNameField *field,
                           HdCatalog   *catalog)
{
  const GPtrArray *list = hd_catalog_list (catalog, field->kind);

  gtk_list_store_clear (field->store);
  for (int family = HD_FAMILY_SD1; family <= HD_FAMILY_SDXL_TURBO; family++)
    add_family (field, list, family);
  add_family (field, list, -1);
}

void
hd_name_field_set_default (HdNameField *field,
                           const char  *text)
{
  gtk_entry_set_placeholder_text (GTK_ENTRY (field->entry), text);
}

/* --- looking for a path ---------------------------------------------------------- */

/* Both files and folders can be what is looked for; a chooser knows one or the other. */
static void
choose (HdNameField          *field,
        GtkFileChooserAction  action)
{
  GtkWidget                       *toplevel = gtk_widget_get_toplevel (GTK_WIDGET (field));
  g_autoptr (GtkFileChooserNative) chooser = NULL;
  const char                      *current = gtk_entry_get_text (GTK_ENTRY (field->entry));
  const char                      *title = action == GTK_FILE_CHOOSER_ACTION_OPEN ? _("Choose a File")
                                                                                  : _("Choose a Folder");

  chooser = gtk_file_chooser_native_new (title, GTK_WINDOW (toplevel), action, NULL, NULL);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  if (action == GTK_FILE_CHOOSER_ACTION_OPEN)
    {
      GtkFileFilter *filter = gtk_file_filter_new ();

      gtk_file_filter_set_name (filter, "*.safetensors");
      gtk_file_filter_add_pattern (filter, "*.safetensors");
      gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);
    }
  if (g_path_is_absolute (current))
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (chooser), current);

  if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (chooser)) == GTK_RESPONSE_ACCEPT)
    {
      g_autofree char *path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

      if (path && g_utf8_validate (path, -1, NULL))
        gtk_entry_set_text (GTK_ENTRY (field->entry), path);
    }
}

static void
choose_file (HdNameField *field)
{
  choose (field, GTK_FILE_CHOOSER_ACTION_OPEN);
}

static void
choose_folder (HdNameField *field)
{
  choose (field, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static void
add_menu_item (GtkWidget   *menu,
               const char  *label,
               GCallback    callback,
               HdNameField *field)
{
  GtkWidget *item = gtk_menu_item_new_with_mnemonic (label);

  g_signal_connect_swapped (item, "activate", callback, field);
  gtk_menu_shell_append (GTK_MENU_SHELL (menu), item);
  gtk_widget_show (item);
}

static GtkWidget *
make_browse_button (HdNameField *field,
                    const char  *label)
{
  GtkWidget *button = gtk_menu_button_new ();
  GtkWidget *menu = gtk_menu_new ();

  add_menu_item (menu, _("_File…"), G_CALLBACK (choose_file), field);
  add_menu_item (menu, _("F_older…"), G_CALLBACK (choose_folder), field);
  gtk_menu_button_set_popup (GTK_MENU_BUTTON (button), menu);
  gtk_button_set_image (GTK_BUTTON (button),
                        gtk_image_new_from_icon_name ("document-open-symbolic", GTK_ICON_SIZE_BUTTON));
  if (label)
    {
      gtk_button_set_label (GTK_BUTTON (button), label);
      gtk_button_set_use_underline (GTK_BUTTON (button), TRUE);
    }
  gimp_help_set_help_data (button, _("Look for a file or a folder"), NULL);
  hd_field_set_name (button, label ? label : _("Browse"));

  return button;
}

/* --- the field ------------------------------------------------------------------ */

static GtkWidget *
make_combo (HdNameField *field)
{
  GtkWidget       *combo = gtk_combo_box_new_with_model_and_entry (GTK_TREE_MODEL (field->store));
  GtkCellRenderer *renderer = gtk_cell_renderer_text_new ();
  GtkCellRenderer *details = gtk_cell_renderer_text_new ();

  gtk_combo_box_set_entry_text_column (GTK_COMBO_BOX (combo), COLUMN_NAME);
  gtk_cell_layout_clear (GTK_CELL_LAYOUT (combo));
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo), renderer, TRUE);
  gtk_cell_layout_set_attributes (GTK_CELL_LAYOUT (combo), renderer,
                                  "text", COLUMN_NAME,
                                  "sensitive", COLUMN_CAN_BE_CHOSEN,
                                  "xpad", COLUMN_INDENT,
                                  "weight", COLUMN_WEIGHT,
                                  NULL);
  g_object_set (details, "ellipsize", PANGO_ELLIPSIZE_MIDDLE, "max-width-chars", DETAILS_CHARS,
                "width-chars", DETAILS_CHARS, "scale", PANGO_SCALE_SMALL, "xalign", 1.0, NULL);
  gtk_cell_layout_pack_end (GTK_CELL_LAYOUT (combo), details, FALSE);
  gtk_cell_layout_set_attributes (GTK_CELL_LAYOUT (combo), details, "text", COLUMN_DETAILS, NULL);

  field->entry = gtk_bin_get_child (GTK_BIN (combo));
  gtk_entry_set_activates_default (GTK_ENTRY (field->entry), TRUE);
  g_object_bind_property (field->config, field->property, field->entry, "text",
                          G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);

  return combo;
}

static void
hd_name_field_dispose (GObject *object)
{
  HdNameField *field = HD_NAME_FIELD (object);

  g_clear_object (&field->config);
  g_clear_object (&field->store);
  G_OBJECT_CLASS (hd_name_field_parent_class)->dispose (object);
}

static void
hd_name_field_class_init (HdNameFieldClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_name_field_dispose;
}

static void
hd_name_field_init (HdNameField *field)
{
  gtk_box_set_spacing (GTK_BOX (field), 6);
}

GtkWidget *
hd_name_field_new (GObject       *config,
                   const char    *property,
                   HdLibraryKind  kind,
                   const char    *list_name,
                   const char    *browse,
                   GtkSizeGroup  *labels)
{
  HdNameField *field = g_object_new (HD_TYPE_NAME_FIELD, NULL);
  GtkWidget   *combo;
  GtkWidget   *row;

  field->config = g_object_ref (config);
  field->property = property;
  field->kind = kind;
  field->store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_BOOLEAN, G_TYPE_INT, G_TYPE_INT,
                                     G_TYPE_STRING);

  combo = make_combo (field);
  row = hd_field_row_new (hd_field_label_new (config, property, field->entry), combo, labels);
  hd_field_set_name (combo, list_name);
  gtk_box_pack_start (GTK_BOX (field), row, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (field), make_browse_button (field, browse), FALSE, FALSE, 0);
  gtk_widget_show_all (GTK_WIDGET (field));

  return GTK_WIDGET (field);
}
