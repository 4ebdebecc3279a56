/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "engine/model_files.h"
#include "metadata/picture_settings.h"
#include "plugin/adapt-request.h"
#include "plugin/error.h"
#include "plugin/remember.h"
#include "plugin/take-settings.h"

/* Microseconds for comparing the fingerprints of models that have another name: each takes a read for every tensor. */
#define MAX_SEARCH (2 * G_USEC_PER_SEC)

/* What is being taken: notes are sentences of what is not. */
typedef struct
{
  HdRequest           *request;
  gboolean             complete;   /* all of a request, by us */
  const HdPlace       *place;
  HdCatalog           *catalog;
  GimpProcedureConfig *config;
  GString             *notes;
} Taking;

static void
add_note (Taking *taking,
          char   *note)
{
  g_string_append_printf (taking->notes, " %s", note);
  g_free (note);
}

/* --- what is installed ------------------------------------------------------------ */

/* A file names what is installed, and nothing else on this computer. */
static char *
find_installed (Taking        *taking,
                HdLibraryKind  kind,
                const char    *name)
{
  if (! name || ! *name || g_path_is_absolute (name) || *name == '~' || *name == '.')
    return NULL;

  return hd_catalog_find (taking->catalog, kind, name, NULL);
}

static gboolean
has_fingerprint (const char *path,
                 const char *hash)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (path, NULL);
  g_autofree char         *found = files ? hd_model_files_fingerprint (files, NULL) : NULL;

  return g_strcmp0 (found, hash) == 0;
}

/* The name of the model with that fingerprint. */
static const char *
find_by_fingerprint (HdCatalog  *catalog,
                     const char *hash)
{
  const GPtrArray *models = hd_catalog_list (catalog, HD_LIBRARY_MODEL);
  gint64           end = g_get_monotonic_time () + MAX_SEARCH;

  for (guint i = 0; i < models->len && g_get_monotonic_time () < end; i++)
    {
      const HdLibraryEntry *entry = models->pdata[i];

      if (has_fingerprint (entry->path, hash))
        return entry->name;
    }

  return NULL;
}

/* As the list of models has it. */
static void
set_name (Taking     *taking,
          const char *path)
{
  const GPtrArray *models = hd_catalog_list (taking->catalog, HD_LIBRARY_MODEL);

  for (guint i = 0; i < models->len; i++)
    {
      const HdLibraryEntry *entry = models->pdata[i];

      if (g_str_equal (entry->path, path))
        {
          hd_request_set (&taking->request->model_name, entry->name);
          return;
        }
    }
}

/* Leaves in the request the name of the model that is to be chosen; none: the one that is chosen already. */
static void
take_model (Taking *taking)
{
  HdRequest       *request = taking->request;
  const char      *hash = request->model_hash && *request->model_hash ? request->model_hash : NULL;
  g_autofree char *path = find_installed (taking, HD_LIBRARY_MODEL, request->model_name);
  const char      *same;

  if (path)
    set_name (taking, path);
  if (path && (! hash || has_fingerprint (path, hash)))
    return;

  same = hash ? find_by_fingerprint (taking->catalog, hash) : NULL;
  if (same)
    hd_request_set (&request->model_name, same);
  else if (path)
    /* TRANSLATORS: %s is the name of a model. */
    add_note (taking, g_strdup_printf (_("The model '%s' that is installed is another one than the picture was made with."),
                                       request->model_name));
  else
    {
      if (request->model_name && *request->model_name)
        /* TRANSLATORS: %s is the name of a model. */
        add_note (taking, g_strdup_printf (_("The model '%s' is not installed: the one that is chosen stays."),
                                           request->model_name));
      g_clear_pointer (&request->model_name, g_free);
    }
}

static void
take_loras (Taking *taking)
{
  GPtrArray *loras = taking->request->loras;

  for (guint i = 0; i < loras->len;)
    {
      const HdLoraUse *use = loras->pdata[i];
      g_autofree char *path = find_installed (taking, HD_LIBRARY_LORA, use->name);

      if (path)
        {
          i++;
          continue;
        }
      /* TRANSLATORS: %s is the name of a LoRA. */
      add_note (taking, g_strdup_printf (_("The LoRA '%s' is not installed."), use->name));
      g_ptr_array_remove_index (loras, i);
    }
}

static void
take_control_net (Taking *taking)
{
  HdControlUse    *control = &taking->request->control;
  g_autofree char *path = find_installed (taking, HD_LIBRARY_CONTROL_NET, control->name);

  if (path || ! control->name || ! *control->name)
    return;

  /* TRANSLATORS: %s is the name of a ControlNet. */
  add_note (taking, g_strdup_printf (_("The ControlNet '%s' is not installed."), control->name));
  g_clear_pointer (&control->name, g_free);
}

