/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model_library.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/config.h"
#include "engine/config_reader.h"
#include "engine/file.h"
#include "engine/model_files.h"
#include "engine/model_hints.h"
#include "engine/single_file.h"

#define MAX_DEPTH        5
#define MAX_ENTRIES      50000       /* names in all folders of a place */
#define MAX_HEADERS      2000        /* files opened in a place */
#define MAX_HEADER_BYTES (16 << 20)  /* ten times what large models have */
#define EXTENSION        ".safetensors"
#define CACHE_PREFIX     "models--"

typedef struct
{
  HdLibraryKind  kind;
  GCancellable  *cancellable;
  GPtrArray     *entries;
  GHashTable    *names;     /* those that are taken */
  GHashTable    *visited;   /* folders, by device and number */
  const char    *root;
  int            n_seen;
  int            n_opened;
} Search;

void
hd_library_entry_free (HdLibraryEntry *entry)
{
  if (entry == NULL)
    return;

  g_free (entry->name);
  g_free (entry->path);
  g_free (entry);
}

/* --- names --------------------------------------------------------------------- */

/* "ORG/NAME" and what comes below its snapshot; NULL outside of the Hugging Face cache. */
static char *
hub_name (const char *below)
{
  g_auto (GStrv)           components = g_strsplit (below, G_DIR_SEPARATOR_S, -1);
  g_autoptr (GStrvBuilder) parts = NULL;
  g_auto (GStrv)           names = NULL;
  g_auto (GStrv)           all = NULL;

  if (components[0] == NULL || !g_str_has_prefix (components[0], CACHE_PREFIX))
    return NULL;

  parts = g_strv_builder_new ();
  names = g_strsplit (components[0] + strlen (CACHE_PREFIX), "--", -1);
  g_strv_builder_addv (parts, (const char **) names);
  /* snapshots, and the revision */
  if (g_strv_length (components) > 3)
    g_strv_builder_addv (parts, (const char **) components + 3);
  all = g_strv_builder_end (parts);

  return g_strjoinv ("/", all);
}

static char *
make_name (const Search *search,
           const char   *path)
{
  const char      *below = path + strlen (search->root);
  g_autofree char *name = NULL;
  g_autofree char *hub = NULL;

  while (*below == G_DIR_SEPARATOR)
    below++;
  /* A folder of the user's own may be a model itself. */
  name = *below != '\0' ? g_strdup (below) : g_path_get_basename (path);
  if (g_str_has_suffix (name, EXTENSION))
    name[strlen (name) - strlen (EXTENSION)] = '\0';
  hub = hub_name (name);

  return g_filename_display_name (hub != NULL ? hub : name);
}

/* Takes @path into the list, unless its name is there. */
static HdLibraryEntry *
add_entry (Search     *search,
           const char *path)
{
  g_autofree char *name = make_name (search, path);
  HdLibraryEntry  *entry;

  if (g_hash_table_contains (search->names, name))
    return NULL;

  entry = g_new0 (HdLibraryEntry, 1);
  entry->kind = search->kind;
  entry->name = g_strdup (name);
  entry->path = g_strdup (path);
  g_ptr_array_add (search->entries, entry);
  g_hash_table_add (search->names, g_steal_pointer (&name));

  return entry;
}

static guint64
file_size (const char *path)
{
  GStatBuf status;

  return g_stat (path, &status) == 0 ? (guint64) status.st_size : 0;
}

static guint64
component_size (const HdModelComponent *component)
{
  guint64 size = 0;

  for (char **path = component->weights; *path != NULL; path++)
    size += file_size (*path);

  return size;
}

/* A family whose networks are SDXL's, as the name tells it. */
static HdFamily
family_by_name (HdFamily    family,
                const char *name)
{
  return family == HD_FAMILY_SDXL && hd_model_name_distillation (name) == HD_DISTILLATION_TURBO
         ? HD_FAMILY_SDXL_TURBO : family;
}

/* --- files --------------------------------------------------------------------- */

/* Whether a file's header is one that is worth parsing. */
static gboolean
header_is_modest (const char *path)
{
  guint64  size;
  guint64  length = 0;
  int      fd = hd_file_open (path, &size, NULL);
  gboolean ok;

  if (fd < 0)
    return FALSE;

  ok = hd_file_read_at (fd, path, 0, &length, sizeof length, NULL);
  close (fd);

  return ok && GUINT64_FROM_LE (length) <= MAX_HEADER_BYTES;
}

