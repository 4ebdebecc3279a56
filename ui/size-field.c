/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/request.h"
#include "ui/fields.h"
#include "ui/preset-row.h"
#include "ui/size-field.h"

/* Shown until the model is known. */
#define USUAL_SIZE 512

struct _HdSizeField
{
  GtkGrid    parent_instance;

  GObject   *config;
  GtkWidget *follow;      /* check button: the image's size */
  GtkWidget *presets;
  GtkWidget *width;
  GtkWidget *height;
  gboolean   has_image;
  int        image_width;     /* what a size of 0 means: the image's or, without one, what suits the model */
  int        image_height;
  int        native_size;     /* of the model's pictures; 0 while not known */
  gboolean   updating;    /* the widgets change because the arguments did */
};

G_DEFINE_FINAL_TYPE (HdSizeField, hd_size_field, GTK_TYPE_GRID)

static int
get_side (GtkWidget *spin)
{
  return gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (spin));
}

static void
show_arguments (HdSizeField *field)
{
  int      width;
  int      height;
  gboolean follows;

  g_object_get (field->config, "width", &width, "height", &height, NULL);
  follows = field->has_image && width == 0 && height == 0;

  field->updating = TRUE;
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (field->follow), follows);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (field->width), width ? width : field->image_width);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (field->height), height ? height : field->image_height);
  gtk_widget_set_sensitive (field->width, ! follows);
  gtk_widget_set_sensitive (field->height, ! follows);
  hd_preset_row_set_size (HD_PRESET_ROW (field->presets), get_side (field->width), get_side (field->height),
                          field->native_size);
  field->updating = FALSE;
}

static void
take_widgets (HdSizeField *field)
{
  if (field->updating)
    return;

  if (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (field->follow)))
    g_object_set (field->config, "width", 0, "height", 0, NULL);
  else
    g_object_set (field->config,
                  "width",  get_side (field->width),
                  "height", get_side (field->height),
                  NULL);
}

static void
take_preset (HdSizeField *field,
             int          width,
             int          height)
{
  g_object_set (field->config, "width", width, "height", height, NULL);
}

static void
swap (HdSizeField *field)
{
  take_preset (field, get_side (field->height), get_side (field->width));
}

static GtkWidget *
add_side (HdSizeField  *field,
          const char   *property,
          GtkSizeGroup *labels,
          int           row)
{
  GtkAdjustment *adjustment = gtk_adjustment_new (USUAL_SIZE, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, 8, 64, 0);
  GtkWidget     *spin = gimp_spin_button_new (adjustment, 1.0, 0);
  GtkWidget     *label = hd_field_label_new (field->config, property, spin);

  gtk_widget_set_hexpand (spin, TRUE);
  gtk_size_group_add_widget (labels, label);
  gtk_grid_attach (GTK_GRID (field), label, 0, row, 1, 1);
  gtk_grid_attach (GTK_GRID (field), spin, 1, row, 1, 1);
  g_signal_connect_swapped (spin, "value-changed", G_CALLBACK (take_widgets), field);

  return spin;
}

void
hd_size_field_set_image (HdSizeField *field,
                         GimpImage   *image)
{
  if (image || field->has_image)
    {
      field->image_width = image ? gimp_image_get_width (image) : USUAL_SIZE;
      field->image_height = image ? gimp_image_get_height (image) : USUAL_SIZE;
    }
  field->has_image = image != NULL;

  gtk_widget_set_visible (field->follow, field->has_image);
  if (field->has_image)
    {
      /* TRANSLATORS: width and height of the image in pixels. */
      g_autofree char *label = g_strdup_printf (_("Si_ze of the image (%d × %d)"),
                                                field->image_width, field->image_height);

      gtk_button_set_label (GTK_BUTTON (field->follow), label);
    }

  show_arguments (field);
}

void
hd_size_field_set_suited (HdSizeField *field,
                          int          width,
                          int          height,
                          int          native_size)
{
  field->native_size = native_size;
  if (! field->has_image)
    {
      field->image_width = width;
      field->image_height = height;
    }
  show_arguments (field);
}

static void
hd_size_field_dispose (GObject *object)
{
  HdSizeField *field = HD_SIZE_FIELD (object);

  g_clear_object (&field->config);
  G_OBJECT_CLASS (hd_size_field_parent_class)->dispose (object);
}

static void
hd_size_field_class_init (HdSizeFieldClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_size_field_dispose;
}

static void
hd_size_field_init (HdSizeField *field)
{
  gtk_grid_set_column_spacing (GTK_GRID (field), 6);
  gtk_grid_set_row_spacing (GTK_GRID (field), 6);
  field->image_width = USUAL_SIZE;
  field->image_height = USUAL_SIZE;
}

static GtkWidget *
make_swap_button (HdSizeField *field)
{
  GtkWidget *button = gtk_button_new_from_icon_name ("object-rotate-right-symbolic", GTK_ICON_SIZE_BUTTON);

  gimp_help_set_help_data (button, _("Swap width and height"), NULL);
  hd_field_set_name (button, _("Swap width and height"));
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (swap), field);
  return button;
}

GtkWidget *
hd_size_field_new (GObject      *config,
                   GtkSizeGroup *labels)
{
  HdSizeField *field = g_object_new (HD_TYPE_SIZE_FIELD, NULL);

  field->config = g_object_ref (config);

  field->follow = gtk_check_button_new_with_mnemonic (NULL);
  gtk_button_set_use_underline (GTK_BUTTON (field->follow), TRUE);
  gimp_help_set_help_data (field->follow, _("Make the layer as large as the image"), NULL);
  gtk_grid_attach (GTK_GRID (field), field->follow, 0, 0, 3, 1);
  g_signal_connect_swapped (field->follow, "toggled", G_CALLBACK (take_widgets), field);

  field->presets = hd_preset_row_new (labels);
  g_signal_connect_swapped (field->presets, "chosen", G_CALLBACK (take_preset), field);
  gtk_grid_attach (GTK_GRID (field), field->presets, 0, 1, 3, 1);

  field->width = add_side (field, "width", labels, 2);
  field->height = add_side (field, "height", labels, 3);
  gtk_grid_attach (GTK_GRID (field), make_swap_button (field), 2, 2, 1, 2);
  gtk_widget_show_all (GTK_WIDGET (field));

  g_signal_connect_object (config, "notify::width", G_CALLBACK (show_arguments), field, G_CONNECT_SWAPPED);
  g_signal_connect_object (config, "notify::height", G_CALLBACK (show_arguments), field, G_CONNECT_SWAPPED);
  hd_size_field_set_image (field, NULL);

  return GTK_WIDGET (field);
}
