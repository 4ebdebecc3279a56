/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/device.h"
#include "ui/device-field.h"
#include "ui/fields.h"

typedef struct
{
  GtkWidget *field;       /* NULL: it is gone */
} Finding;

static void
finding_free (gpointer data)
{
  Finding *finding = data;

  g_clear_weak_pointer (&finding->field);
  g_free (finding);
}

static void
find_gpus (GTask        *task,
           gpointer      source_object,
           gpointer      task_data,
           GCancellable *cancellable)
{
  GError    *error = NULL;
  GPtrArray *gpus = hd_device_list_gpus (&error);

  if (gpus)
    g_task_return_pointer (task, gpus, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static void
show_gpus (GtkWidget       *field,
           const GPtrArray *gpus)
{
  for (guint i = 0; i < gpus->len; i++)
    {
      const HdGpu     *gpu = gpus->pdata[i];
      g_autofree char *available = g_format_size_full (gpu->available_bytes, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char *total = g_format_size_full (gpu->total_bytes, G_FORMAT_SIZE_IEC_UNITS);
      /* TRANSLATORS: name of a graphics card, how much memory of it is free, and how much it has. */
      g_autofree char *label = g_strdup_printf (_("%s, %s of %s free"), gpu->name, available, total);

      hd_choice_field_add (field, gpu->device, label);
    }
}

static void
take_gpus (GObject      *source_object,
           GAsyncResult *result,
           gpointer      user_data)
{
  Finding               *finding = user_data;
  g_autoptr (GError)     error = NULL;
  g_autoptr (GPtrArray)  gpus = g_task_propagate_pointer (G_TASK (result), &error);

  if (finding->field && gpus)
    show_gpus (finding->field, gpus);
  else if (finding->field)
    {
      hd_choice_field_set_label (finding->field, "cuda", _("Graphics card (none found)"));
      gtk_widget_set_tooltip_text (finding->field, error->message);
    }

  finding_free (finding);
}

/* A card that was chosen once may be gone, or not found yet. */
static void
add_chosen (GtkWidget *field,
            GObject   *config)
{
  g_autofree char *device = NULL;

  g_object_get (config, "device", &device, NULL);
  if (device && g_str_has_prefix (device, "cuda:"))
    {
      hd_choice_field_add (field, device, device);
      /* The list shows what it did not have before. */
      g_object_notify (config, "device");
    }
}

GtkWidget *
hd_device_field_new (GObject      *config,
                     GtkSizeGroup *labels)
{
  GtkWidget         *field = hd_choice_field_new (config, "device", hd_device_names (), TRUE, labels);
  Finding           *finding = g_new0 (Finding, 1);
  g_autoptr (GTask)  task = g_task_new (NULL, NULL, take_gpus, finding);

  add_chosen (field, config);
  g_set_weak_pointer (&finding->field, field);
  g_task_set_source_tag (task, hd_device_field_new);
  g_task_run_in_thread (task, find_gpus);

  return field;
}
