/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/device.h"
#include "ui/device-field.h"
#include "ui/fields.h"

/* The thread sets what it has found and when it is to be shown; until it is joined, the rest of the program does not look. */
typedef struct
{
  GThread   *thread;      /* NULL: joined */
  GPtrArray *gpus;
  GError    *error;       /* why there are none */
  guint      show_id;
  GtkWidget *field;
} Finding;

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
join (Finding *finding)
{
  if (finding->thread)
    g_thread_join (g_steal_pointer (&finding->thread));
}

static gboolean
show_found (gpointer data)
{
  Finding *finding = data;

  join (finding);
  finding->show_id = 0;
  if (finding->gpus)
    show_gpus (finding->field, finding->gpus);
  else
    {
      hd_choice_field_set_label (finding->field, "cuda", _("Graphics card (none found)"));
      gtk_widget_set_tooltip_text (finding->field, finding->error->message);
    }

  return G_SOURCE_REMOVE;
}

static gpointer
find_gpus (gpointer data)
{
  Finding *finding = data;

  finding->gpus = hd_device_list_gpus (&finding->error);
  finding->show_id = g_idle_add (show_found, finding);

  return NULL;
}

/* The driver is not left alone while it starts: the program may be about to end. */
static void
finding_free (gpointer data)
{
  Finding *finding = data;

  join (finding);
  g_clear_handle_id (&finding->show_id, g_source_remove);
  g_clear_pointer (&finding->gpus, g_ptr_array_unref);
  g_clear_error (&finding->error);
  g_free (finding);
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
  GtkWidget *field = hd_choice_field_new (config, "device", hd_device_names (), TRUE, labels);
  Finding   *finding = g_new0 (Finding, 1);

  add_chosen (field, config);
  finding->field = field;
  g_object_set_data_full (G_OBJECT (field), "hd-device-field", finding, finding_free);
  finding->thread = g_thread_new ("hd-gpus", find_gpus, finding);

  return field;
}
