/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "engine/request.h"
#include "ui/control-section.h"
#include "ui/fields.h"
#include "ui/layer-field.h"
#include "ui/name-field.h"
#include "ui/section.h"

struct _HdControlBox
{
  GtkBox     parent_instance;

  GtkWidget *net;
  GtkWidget *layer;
};

G_DEFINE_FINAL_TYPE (HdControlBox, hd_control_box, GTK_TYPE_BOX)

static void
hd_control_box_class_init (HdControlBoxClass *klass)
{
}

static void
hd_control_box_init (HdControlBox *box)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (box), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (box), 6);
}

static void
add (GtkWidget *box,
     GtkWidget *field)
{
  gtk_box_pack_start (GTK_BOX (box), field, TRUE, TRUE, 0);
}

static GtkWidget *
make_numbers (GObject      *config,
              GtkSizeGroup *labels)
{
  g_autoptr (GtkSizeGroup) others = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);

  add (row, hd_number_field_new (config, "control-strength", 0.0, 10.0, 0.05, NAN, labels));
  add (row, hd_number_field_new (config, "control-start", 0.0, 1.0, 0.05, NAN, others));
  add (row, hd_number_field_new (config, "control-end", 0.0, 1.0, 0.05, HD_REQUEST_AUTO, others));

  return row;
}

GtkWidget *
hd_control_box_new (GObject *config)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  HdControlBox            *box = g_object_new (HD_TYPE_CONTROL_BOX, NULL);

  box->net = hd_name_field_new (config, "control-net", HD_LIBRARY_CONTROL_NET, _("Installed ControlNets"), NULL,
                                labels);
  hd_name_field_set_default (HD_NAME_FIELD (box->net), _("None"));
  box->layer = hd_layer_field_new (config, "control-layer", labels);

  add (GTK_WIDGET (box), box->net);
  add (GTK_WIDGET (box), box->layer);
  add (GTK_WIDGET (box), hd_choice_field_new (config, "control-preprocessor", hd_preprocessor_names (), FALSE,
                                              labels));
  add (GTK_WIDGET (box), make_numbers (config, labels));
  gtk_widget_show_all (GTK_WIDGET (box));

  return GTK_WIDGET (box);
}

void
hd_control_box_set_catalog (HdControlBox *box,
                            HdCatalog    *catalog)
{
  hd_name_field_set_catalog (HD_NAME_FIELD (box->net), catalog);
}

void
hd_control_box_set_image (HdControlBox *box,
                          GimpImage    *image)
{
  hd_layer_field_set_image (HD_LAYER_FIELD (box->layer), image);
}

GtkWidget *
hd_control_section_new (GtkWidget *box,
                        GObject   *config)
{
  static const char * const properties[] = { "control-net", NULL };

  return hd_section_new (_("ControlNet"), box, config, properties);
}
