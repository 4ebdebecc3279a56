/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/fields.h"
#include "ui/layer-field.h"

#define NO_LAYER "0"

struct _HdLayerField
{
  GtkBox      parent_instance;

  GObject    *config;
  const char *property;
  GtkWidget  *combo;
  gboolean    updating;    /* the combo box changes because the argument or the image did */
};

G_DEFINE_FINAL_TYPE (HdLayerField, hd_layer_field, GTK_TYPE_BOX)

static void
show_argument (HdLayerField *field)
{
  g_autoptr (GimpDrawable) drawable = NULL;
  g_autofree char         *id = NULL;

  g_object_get (field->config, field->property, &drawable, NULL);
  id = g_strdup_printf ("%d", drawable ? gimp_item_get_id (GIMP_ITEM (drawable)) : 0);

  field->updating = TRUE;
  if (! gtk_combo_box_set_active_id (GTK_COMBO_BOX (field->combo), id))
    gtk_combo_box_set_active_id (GTK_COMBO_BOX (field->combo), NO_LAYER);
  field->updating = FALSE;
}

static void
take_combo (HdLayerField *field)
{
  const char *id = gtk_combo_box_get_active_id (GTK_COMBO_BOX (field->combo));

  if (! field->updating)
    g_object_set (field->config, field->property, id ? gimp_drawable_get_by_id (atoi (id)) : NULL, NULL);
}

/* A layer and, if it is a group, those in it. */
static void
add_layers (HdLayerField *field,
            GimpItem    **items,
            int           depth)
{
  for (int i = 0; items && items[i]; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", gimp_item_get_id (items[i]));
      g_autofree char *name = gimp_item_get_name (items[i]);
      g_autofree char *text = g_strdup_printf ("%*s%s", 4 * depth, "", name);

      gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (field->combo), id, text);
      if (gimp_item_is_group (items[i]))
        {
          g_autofree GimpItem **children = gimp_item_get_children (items[i]);

          add_layers (field, children, depth + 1);
        }
    }
}

void
hd_layer_field_set_image (HdLayerField *field,
                          GimpImage    *image)
{
  g_autofree GimpLayer **layers = image ? gimp_image_get_layers (image) : NULL;

  field->updating = TRUE;
  gtk_combo_box_text_remove_all (GTK_COMBO_BOX_TEXT (field->combo));
  gtk_combo_box_text_append (GTK_COMBO_BOX_TEXT (field->combo), NO_LAYER, _("None"));
  add_layers (field, (GimpItem **) layers, 0);
  field->updating = FALSE;

  show_argument (field);
}

static void
hd_layer_field_dispose (GObject *object)
{
  HdLayerField *field = HD_LAYER_FIELD (object);

  g_clear_object (&field->config);
  G_OBJECT_CLASS (hd_layer_field_parent_class)->dispose (object);
}

static void
hd_layer_field_class_init (HdLayerFieldClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_layer_field_dispose;
}

static void
hd_layer_field_init (HdLayerField *field)
{
}

GtkWidget *
hd_layer_field_new (GObject      *config,
                    const char   *property,
                    GtkSizeGroup *labels)
{
  HdLayerField    *field = g_object_new (HD_TYPE_LAYER_FIELD, NULL);
  g_autofree char *signal = g_strconcat ("notify::", property, NULL);
  GtkWidget       *row;

  field->config = g_object_ref (config);
  field->property = property;
  field->combo = gtk_combo_box_text_new ();
  row = hd_field_row_new (hd_field_label_new (config, property, field->combo), field->combo, labels);
  gtk_box_pack_start (GTK_BOX (field), row, TRUE, TRUE, 0);
  gtk_widget_show (GTK_WIDGET (field));

  hd_layer_field_set_image (field, NULL);
  g_signal_connect_swapped (field->combo, "changed", G_CALLBACK (take_combo), field);
  g_signal_connect_object (config, signal, G_CALLBACK (show_argument), field, G_CONNECT_SWAPPED);

  return GTK_WIDGET (field);
}
