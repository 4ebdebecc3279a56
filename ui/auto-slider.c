/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "ui/auto-slider.h"
#include "ui/fields.h"

struct _HdAutoSlider
{
  GtkBox         parent_instance;

  GObject       *config;
  const char    *property;
  GtkAdjustment *adjustment;
  double         automatic;
  double         suited;
  double         scale;       /* 10 to the power of the digits behind the point */
  gboolean       updating;    /* the slider moves because the argument or what suits did */
};

G_DEFINE_FINAL_TYPE (HdAutoSlider, hd_auto_slider, GTK_TYPE_BOX)

/* Whole or not: properties convert. */
static double
get_argument (HdAutoSlider *slider)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_DOUBLE);
  g_object_get_property (slider->config, slider->property, &value);
  return g_value_get_double (&value);
}

static void
set_argument (HdAutoSlider *slider,
              double        number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, number);
  g_object_set_property (slider->config, slider->property, &value);
}

gboolean
hd_auto_slider_is_auto (HdAutoSlider *slider)
{
  return get_argument (slider) == slider->automatic;
}

static void
show_argument (HdAutoSlider *slider)
{
  slider->updating = TRUE;
  gtk_adjustment_set_value (slider->adjustment,
                            hd_auto_slider_is_auto (slider) ? slider->suited : get_argument (slider));
  slider->updating = FALSE;
}

/* What is shown: a slider that is dragged stops anywhere between. */
static double
get_shown (HdAutoSlider *slider)
{
  return round (gtk_adjustment_get_value (slider->adjustment) * slider->scale) / slider->scale;
}

static void
take_slider (HdAutoSlider *slider)
{
  if (! slider->updating)
    set_argument (slider, get_shown (slider));
}

void
hd_auto_slider_set_suited (HdAutoSlider *slider,
                           double        suited)
{
  slider->suited = suited;
  show_argument (slider);
}

void
hd_auto_slider_set_auto (HdAutoSlider *slider,
                         gboolean      is_auto)
{
  if (is_auto != hd_auto_slider_is_auto (slider))
    set_argument (slider, is_auto ? slider->automatic : get_shown (slider));
}

static void
hd_auto_slider_dispose (GObject *object)
{
  HdAutoSlider *slider = HD_AUTO_SLIDER (object);

  g_clear_object (&slider->config);
  G_OBJECT_CLASS (hd_auto_slider_parent_class)->dispose (object);
}

static void
hd_auto_slider_class_init (HdAutoSliderClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_auto_slider_dispose;
}

static void
hd_auto_slider_init (HdAutoSlider *slider)
{
}

GtkWidget *
hd_auto_slider_new (GObject    *config,
                    const char *property,
                    double      automatic,
                    double      min,
                    double      max,
                    double      shown_max,
                    int         digits)
{
  HdAutoSlider    *slider = g_object_new (HD_TYPE_AUTO_SLIDER, NULL);
  GParamSpec      *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (config), property);
  g_autofree char *signal = g_strconcat ("notify::", property, NULL);
  GtkWidget       *scale;

  slider->config = g_object_ref (config);
  slider->property = pspec->name;
  slider->automatic = automatic;
  slider->suited = min;
  slider->scale = pow (10.0, digits);
  slider->adjustment = gtk_adjustment_new (min, min, max, 1.0 / slider->scale, 10.0 / slider->scale, 0.0);

  scale = gimp_spin_scale_new (slider->adjustment, g_param_spec_get_nick (pspec), digits);
  gimp_spin_scale_set_scale_limits (GIMP_SPIN_SCALE (scale), min, shown_max);
  gimp_help_set_help_data (scale, g_param_spec_get_blurb (pspec), NULL);
  hd_field_set_name (scale, g_param_spec_get_nick (pspec));
  gtk_box_pack_start (GTK_BOX (slider), scale, TRUE, TRUE, 0);
  gtk_widget_show_all (GTK_WIDGET (slider));

  show_argument (slider);
  g_signal_connect_swapped (slider->adjustment, "value-changed", G_CALLBACK (take_slider), slider);
  g_signal_connect_object (config, signal, G_CALLBACK (show_argument), slider, G_CONNECT_SWAPPED);

  return GTK_WIDGET (slider);
}
