/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/request.h"
#include "ui/fields.h"
#include "ui/generate-form.h"
#include "ui/model-field.h"
#include "ui/seed-field.h"
#include "ui/size-field.h"

struct _HdGenerateForm
{
  GtkBox     parent_instance;

  GtkWidget *prompt;
  GtkWidget *size;
  GtkWidget *seed;
};

G_DEFINE_FINAL_TYPE (HdGenerateForm, hd_generate_form, GTK_TYPE_BOX)

/* A value that is not in the table is shown as it is: later engines know more. */
static const char *
describe (const char *name)
{
  static const struct
  {
    const char *name;
    const char *label;
  } labels[] = {
    { "auto",    N_("Automatic") },
    { "on",      N_("On") },
    { "off",     N_("Off") },
    { "cpu",     N_("Processor (CPU)") },
    { "cuda",    N_("Graphics card (NVIDIA)") },
    { "ddim",    N_("DDIM") },
    { "euler_a", N_("Euler ancestral") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (labels); i++)
    if (g_str_equal (labels[i].name, name))
      return _(labels[i].label);

  return name;
}

/* "auto" and what there is besides. */
static char **
list_devices (void)
{
  const char * const      *names = hd_device_names ();
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (! g_strv_contains (names, "auto"))
    g_strv_builder_add (builder, "auto");
  for (int i = 0; names[i]; i++)
    g_strv_builder_add (builder, names[i]);

  return g_strv_builder_end (builder);
}

static GtkWidget *
add_frame (GtkBox     *box,
           const char *title,
           gboolean    expand)
{
  GtkWidget *frame = gimp_frame_new (title);
  GtkWidget *content = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  gtk_container_add (GTK_CONTAINER (frame), content);
  gtk_box_pack_start (box, frame, expand, TRUE, 0);
  gtk_widget_show_all (frame);

  return content;
}

static void
add_field (GtkWidget *content,
           GtkWidget *field,
           gboolean   expand)
{
  gtk_box_pack_start (GTK_BOX (content), field, expand, TRUE, 0);
  gtk_widget_show (field);
}

static void
add_description (HdGenerateForm *form,
                 GObject        *config)
{
  GtkWidget *content = add_frame (GTK_BOX (form), _("Description"), TRUE);
  GtkWidget *negative;

  add_field (content, hd_text_field_new (config, "prompt", 3, &form->prompt), TRUE);
  add_field (content, hd_text_field_new (config, "negative-prompt", 2, &negative), TRUE);
}

static void
add_layer (HdGenerateForm *form,
           GtkBox         *box,
           GObject        *config)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *content = add_frame (box, _("Layer"), TRUE);

  form->size = hd_size_field_new (config, labels);
  form->seed = hd_seed_field_new (config, labels);
  add_field (content, form->size, FALSE);
  add_field (content, form->seed, FALSE);
}

static void
add_sampling (GtkBox              *box,
              GimpProcedureDialog *dialog,
              GObject             *config)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *content = add_frame (box, _("Sampling"), TRUE);

  add_field (content, hd_choice_field_new (config, "sampler", hd_sampler_names (), describe, labels), FALSE);
  add_field (content, hd_slider_field_new (dialog, "steps", 1, 100), FALSE);
  add_field (content, hd_slider_field_new (dialog, "guidance-scale", 1.0, 20.0), FALSE);
  add_field (content, hd_choice_field_new (config, "hidiffusion", hd_hidiffusion_names (), describe, labels), FALSE);
}

static void
add_model (HdGenerateForm     *form,
           GObject            *config,
           const char * const *models)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  g_auto (GStrv)           devices = list_devices ();
  GtkWidget               *content = add_frame (GTK_BOX (form), _("Model"), FALSE);

  add_field (content, hd_model_field_new (config, models, labels), FALSE);
  add_field (content, hd_choice_field_new (config, "device", (const char * const *) devices, describe, labels), FALSE);
}

static void
hd_generate_form_class_init (HdGenerateFormClass *klass)
{
}

static void
hd_generate_form_init (HdGenerateForm *form)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (form), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (form), 12);
}

GtkWidget *
hd_generate_form_new (GimpProcedureDialog *dialog,
                      GObject             *config,
                      const char * const  *models)
{
  HdGenerateForm *form = g_object_new (HD_TYPE_GENERATE_FORM, NULL);
  GtkWidget      *columns = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);

  add_description (form, config);

  gtk_box_set_homogeneous (GTK_BOX (columns), TRUE);
  gtk_box_pack_start (GTK_BOX (form), columns, FALSE, TRUE, 0);
  gtk_widget_show (columns);
  add_layer (form, GTK_BOX (columns), config);
  add_sampling (GTK_BOX (columns), dialog, config);

  add_model (form, config, models);

  return GTK_WIDGET (form);
}

void
hd_generate_form_set_image (HdGenerateForm *form,
                            GimpImage      *image)
{
  hd_size_field_set_image (HD_SIZE_FIELD (form->size), image);
}

void
hd_generate_form_set_seed (HdGenerateForm *form,
                           gint64          seed)
{
  hd_seed_field_set_last (HD_SEED_FIELD (form->seed), seed);
}

void
hd_generate_form_focus_prompt (HdGenerateForm *form)
{
  gtk_widget_grab_focus (form->prompt);
}