/* --- what stays ------------------------------------------------------------------- */

/* Arguments that say where and how it is computed, and what is done with the result, rather than what is made. */
static const char * const kept[] = {
  "device", "precision", "threads", "weights", "memory-budget", "metadata", "control-layer", "factor", NULL,
};

/* The values of those that the task has. */
static GHashTable *
save_arguments (GimpProcedureConfig *config,
                const char * const  *names)
{
  GHashTable *saved = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_free);

  for (; *names; names++)
    if (g_object_class_find_property (G_OBJECT_GET_CLASS (config), *names))
      {
        GValue *value = g_new0 (GValue, 1);

        g_object_get_property (G_OBJECT (config), *names, value);
        g_hash_table_insert (saved, (char *) *names, value);
      }

  return saved;
}

static void
restore_arguments (GimpProcedureConfig *config,
                   GHashTable          *saved)
{
  GHashTableIter iter;
  gpointer       name;
  gpointer       value;

  g_hash_table_iter_init (&iter, saved);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      g_object_set_property (G_OBJECT (config), name, value);
      g_value_unset (value);
    }
}

/* What was filled has the size at which the model worked; and the strength of a picture that was made from none says nothing
 * where there is one. */
static void
adapt_to_task (Taking *taking)
{
  HdRequest *request = taking->request;

  request->count = 1;
  if (! taking->complete || request->task == taking->place->task)
    return;

  if (request->task == HD_TASK_GENERATE)
    request->strength = HD_REQUEST_AUTO;
  if (request->task == HD_TASK_FILL)
    request->width = request->height = 0;
}

/* Cannot fail. The dialog hears of it when all is there. */
static void
fill_in (Taking *taking)
{
  static const char * const model[] = { "model", NULL };
  GObject                  *config = G_OBJECT (taking->config);
  g_autoptr (GHashTable)    others = save_arguments (taking->config, kept);
  g_autoptr (GHashTable)    chosen = save_arguments (taking->config, taking->request->model_name ? model + 1 : model);

  g_object_freeze_notify (config);
  hd_adapt_config (taking->request, taking->place, taking->config);
  restore_arguments (taking->config, others);
  restore_arguments (taking->config, chosen);
  g_object_thaw_notify (config);
}

/* --- both -------------------------------------------------------------------------- */

static char *
take (HdRequest           *request,
      gboolean             complete,
      const HdPlace       *place,
      HdCatalog           *catalog,
      GimpProcedureConfig *config,
      const char          *left_out,
      const char          *name)
{
  g_autoptr (GString) notes = g_string_new (NULL);
  g_autofree char    *done = NULL;
  Taking              taking = { request, complete, place, catalog, config, notes };

  take_model (&taking);
  take_loras (&taking);
  take_control_net (&taking);
  adapt_to_task (&taking);
  fill_in (&taking);

  if (left_out)
    /* TRANSLATORS: %s is a list of names and values. */
    add_note (&taking, g_strdup_printf (_("Not known here: %s."), left_out));

  /* TRANSLATORS: %s is the name of a file or of a layer. */
  done = g_strdup_printf (_("These are the settings of '%s'."), name);
  return g_strconcat (done, notes->str, NULL);
}

gboolean
hd_take_settings_from_file (const char           *path,
                            const HdPlace        *place,
                            HdCatalog            *catalog,
                            GimpProcedureConfig  *config,
                            char                **message,
                            GError              **error)
{
  g_autoptr (HdPictureSettings) settings = hd_picture_settings_read (path, error);
  g_autofree char              *left_out = NULL;
  g_autofree char              *name = g_filename_display_basename (path);

  if (! settings)
    return FALSE;

  left_out = hd_picture_settings_describe_left_out (settings);
  *message = take (settings->request, settings->complete, place, catalog, config, left_out, name);
  return TRUE;
}

gboolean
hd_take_settings_from_layer (const HdPlace        *place,
                             HdCatalog            *catalog,
                             GimpProcedureConfig  *config,
                             char                **message,
                             GError              **error)
{
  HdOrigin              origin = { 0 };
  g_autoptr (HdRequest) request = NULL;
  g_autofree char      *name = NULL;
  GimpImage            *image = place->image && gimp_image_is_valid (place->image) ? place->image : NULL;
  GimpLayer            *layer = hd_source_find (image, NULL, error);

  if (layer)
    request = hd_recall (layer, &origin, error);
  hd_origin_clear (&origin);
  if (! request)
    return FALSE;

  name = gimp_item_get_name (GIMP_ITEM (layer));
  *message = take (request, TRUE, place, catalog, config, NULL, name);
  return TRUE;
}
