/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "engine/request.h"
#include "engine/sampler.h"
#include "plugin/write-metadata.h"
#include "ui/advanced-section.h"
#include "ui/device-field.h"
#include "ui/fields.h"
#include "ui/section.h"

/* MiB */
#define BUDGET_STEP 512

static const char * const properties[] = {
  "schedule", "eta", "guidance-rescale", "clip-skip", "prediction", "distillation",
  "rau-net", "msw-msa", "t1", "t2", "device", "precision", "weights", "memory-budget", "threads", "metadata", NULL,
};

static GtkWidget *
add_column (GtkWidget *columns)
{
  GtkWidget *column = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  gtk_box_pack_start (GTK_BOX (columns), column, TRUE, TRUE, 0);
  return column;
}

static void
add (GtkWidget *column,
     GtkWidget *field)
{
  gtk_box_pack_start (GTK_BOX (column), field, FALSE, TRUE, 0);
}

static void
add_sampling (GtkWidget    *column,
              GObject      *config,
              GtkSizeGroup *labels)
{
  add (column, hd_choice_field_new (config, "schedule", hd_schedule_names (), TRUE, labels));
  add (column, hd_number_field_new (config, "eta", 0.0, 1.0, 0.05, NAN, labels));
  add (column, hd_number_field_new (config, "guidance-rescale", 0.0, 1.0, 0.05, NAN, labels));
  add (column, hd_number_field_new (config, "clip-skip", 1.0, 12.0, 1.0, 0.0, labels));
  add (column, hd_choice_field_new (config, "prediction", hd_prediction_names (), TRUE, labels));
  add (column, hd_choice_field_new (config, "distillation", hd_distillation_names (), TRUE, labels));
}

static void
add_hidiffusion (GtkWidget    *column,
                 GObject      *config,
                 GtkSizeGroup *labels)
{
  add (column, hd_choice_field_new (config, "rau-net", hd_hidiffusion_names (), TRUE, labels));
  add (column, hd_number_field_new (config, "t1", 0.0, 1.0, 0.05, HD_REQUEST_AUTO, labels));
  add (column, hd_number_field_new (config, "t2", 0.0, 1.0, 0.05, HD_REQUEST_AUTO, labels));
  add (column, hd_choice_field_new (config, "msw-msa", hd_hidiffusion_names (), TRUE, labels));
}

static void
add_machine (GtkWidget    *column,
             GObject      *config,
             GtkSizeGroup *labels)
{
  add (column, hd_device_field_new (config, labels));
  add (column, hd_choice_field_new (config, "precision", hd_precision_names (), TRUE, labels));
  add (column, hd_choice_field_new (config, "weights", hd_weight_form_names (), TRUE, labels));
  add (column, hd_number_field_new (config, "memory-budget", BUDGET_STEP, HD_REQUEST_MAX_BUDGET, BUDGET_STEP, 0.0, labels));
  add (column, hd_number_field_new (config, "threads", 1.0, 4096.0, 1.0, 0.0, labels));
}

GtkWidget *
hd_advanced_section_new (GObject *config)
{
  g_autoptr (GtkSizeGroup) left_labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  g_autoptr (GtkSizeGroup) right_labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *columns = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);
  GtkWidget               *left = add_column (columns);
  GtkWidget               *right = add_column (columns);

  gtk_box_set_homogeneous (GTK_BOX (columns), TRUE);
  add_sampling (left, config, left_labels);
  /* What becomes of it: the other column is longer. */
  add (left, hd_choice_field_new (config, "metadata", hd_metadata_names (), FALSE, left_labels));
  add_hidiffusion (right, config, right_labels);
  add_machine (right, config, right_labels);
  gtk_widget_show_all (columns);

  return hd_section_new (_("Advanced"), columns, config, properties);
}
