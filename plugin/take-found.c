/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>

#include "plugin/lora-list.h"
#include "plugin/take-found.h"

/* --- names ---------------------------------------------------------------------- */

static const HdLibraryEntry *
find_by_path (HdCatalog     *catalog,
              HdLibraryKind  kind,
              const char    *path)
{
  const GPtrArray *list = hd_catalog_list (catalog, kind);
  g_autofree char *canonical = g_canonicalize_filename (path, NULL);

  for (guint i = 0; i < list->len; i++)
    {
      const HdLibraryEntry *entry = list->pdata[i];

      if (g_str_equal (entry->path, canonical))
        return entry;
    }

  return NULL;
}

static gboolean
get_kind (const HdFound *found,
          HdLibraryKind *kind)
{
  switch (found->kind)
    {
    case HD_FOUND_MODEL:
      *kind = HD_LIBRARY_MODEL;
      return TRUE;
    case HD_FOUND_LORA:
      *kind = HD_LIBRARY_LORA;
      return TRUE;
    case HD_FOUND_CONTROL_NET:
      *kind = HD_LIBRARY_CONTROL_NET;
      return TRUE;
    case HD_FOUND_EMBEDDING:
    case HD_FOUND_COLLECTION:
    case HD_FOUND_PICTURE:
      break;
    }

  return FALSE;
}

/* The entry of what is installed, as far as that is known. Embeddings are not listed, as prompts name them. */
static const HdLibraryEntry *
find_installed (const HdFound *found,
                HdCatalog     *catalog)
{
  HdLibraryKind kind;

  if (! hd_catalog_is_loaded (catalog) || ! get_kind (found, &kind))
    return NULL;

  return find_by_path (catalog, kind, found->path);
}

static gboolean
add_folder (HdCatalog   *catalog,
            const char  *path,
            GError     **error)
{
  g_autofree char         *canonical = g_canonicalize_filename (path, NULL);
  const char * const      *folders = hd_catalog_get_folders (catalog);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv)           all = NULL;

  if (g_strv_contains (folders, canonical))
    return TRUE;

  g_strv_builder_addv (builder, (const char **) folders);
  g_strv_builder_add (builder, canonical);
  all = g_strv_builder_end (builder);
  return hd_catalog_set_folders (catalog, (const char * const *) all, error);
}

/* --- what is done with it --------------------------------------------------------- */

static void
add_lora (GObject    *config,
          const char *name)
{
  g_autofree char      *before = NULL;
  g_autofree char      *after = NULL;
  g_autoptr (GPtrArray) list = NULL;

  g_object_get (config, "loras", &before, NULL);
  list = hd_lora_list_parse (before);
  for (guint i = 0; i < list->len; i++)
    if (g_str_equal (((HdLoraItem *) list->pdata[i])->name, name))
      return;

  hd_lora_list_add (list, name, 1.0);
  after = hd_lora_list_format (list);
  g_object_set (config, "loras", after, NULL);
}

static char *
use (const HdFound *found,
     const char    *name,
     GObject       *config)
{
  g_autofree char *base = g_path_get_basename (found->path);
  char            *dot = strrchr (base, '.');

  switch (found->kind)
    {
    case HD_FOUND_MODEL:
      g_object_set (config, "model", name, NULL);
      /* TRANSLATORS: %s is a file or folder, as in the next messages. */
      return g_strdup_printf (_("The model '%s' is selected."), base);

    case HD_FOUND_LORA:
      add_lora (config, name);
      return g_strdup_printf (_("The LoRA '%s' is in the list of LoRAs."), base);

    case HD_FOUND_CONTROL_NET:
      g_object_set (config, "control-net", name, NULL);
      return g_strdup_printf (_("The ControlNet '%s' is selected. Choose the layer that it follows."), base);

    case HD_FOUND_EMBEDDING:
      if (dot)
        *dot = '\0';
      /* TRANSLATORS: the name of an embedding, twice. */
      return g_strdup_printf (_("The embedding '%s' can be used: write embedding:%s in a prompt."), base, base);

    case HD_FOUND_COLLECTION:
      return g_strdup_printf (_("What is in the folder '%s' can be chosen now."), found->path);

    case HD_FOUND_PICTURE:
      break;
    }

  g_return_val_if_reached (NULL);
}

gboolean
hd_take_found (const HdFound  *found,
               GObject        *config,
               HdCatalog      *catalog,
               char          **message,
               GError        **error)
{
  const HdLibraryEntry *entry = find_installed (found, catalog);

  if (! entry && ! add_folder (catalog, found->path, error))
    return FALSE;

  *message = use (found, entry ? entry->name : found->path, config);
  return TRUE;
}

/* --- once it is installed -------------------------------------------------------- */

static void
rename_lora (GObject    *config,
             const char *path,
             const char *name)
{
  g_autofree char      *before = NULL;
  g_autofree char      *after = NULL;
  g_autoptr (GPtrArray) list = NULL;

  g_object_get (config, "loras", &before, NULL);
  list = hd_lora_list_parse (before);
  for (guint i = 0; i < list->len; i++)
    {
      HdLoraItem *item = list->pdata[i];

      if (! g_str_equal (item->name, path))
        continue;
      g_free (item->name);
      item->name = g_strdup (name);
    }

  after = hd_lora_list_format (list);
  g_object_set (config, "loras", after, NULL);
}

static void
rename_string (GObject    *config,
               const char *property,
               const char *path,
               const char *name)
{
  g_autofree char *value = NULL;

  g_object_get (config, property, &value, NULL);
  if (g_strcmp0 (value, path) == 0)
    g_object_set (config, property, name, NULL);
}

void
hd_take_found_name (const HdFound *found,
                    GObject       *config,
                    HdCatalog     *catalog)
{
  const HdLibraryEntry *entry = found->error ? NULL : find_installed (found, catalog);

  if (! entry)
    return;

  if (entry->kind == HD_LIBRARY_LORA)
    rename_lora (config, found->path, entry->name);
  else
    rename_string (config, entry->kind == HD_LIBRARY_MODEL ? "model" : "control-net", found->path, entry->name);
}
