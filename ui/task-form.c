/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "plugin/arguments.h"
#include "ui/advanced-section.h"
#include "ui/auto-slider.h"
#include "ui/control-section.h"
#include "ui/fields.h"
#include "ui/folders-dialog.h"
#include "ui/lora-section.h"
#include "ui/model-info.h"
#include "ui/name-field.h"
#include "ui/prompt-box.h"
#include "ui/sampling-box.h"
#include "ui/seed-field.h"
#include "ui/size-field.h"
#include "ui/style-row.h"
#include "ui/task-form.h"

#define MAX_SHOWN_COUNT 100

/* Shown until the task's own is known. */
#define USUAL_STRENGTH 0.75

struct _HdTaskForm
{
  GtkBox     parent_instance;

  HdTask     task;
  HdCatalog *catalog;
  GtkWidget *prompt;
  GtkWidget *styles;
  GtkWidget *source;       /* label; NULL where pictures are made from nothing */
  GtkWidget *size;         /* NULL where the source has it */
  GtkWidget *strength;     /* NULL likewise */
  GtkWidget *seed;
  GtkWidget *sampling;
  GtkWidget *model;
  GtkWidget *model_info;
  GtkWidget *loras;
  GtkWidget *control;
};

G_DEFINE_FINAL_TYPE (HdTaskForm, hd_task_form, GTK_TYPE_BOX)

static guint folders_changed_signal;

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
add_description (HdTaskForm *form,
                 GObject    *config)
{
  GtkWidget *content = add_frame (GTK_BOX (form), _("Description"), TRUE);

  form->prompt = hd_prompt_box_new (config);
  form->styles = hd_style_row_new (config, hd_catalog_get_styles (form->catalog));
  add_field (content, form->prompt, TRUE);
  add_field (content, form->styles, FALSE);
}

/* --- what it is made from, and how large ------------------------------------------ */

static void
add_source (HdTaskForm   *form,
            GtkWidget    *content,
            GObject      *config,
            GtkSizeGroup *labels)
{
  form->source = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (form->source), 0.0);
  gtk_label_set_ellipsize (GTK_LABEL (form->source), PANGO_ELLIPSIZE_MIDDLE);
  add_field (content, form->source, FALSE);

  if (form->task == HD_TASK_UPSCALE)
    add_field (content, hd_number_field_new (config, "factor", HD_MIN_FACTOR, HD_MAX_FACTOR, 0.5, NAN, labels), FALSE);

  form->strength = hd_auto_slider_new (config, "strength", HD_REQUEST_AUTO, 0.0, 1.0, 1.0, 2);
  hd_auto_slider_set_suited (HD_AUTO_SLIDER (form->strength), USUAL_STRENGTH);
  add_field (content, form->strength, FALSE);
}

static void
add_layer (HdTaskForm *form,
           GtkBox     *box,
           GObject    *config)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *content = add_frame (box, _("Layer"), TRUE);

  if (form->task == HD_TASK_GENERATE)
    {
      form->size = hd_size_field_new (config, labels);
      add_field (content, form->size, FALSE);
    }
  else
    add_source (form, content, config, labels);

  form->seed = hd_seed_field_new (config, labels);
  add_field (content, hd_number_field_new (config, "count", 1.0, MAX_SHOWN_COUNT, 1.0, NAN, labels), FALSE);
  add_field (content, form->seed, FALSE);
}

static void
add_columns (HdTaskForm *form,
             GObject    *config)
{
  GtkWidget *columns = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);

  gtk_box_set_homogeneous (GTK_BOX (columns), TRUE);
  gtk_box_pack_start (GTK_BOX (form), columns, FALSE, TRUE, 0);
  gtk_widget_show (columns);
  add_layer (form, GTK_BOX (columns), config);

  form->sampling = hd_sampling_box_new (config);
  add_field (add_frame (GTK_BOX (columns), _("Sampling"), TRUE), form->sampling, FALSE);
}

/* --- model ---------------------------------------------------------------------- */

static void
take_folders (const char * const *folders,
              gpointer            user_data)
{
  HdTaskForm        *form = user_data;
  g_autoptr (GError) error = NULL;

  if (! hd_catalog_set_folders (form->catalog, folders, &error))
    gimp_message (error->message);
  g_signal_emit (form, folders_changed_signal, 0);
}

static void
change_folders (HdTaskForm *form)
{
  hd_folders_dialog_show (GTK_WINDOW (gtk_widget_get_toplevel (GTK_WIDGET (form))),
                          hd_catalog_get_folders (form->catalog), take_folders, form);
}