static gboolean
kind_matches (HdLibraryKind wanted,
              HdFileKind    kind)
{
  switch (kind)
    {
    case HD_FILE_CHECKPOINT:
      return wanted == HD_LIBRARY_MODEL;
    case HD_FILE_LORA:
      return wanted == HD_LIBRARY_LORA;
    case HD_FILE_CONTROL_NET:
      return wanted == HD_LIBRARY_CONTROL_NET;
    case HD_FILE_EMBEDDING:
      return wanted == HD_LIBRARY_EMBEDDING;
    case HD_FILE_UNET:
    case HD_FILE_VAE:
    case HD_FILE_TEXT_ENCODER:
    case HD_FILE_OTHER:
      return FALSE;
    }

  g_return_val_if_reached (FALSE);
}

/* A checkpoint whose UNet reads more than latents. */
static gboolean
is_for_inpainting (HdSafetensors      *file,
                   const HdSingleFile *contents)
{
  g_autofree char          *name = NULL;
  const HdSafetensorsEntry *entry;

  if (contents->kind != HD_FILE_CHECKPOINT)
    return FALSE;

  name = g_strconcat (contents->unet.prefix, "input_blocks.0.0.weight", NULL);
  entry = hd_safetensors_lookup (file, name);

  return entry != NULL && entry->n_dimensions == 4 && entry->shape[1] == 9;
}

static void
look_at_file (Search     *search,
              const char *path)
{
  g_autoptr (HdSafetensors) file = NULL;
  HdSingleFile              contents;
  HdLibraryEntry           *entry;

  if (search->n_opened++ >= MAX_HEADERS || !header_is_modest (path))
    return;

  file = hd_safetensors_open_unmapped (path, NULL);
  if (file == NULL)
    return;

  hd_single_file_recognise (file, &contents);
  entry = kind_matches (search->kind, contents.kind) ? add_entry (search, path) : NULL;
  if (entry == NULL)
    return;

  entry->family_known = contents.family_known;
  entry->family = family_by_name (contents.family, entry->name);
  entry->inpainting = is_for_inpainting (file, &contents);
  entry->size = file_size (path);
}

/* --- folders ------------------------------------------------------------------- */

/* Adds the model that a folder is; whether it is one, be it complete or not. */
static gboolean
look_at_model_folder (Search     *search,
                      const char *path)
{
  g_autofree char         *index = g_build_filename (path, "model_index.json", NULL);
  g_autoptr (HdModelFiles) files = NULL;
  HdUnetConfig             unet;
  HdLibraryEntry          *entry;

  if (!g_file_test (index, G_FILE_TEST_IS_REGULAR))
    return FALSE;
  if (search->kind != HD_LIBRARY_MODEL)
    return TRUE;

  files = hd_model_files_find (path, NULL);
  if (files == NULL || !hd_unet_config_read (files->unet.config, &unet, NULL))
    return TRUE;

  entry = add_entry (search, path);
  if (entry == NULL)
    return TRUE;

  entry->family_known = TRUE;
  entry->family = family_by_name (unet.text_time ? HD_FAMILY_SDXL
                                  : unet.use_linear_projection ? HD_FAMILY_SD2 : HD_FAMILY_SD1, entry->name);
  entry->inpainting = unet.in_channels == 2 * unet.out_channels + 1;
  entry->size = component_size (&files->unet) + component_size (&files->vae)
                + component_size (&files->text_encoder) + component_size (&files->text_encoder_2);

  return TRUE;
}

/* The width of a ControlNet's text tells its family. */
static void
set_control_net_family (HdLibraryEntry *entry,
                        HdConfigReader *reader)
{
  int width = hd_config_int (reader, "cross_attention_dim", 1280, 1, 65536);

  entry->family_known = TRUE;
  if (hd_config_has (reader, "addition_embed_type"))
    entry->family = HD_FAMILY_SDXL;
  else if (width == 768)
    entry->family = HD_FAMILY_SD1;
  else if (width == 1024)
    entry->family = HD_FAMILY_SD2;
  else
    entry->family_known = FALSE;
}

