/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/auto-slider.h"
#include "ui/fields.h"
#include "ui/labels.h"
#include "ui/sampling-box.h"

#define MAX_SHOWN_STEPS    100
#define MAX_SHOWN_GUIDANCE 20.0

/* Shown until the model is known. */
#define USUAL_STEPS    25
#define USUAL_GUIDANCE 7.5

struct _HdSamplingBox
{
  GtkBox     parent_instance;

  GObject   *config;
  GtkWidget *suited;       /* check button */
  GtkWidget *sampler;
  GtkWidget *steps;
  GtkWidget *guidance;
  char      *suited_sampler;
  gboolean   updating;
};

G_DEFINE_FINAL_TYPE (HdSamplingBox, hd_sampling_box, GTK_TYPE_BOX)

static gboolean
is_sampler_auto (HdSamplingBox *box)
{
  g_autofree char *sampler = NULL;

  g_object_get (box->config, "sampler", &sampler, NULL);
  return g_strcmp0 (sampler, "auto") == 0;
}

static void
show_arguments (HdSamplingBox *box)
{
  gboolean is_auto = is_sampler_auto (box)
                     && hd_auto_slider_is_auto (HD_AUTO_SLIDER (box->steps))
                     && hd_auto_slider_is_auto (HD_AUTO_SLIDER (box->guidance));

  box->updating = TRUE;
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (box->suited), is_auto);
  box->updating = FALSE;
}

static void
take_button (HdSamplingBox *box)
{
  gboolean is_auto = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (box->suited));

  if (box->updating)
    return;

  g_object_freeze_notify (box->config);
  hd_auto_slider_set_auto (HD_AUTO_SLIDER (box->steps), is_auto);
  hd_auto_slider_set_auto (HD_AUTO_SLIDER (box->guidance), is_auto);
  if (is_auto || is_sampler_auto (box))
    g_object_set (box->config, "sampler", is_auto || ! box->suited_sampler ? "auto" : box->suited_sampler, NULL);
  g_object_thaw_notify (box->config);
}

void
hd_sampling_box_set_suited (HdSamplingBox   *box,
                            const HdRequest *settled)
{
  /* Where the user has chosen, the request says that, and what would suit is not of interest. */
  if (hd_auto_slider_is_auto (HD_AUTO_SLIDER (box->steps)))
    hd_auto_slider_set_suited (HD_AUTO_SLIDER (box->steps), settled->steps);
  if (hd_auto_slider_is_auto (HD_AUTO_SLIDER (box->guidance)))
    hd_auto_slider_set_suited (HD_AUTO_SLIDER (box->guidance), settled->guidance_scale);

  if (is_sampler_auto (box))
    {
      g_autofree char *label = hd_describe_choice (settled->sampler);

      g_free (box->suited_sampler);
      box->suited_sampler = g_strdup (settled->sampler);
      hd_choice_field_set_label (box->sampler, "auto", label);
    }
}

static void
hd_sampling_box_dispose (GObject *object)
{
  HdSamplingBox *box = HD_SAMPLING_BOX (object);

  g_clear_object (&box->config);
  g_clear_pointer (&box->suited_sampler, g_free);
  G_OBJECT_CLASS (hd_sampling_box_parent_class)->dispose (object);
}

static void
hd_sampling_box_class_init (HdSamplingBoxClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_sampling_box_dispose;
}

static void
hd_sampling_box_init (HdSamplingBox *box)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (box), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (box), 6);
}

static void
add (HdSamplingBox *box,
     GtkWidget     *field)
{
  gtk_box_pack_start (GTK_BOX (box), field, FALSE, TRUE, 0);
  gtk_widget_show (field);
}

GtkWidget *
hd_sampling_box_new (GObject *config)
{
  static const char * const signals[] = { "notify::sampler", "notify::steps", "notify::guidance-scale" };
  g_autoptr (GtkSizeGroup)  labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  HdSamplingBox            *box = g_object_new (HD_TYPE_SAMPLING_BOX, NULL);

  box->config = g_object_ref (config);

  box->suited = gtk_check_button_new_with_mnemonic (_("As suits the model"));
  gimp_help_set_help_data (box->suited, _("Leave sampler, steps and guidance to the model. What it takes is shown "
                                          "here, and can be changed."), NULL);
  box->sampler = hd_choice_field_new (config, "sampler", hd_sampler_names (), TRUE, labels);
  box->steps = hd_auto_slider_new (config, "steps", 0, 1, HD_REQUEST_MAX_STEPS, MAX_SHOWN_STEPS, 0);
  hd_auto_slider_set_suited (HD_AUTO_SLIDER (box->steps), USUAL_STEPS);
  box->guidance = hd_auto_slider_new (config, "guidance-scale", HD_REQUEST_AUTO, 1.0, HD_REQUEST_MAX_GUIDANCE,
                                      MAX_SHOWN_GUIDANCE, 1);
  hd_auto_slider_set_suited (HD_AUTO_SLIDER (box->guidance), USUAL_GUIDANCE);

  add (box, box->suited);
  add (box, box->sampler);
  add (box, box->steps);
  add (box, box->guidance);
  add (box, hd_choice_field_new (config, "hidiffusion", hd_hidiffusion_names (), TRUE, labels));

  show_arguments (box);
  g_signal_connect_swapped (box->suited, "toggled", G_CALLBACK (take_button), box);
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    g_signal_connect_object (config, signals[i], G_CALLBACK (show_arguments), box, G_CONNECT_SWAPPED);

  return GTK_WIDGET (box);
}