static void
add_model (HdTaskForm *form,
           GObject    *config)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget               *content = add_frame (GTK_BOX (form), _("Model"), FALSE);
  GtkWidget               *folders = gtk_button_new_with_mnemonic (_("Folders…"));

  form->model = hd_name_field_new (config, "model", HD_LIBRARY_MODEL, _("Installed models"), _("_Browse…"), labels);
  gimp_help_set_help_data (folders, _("Folders in which models are looked for, too"), NULL);
  g_signal_connect_swapped (folders, "clicked", G_CALLBACK (change_folders), form);
  gtk_box_pack_start (GTK_BOX (form->model), folders, FALSE, FALSE, 0);
  gtk_widget_show (folders);

  add_field (content, form->model, FALSE);

  form->model_info = hd_model_info_new (config, form->task, form->catalog);
  add_field (content, form->model_info, FALSE);
}

static void
add_sections (HdTaskForm *form,
              GObject    *config)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  form->loras = hd_lora_box_new (config);
  form->control = hd_control_box_new (config);
  add_field (box, hd_lora_section_new (form->loras, config), FALSE);
  add_field (box, hd_control_section_new (form->control, config), FALSE);
  add_field (box, hd_advanced_section_new (config), FALSE);
  add_field (GTK_WIDGET (form), box, FALSE);
}

/* --- the form ------------------------------------------------------------------- */

static void
hd_task_form_class_init (HdTaskFormClass *klass)
{
  folders_changed_signal = g_signal_new ("folders-changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hd_task_form_init (HdTaskForm *form)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (form), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing (GTK_BOX (form), 12);
}

GtkWidget *
hd_task_form_new (GObject   *config,
                  HdTask     task,
                  HdCatalog *catalog)
{
  HdTaskForm *form = g_object_new (HD_TYPE_TASK_FORM, NULL);

  form->task = task;
  form->catalog = catalog;
  add_description (form, config);
  add_columns (form, config);
  add_model (form, config);
  add_sections (form, config);

  return GTK_WIDGET (form);
}

void
hd_task_form_show_catalog (HdTaskForm *form)
{
  const HdLibraryEntry *model = hd_catalog_get_default (form->catalog, form->task);
  g_autofree char      *text = NULL;

  /* TRANSLATORS: %s is the name of a model. */
  text = model ? g_strdup_printf (_("%s (default)"), model->name) : g_strdup (_("No model is installed"));
  hd_name_field_set_default (HD_NAME_FIELD (form->model), text);
  hd_name_field_set_catalog (HD_NAME_FIELD (form->model), form->catalog);
  hd_model_info_update (HD_MODEL_INFO (form->model_info));
  hd_lora_box_set_catalog (HD_LORA_BOX (form->loras), form->catalog);
  hd_control_box_set_catalog (HD_CONTROL_BOX (form->control), form->catalog);
}

static void
show_source (HdTaskForm *form,
             GimpLayer  *source)
{
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;

  if (! form->source)
    return;
  if (! source)
    {
      gtk_label_set_text (GTK_LABEL (form->source), "");
      return;
    }

  name = gimp_item_get_name (GIMP_ITEM (source));
  /* TRANSLATORS: name, width and height of a layer in pixels. */
  text = g_strdup_printf (_("%s (%d × %d)"), name,
                          gimp_drawable_get_width (GIMP_DRAWABLE (source)),
                          gimp_drawable_get_height (GIMP_DRAWABLE (source)));
  gtk_label_set_text (GTK_LABEL (form->source), text);
}

void
hd_task_form_set_image (HdTaskForm *form,
                        GimpImage  *image,
                        GimpLayer  *source)
{
  if (form->size)
    hd_size_field_set_image (HD_SIZE_FIELD (form->size), image);
  show_source (form, source);
  /* An upscaled picture is in another image than what it was made from. */
  hd_control_box_set_image (HD_CONTROL_BOX (form->control),
                            source ? gimp_item_get_image (GIMP_ITEM (source)) : image);
}

void
hd_task_form_set_suited (HdTaskForm      *form,
                         const HdRequest *settled,
                         int              native_size)
{
  hd_sampling_box_set_suited (HD_SAMPLING_BOX (form->sampling), settled);
  if (form->strength && hd_auto_slider_is_auto (HD_AUTO_SLIDER (form->strength)))
    hd_auto_slider_set_suited (HD_AUTO_SLIDER (form->strength), settled->strength);
  if (form->size)
    hd_size_field_set_suited (HD_SIZE_FIELD (form->size), settled->width, settled->height, native_size);
}

void
hd_task_form_set_seed (HdTaskForm *form,
                       gint64      seed)
{
  hd_seed_field_set_last (HD_SEED_FIELD (form->seed), seed);
}

void
hd_task_form_remember_prompt (HdTaskForm *form)
{
  hd_prompt_box_remember (HD_PROMPT_BOX (form->prompt));
}

void
hd_task_form_focus_prompt (HdTaskForm *form)
{
  hd_prompt_box_focus (HD_PROMPT_BOX (form->prompt));
}
