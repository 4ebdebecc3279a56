/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>

#include "plugin/catalog.h"
#include "plugin/error.h"
#include "plugin/settings.h"

struct _HdCatalog
{
  char       **folders;
  GPtrArray   *lists[HD_LIBRARY_N_KINDS];   /* NULL: not listed yet */
  HdStyleSet  *styles;
};

/* The kinds that users choose from. Embeddings are named in prompts, where the engine looks for them. */
static const HdLibraryKind kinds[] = { HD_LIBRARY_MODEL, HD_LIBRARY_LORA, HD_LIBRARY_CONTROL_NET };

/* --- life ----------------------------------------------------------------------- */

HdCatalog *
hd_catalog_new (void)
{
  HdCatalog *catalog = g_new0 (HdCatalog, 1);

  catalog->folders = hd_settings_get_folders ();
  catalog->styles = hd_style_set_new ();
  return catalog;
}

static void
forget (HdCatalog *catalog)
{
  for (int i = 0; i < HD_LIBRARY_N_KINDS; i++)
    g_clear_pointer (&catalog->lists[i], g_ptr_array_unref);
}

void
hd_catalog_free (HdCatalog *catalog)
{
  forget (catalog);
  hd_style_set_free (catalog->styles);
  g_strfreev (catalog->folders);
  g_free (catalog);
}

HdStyleSet *
hd_catalog_get_styles (HdCatalog *catalog)
{
  return catalog->styles;
}

const char * const *
hd_catalog_get_folders (HdCatalog *catalog)
{
  return (const char * const *) catalog->folders;
}

gboolean
hd_catalog_set_folders (HdCatalog           *catalog,
                        const char * const  *folders,
                        GError             **error)
{
  if (! hd_settings_set_folders (folders, error))
    return FALSE;

  g_strfreev (catalog->folders);
  catalog->folders = g_strdupv ((char **) folders);
  forget (catalog);
  return TRUE;
}

/* --- listing -------------------------------------------------------------------- */

/* Procedures' arguments are UTF-8, so what is named in other bytes cannot be asked for. */
static GPtrArray *
list_kind (const char * const *folders,
           HdLibraryKind       kind,
           GCancellable       *cancellable)
{
  HdPlaces   places = { .folders = folders };
  GPtrArray *list = hd_library_list (&places, kind, cancellable);

  for (guint i = list->len; i > 0; i--)
    {
      const HdLibraryEntry *entry = list->pdata[i - 1];

      if (! g_utf8_validate (entry->name, -1, NULL) || ! g_utf8_validate (entry->path, -1, NULL))
        g_ptr_array_remove_index (list, i - 1);
    }

  return list;
}

const GPtrArray *
hd_catalog_list (HdCatalog     *catalog,
                 HdLibraryKind  kind)
{
  if (! catalog->lists[kind])
    catalog->lists[kind] = list_kind (hd_catalog_get_folders (catalog), kind, NULL);

  return catalog->lists[kind];
}

gboolean
hd_catalog_is_loaded (HdCatalog *catalog)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (! catalog->lists[kinds[i]])
      return FALSE;

  return TRUE;
}

/* --- listing by a thread --------------------------------------------------------- */

typedef struct
{
  HdCatalog  *catalog;      /* only for the main thread */
  char      **folders;
  GPtrArray  *lists[HD_LIBRARY_N_KINDS];
  GCallback   callback;
  gpointer    user_data;
} Loading;

static void
loading_free (gpointer data)
{
  Loading *loading = data;

  for (int i = 0; i < HD_LIBRARY_N_KINDS; i++)
    g_clear_pointer (&loading->lists[i], g_ptr_array_unref);
  g_strfreev (loading->folders);
  g_free (loading);
}

static void
load (GTask        *task,
      gpointer      source_object,
      gpointer      task_data,
      GCancellable *cancellable)
{
  Loading *loading = task_data;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    loading->lists[kinds[i]] = list_kind ((const char * const *) loading->folders, kinds[i], cancellable);
  g_task_return_boolean (task, TRUE);
}

static void
take_lists (GObject      *source_object,
            GAsyncResult *result,
            gpointer      user_data)
{
  Loading *loading = g_task_get_task_data (G_TASK (result));

  /* Cancelled: the catalog may be gone. */
  if (! g_task_propagate_boolean (G_TASK (result), NULL))
    return;

  forget (loading->catalog);
  for (int i = 0; i < HD_LIBRARY_N_KINDS; i++)
    loading->catalog->lists[i] = g_steal_pointer (&loading->lists[i]);
  ((void (*) (gpointer)) loading->callback) (loading->user_data);
}