/* The same for a ControlNet's folder. */
static gboolean
look_at_control_net_folder (Search     *search,
                            const char *path)
{
  static const char * const names[] = {
    "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bf16.safetensors",
  };
  g_autofree char *config = g_build_filename (path, "config.json", NULL);
  g_autofree char *class_name = NULL;
  HdLibraryEntry  *entry = NULL;
  HdConfigReader   reader;
  gboolean         is_control_net;

  if (!g_file_test (config, G_FILE_TEST_IS_REGULAR) || !hd_config_reader_open (&reader, config, NULL))
    return FALSE;

  class_name = hd_config_string (&reader, "_class_name", "");
  is_control_net = strcmp (class_name, "ControlNetModel") == 0;
  for (guint i = 0; is_control_net && search->kind == HD_LIBRARY_CONTROL_NET && i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *weights = g_build_filename (path, names[i], NULL);

      if (entry != NULL || !g_file_test (weights, G_FILE_TEST_IS_REGULAR))
        continue;
      entry = add_entry (search, path);
      if (entry == NULL)
        break;
      entry->size = file_size (weights);
      set_control_net_family (entry, &reader);
    }
  hd_config_reader_close (&reader, NULL);

  return is_control_net;
}

/* --- searching ----------------------------------------------------------------- */

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* Whether a folder has not been searched before, by whatever path it was come to. */
static gboolean
visit (Search     *search,
       const char *path)
{
  GStatBuf status;

  if (g_stat (path, &status) != 0)
    return FALSE;

  return g_hash_table_add (search->visited, g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                                             (guint64) status.st_dev, (guint64) status.st_ino));
}

/* The names in a folder, sorted, so that what is found first does not depend on the file system. */
static GPtrArray *
list_names (Search     *search,
            const char *path)
{
  GPtrArray       *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && search->n_seen < MAX_ENTRIES && (name = g_dir_read_name (dir)) != NULL)
    {
      search->n_seen++;
      if (name[0] != '.')
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);

  return names;
}

/* Of a repository in the Hugging Face cache only the snapshot is of interest that is "main", and no blobs. */
static char *
resolve_repository (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  if (!g_str_has_prefix (name, CACHE_PREFIX))
    return g_strdup (path);

  return hd_model_files_find_snapshot (path, NULL);
}

static void
search_folder (Search     *search,
               const char *given,
               int         depth)
{
  g_autofree char      *path = resolve_repository (given);
  g_autoptr (GPtrArray) names = NULL;

  if (path == NULL || depth > MAX_DEPTH || g_cancellable_is_cancelled (search->cancellable) || !visit (search, path)
      || look_at_model_folder (search, path) || look_at_control_net_folder (search, path))
    return;

  names = list_names (search, path);
  for (guint i = 0; i < names->len && !g_cancellable_is_cancelled (search->cancellable); i++)
    {
      g_autofree char *child = g_build_filename (path, g_ptr_array_index (names, i), NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        search_folder (search, child, depth + 1);
      else if (g_str_has_suffix (child, EXTENSION))
        look_at_file (search, child);
    }
}

GPtrArray *
hd_library_list (const HdPlaces *places,
                 HdLibraryKind   kind,
                 GCancellable   *cancellable)
{
  g_auto (GStrv)         roots = hd_places_list (places, kind);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) visited = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Search                 search = { .kind = kind, .cancellable = cancellable, .names = names, .visited = visited };

  search.entries = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_library_entry_free);
  for (char **root = roots; *root != NULL; root++)
    {
      search.root = *root;
      search.n_seen = 0;
      search.n_opened = 0;
      if (g_file_test (*root, G_FILE_TEST_IS_DIR))
        search_folder (&search, *root, 0);
      else
        look_at_file (&search, *root);
    }
  if (g_cancellable_is_cancelled (cancellable))
    g_ptr_array_set_size (search.entries, 0);

  return search.entries;
}

/* --- by name ------------------------------------------------------------------- */

char *
hd_library_find (const HdPlaces  *places,
                 HdLibraryKind    kind,
                 const char      *name,
                 GError         **error)
{
  g_autoptr (GPtrArray) entries = hd_library_list (places, kind, NULL);
  const HdLibraryEntry *by_last_part = NULL;
  g_autofree char      *user = NULL;

  for (guint i = 0; i < entries->len; i++)
    {
      const HdLibraryEntry *entry = g_ptr_array_index (entries, i);
      const char           *slash = strrchr (entry->name, '/');

      if (strcmp (entry->name, name) == 0)
        return g_strdup (entry->path);
      if (by_last_part == NULL && slash != NULL && strcmp (slash + 1, name) == 0)
        by_last_part = entry;
    }
  if (by_last_part != NULL)
    return g_strdup (by_last_part->path);

  user = hd_places_get_user (places, kind);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               "Expected the name of one of the %u %s that are installed, or a path, found \"%s\"; put new ones into %s",
               entries->len, hd_library_kind_name (kind), name, user);
  return NULL;
}
