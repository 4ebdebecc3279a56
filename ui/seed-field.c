/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/request.h"
#include "ui/dice.h"
#include "ui/fields.h"
#include "ui/seed-field.h"

struct _HdSeedField
{
  GtkGrid    parent_instance;

  GObject   *config;
  GtkWidget *seed;
  GtkWidget *random;
  gboolean   updating;    /* the widgets change because the argument did */
};

G_DEFINE_FINAL_TYPE (HdSeedField, hd_seed_field, GTK_TYPE_GRID)

static void
show_argument (HdSeedField *field)
{
  int      seed;
  gboolean is_random;

  g_object_get (field->config, "seed", &seed, NULL);
  is_random = seed == HD_REQUEST_RANDOM_SEED;

  field->updating = TRUE;
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (field->random), is_random);
  gtk_widget_set_sensitive (field->seed, ! is_random);
  if (! is_random)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (field->seed), seed);
  field->updating = FALSE;
}

static void
take_widgets (HdSeedField *field)
{
  int seed = HD_REQUEST_RANDOM_SEED;

  if (field->updating)
    return;

  if (! gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (field->random)))
    seed = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (field->seed));
  g_object_set (field->config, "seed", seed, NULL);
}

/* Another seed, to be kept. */
static void
throw_dice (HdSeedField *field)
{
  g_object_set (field->config, "seed", (int) (g_random_int () & HD_REQUEST_MAX_SEED), NULL);
}

static GtkWidget *
make_dice_button (HdSeedField *field)
{
  GtkWidget *button = gtk_button_new ();

  gtk_container_add (GTK_CONTAINER (button), hd_dice_new ());
  gimp_help_set_help_data (button, _("Draw a seed, and keep it"), NULL);
  hd_field_set_name (button, _("Draw a seed"));
  g_signal_connect_swapped (button, "clicked", G_CALLBACK (throw_dice), field);
  return button;
}

void
hd_seed_field_set_last (HdSeedField *field,
                        gint64       seed)
{
  field->updating = TRUE;
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (field->seed), seed);
  field->updating = FALSE;
}

static void
hd_seed_field_dispose (GObject *object)
{
  HdSeedField *field = HD_SEED_FIELD (object);

  g_clear_object (&field->config);
  G_OBJECT_CLASS (hd_seed_field_parent_class)->dispose (object);
}

static void
hd_seed_field_class_init (HdSeedFieldClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_seed_field_dispose;
}

static void
hd_seed_field_init (HdSeedField *field)
{
  gtk_grid_set_column_spacing (GTK_GRID (field), 6);
  gtk_grid_set_row_spacing (GTK_GRID (field), 6);
}

GtkWidget *
hd_seed_field_new (GObject      *config,
                   GtkSizeGroup *labels)
{
  HdSeedField   *field = g_object_new (HD_TYPE_SEED_FIELD, NULL);
  GtkAdjustment *adjustment = gtk_adjustment_new (0, 0, HD_REQUEST_MAX_SEED, 1, 10, 0);
  GtkWidget     *label;

  field->config = g_object_ref (config);

  field->seed = gimp_spin_button_new (adjustment, 1.0, 0);
  gtk_widget_set_hexpand (field->seed, TRUE);
  label = hd_field_label_new (config, "seed", field->seed);
  gtk_size_group_add_widget (labels, label);

  field->random = gtk_check_button_new_with_mnemonic (_("Rando_m"));
  gimp_help_set_help_data (field->random,
                           _("Draw another seed for each picture. The one that was drawn is shown here: "
                             "take the check mark away to keep it."),
                           NULL);

  gtk_grid_attach (GTK_GRID (field), label, 0, 0, 1, 1);
  gtk_grid_attach (GTK_GRID (field), field->seed, 1, 0, 1, 1);
  gtk_grid_attach (GTK_GRID (field), make_dice_button (field), 2, 0, 1, 1);
  gtk_grid_attach (GTK_GRID (field), field->random, 1, 1, 2, 1);
  gtk_widget_show_all (GTK_WIDGET (field));

  show_argument (field);
  g_signal_connect_swapped (field->seed, "value-changed", G_CALLBACK (take_widgets), field);
  g_signal_connect_swapped (field->random, "toggled", G_CALLBACK (take_widgets), field);
  g_signal_connect_object (config, "notify::seed", G_CALLBACK (show_argument), field, G_CONNECT_SWAPPED);

  return GTK_WIDGET (field);
}
