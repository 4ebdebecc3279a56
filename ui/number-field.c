/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "ui/fields.h"

/* The number below the least one stands for the automatic one, and is shown as a word. */
typedef struct
{
  GObject    *config;
  GParamSpec *pspec;
  GtkWidget  *spin;
  double      min;
  double      step;
  double      automatic;
  gboolean    updating;
} NumberField;

static gboolean
is_automatic (NumberField *field)
{
  return ! isnan (field->automatic) &&
         gtk_spin_button_get_value (GTK_SPIN_BUTTON (field->spin)) < field->min - field->step / 2.0;
}

static double
get_argument (NumberField *field)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_DOUBLE);
  g_object_get_property (field->config, field->pspec->name, &value);
  return g_value_get_double (&value);
}

#define FIELD_KEY "hd-number-field"

static void
show_argument (GtkWidget *spin)
{
  NumberField *field = g_object_get_data (G_OBJECT (spin), FIELD_KEY);
  double       value = get_argument (field);

  field->updating = TRUE;
  if (! isnan (field->automatic) && value == field->automatic)
    value = field->min - field->step;
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (field->spin), value);
  field->updating = FALSE;
}

static void
take_widget (NumberField *field)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (field->updating)
    return;

  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, is_automatic (field) ? field->automatic
                                                   : gtk_spin_button_get_value (GTK_SPIN_BUTTON (field->spin)));
  g_object_set_property (field->config, field->pspec->name, &value);
}

static gboolean
show_word (GtkSpinButton *spin,
           NumberField   *field)
{
  if (! is_automatic (field))
    return FALSE;

  gtk_entry_set_text (GTK_ENTRY (spin), _("Automatic"));
  return TRUE;
}

static int
read_word (GtkSpinButton *spin,
           double        *value,
           NumberField   *field)
{
  if (isnan (field->automatic) || ! g_str_equal (gtk_entry_get_text (GTK_ENTRY (spin)), _("Automatic")))
    return FALSE;

  *value = field->min - field->step;
  return TRUE;
}

GtkWidget *
hd_number_field_new (GObject      *config,
                     const char   *property,
                     double        min,
                     double        max,
                     double        step,
                     double        automatic,
                     GtkSizeGroup *labels)
{
  NumberField   *field = g_new0 (NumberField, 1);
  double         lowest = isnan (automatic) ? min : min - step;
  GtkAdjustment *adjustment = gtk_adjustment_new (lowest, lowest, max, step, 5.0 * step, 0.0);
  g_autofree char *signal = g_strconcat ("notify::", property, NULL);
  GtkWidget     *label;

  field->config = config;
  field->pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (config), property);
  field->min = min;
  field->step = step;
  field->automatic = automatic;
  field->spin = gtk_spin_button_new (adjustment, 0.0, step < 1.0 ? 2 : 0);
  gtk_entry_set_width_chars (GTK_ENTRY (field->spin),
                             isnan (automatic) ? 9 : MAX (9, (int) g_utf8_strlen (_("Automatic"), -1)));
  g_object_set_data_full (G_OBJECT (field->spin), FIELD_KEY, field, g_free);

  g_signal_connect (field->spin, "output", G_CALLBACK (show_word), field);
  g_signal_connect (field->spin, "input", G_CALLBACK (read_word), field);
  show_argument (field->spin);
  g_signal_connect_swapped (field->spin, "value-changed", G_CALLBACK (take_widget), field);
  g_signal_connect_object (config, signal, G_CALLBACK (show_argument), field->spin, G_CONNECT_SWAPPED);

  label = hd_field_label_new (config, property, field->spin);
  return hd_field_row_new (label, field->spin, labels);
}