void
hd_catalog_load_async (HdCatalog    *catalog,
                       GCancellable *cancellable,
                       GCallback     callback,
                       gpointer      user_data)
{
  g_autoptr (GTask)  task = g_task_new (NULL, cancellable, take_lists, NULL);
  Loading           *loading = g_new0 (Loading, 1);

  loading->catalog = catalog;
  loading->folders = g_strdupv (catalog->folders);
  loading->callback = callback;
  loading->user_data = user_data;
  g_task_set_source_tag (task, hd_catalog_load_async);
  g_task_set_task_data (task, loading, loading_free);
  g_task_run_in_thread (task, load);
}

/* --- by name -------------------------------------------------------------------- */

const HdLibraryEntry *
hd_catalog_get_default (HdCatalog *catalog,
                        HdTask     task)
{
  const GPtrArray *models = hd_catalog_list (catalog, HD_LIBRARY_MODEL);
  gboolean         fill = task == HD_TASK_FILL;

  for (guint i = 0; i < models->len; i++)
    {
      const HdLibraryEntry *entry = models->pdata[i];

      if (entry->inpainting == fill)
        return entry;
    }

  return models->len > 0 ? models->pdata[0] : NULL;
}

const HdLibraryEntry *
hd_catalog_find_entry (HdCatalog     *catalog,
                       HdLibraryKind  kind,
                       const char    *name)
{
  const GPtrArray      *list = hd_catalog_list (catalog, kind);
  const HdLibraryEntry *by_last_part = NULL;

  for (guint i = 0; i < list->len; i++)
    {
      const HdLibraryEntry *entry = list->pdata[i];
      const char           *slash = strrchr (entry->name, '/');

      if (g_str_equal (entry->name, name))
        return entry;
      if (! by_last_part && slash && g_str_equal (slash + 1, name))
        by_last_part = entry;
    }

  return by_last_part;
}

static void
set_unknown (GError        **error,
             HdLibraryKind   kind,
             const char     *name)
{
  switch (kind)
    {
    case HD_LIBRARY_LORA:
      /* TRANSLATORS: %s is what was given as the LoRA. */
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                   _("There is no LoRA '%s': expected the path of a LoRA's file, or the name of an installed LoRA."),
                   name);
      break;

    case HD_LIBRARY_CONTROL_NET:
      /* TRANSLATORS: %s is what was given as the ControlNet. */
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                   _("There is no ControlNet '%s': expected the path of a ControlNet's folder or file, or the name "
                     "of an installed ControlNet."),
                   name);
      break;

    default:
      /* TRANSLATORS: %s is what was given as the model. */
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                   _("There is no model '%s': expected the path of a model's folder or file, or the name of an "
                     "installed model."),
                   name);
      break;
    }
}

char *
hd_catalog_find (HdCatalog      *catalog,
                 HdLibraryKind   kind,
                 const char     *name,
                 GError        **error)
{
  const HdLibraryEntry *entry;

  if (g_path_is_absolute (name))
    return g_strdup (name);
  if (g_str_has_prefix (name, "~/"))
    return g_build_filename (g_get_home_dir (), name + 2, NULL);

  entry = hd_catalog_find_entry (catalog, kind, name);
  if (entry)
    return g_strdup (entry->path);

  /* Relative to where GIMP was started, which only scripts know. */
  if (strchr (name, G_DIR_SEPARATOR) && g_file_test (name, G_FILE_TEST_EXISTS))
    return g_canonicalize_filename (name, NULL);

  set_unknown (error, kind, name);
  return NULL;
}

char *
hd_catalog_find_model (HdCatalog   *catalog,
                       HdTask       task,
                       const char  *name,
                       GError     **error)
{
  const HdLibraryEntry *entry;
  g_autofree char      *folder = NULL;

  if (name && *name)
    return hd_catalog_find (catalog, HD_LIBRARY_MODEL, name, error);

  entry = hd_catalog_get_default (catalog, task);
  if (entry)
    return g_strdup (entry->path);

  folder = hd_places_get_user (&(HdPlaces) { NULL }, HD_LIBRARY_MODEL);
  /* TRANSLATORS: %s is a folder. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("No model is installed. Put a model's folder or file into '%s', or choose another folder."), folder);
  return NULL;
}
