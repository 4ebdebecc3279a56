/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/config_reader.h"
#include "engine/file.h"
#include "engine/model_files.h"
#include "kernels/i18n.h"

#define CACHE_PREFIX       "models--"
#define MAX_REVISION_BYTES 256
#define MAX_INDEX_BYTES    (32 << 20)
#define FINGERPRINT_BYTES  4096

static gboolean
is_file (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

static gboolean
is_folder (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

/* FOLDER/NAME if it is there, else NULL. */
static char *
find_file (const char *folder,
           const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  return is_file (path) ? g_steal_pointer (&path) : NULL;
}

/* --- the folder and its name -------------------------------------------------- */

char *
hd_model_files_find_snapshot (const char  *folder,
                              GError     **error)
{
  g_autofree char *snapshots = g_build_filename (folder, "snapshots", NULL);
  g_autofree char *reference = g_build_filename (folder, "refs", "main", NULL);
  g_autofree char *revision = NULL;
  g_autoptr (GDir) dir = NULL;
  const char      *first;

  if (is_file (reference))
    {
      revision = hd_file_contents (reference, MAX_REVISION_BYTES, NULL, error);
      if (revision == NULL)
        return NULL;
      g_strstrip (revision);
      /* A revision is a hash: nothing that could lead elsewhere. */
      if (*revision != '\0' && strspn (revision, "0123456789abcdefABCDEF") == strlen (revision))
        {
          g_autofree char *snapshot = g_build_filename (snapshots, revision, NULL);

          if (is_folder (snapshot))
            return g_steal_pointer (&snapshot);
        }
    }

  dir = g_dir_open (snapshots, 0, NULL);
  first = dir != NULL ? g_dir_read_name (dir) : NULL;
  if (first != NULL && g_dir_read_name (dir) == NULL)
    {
      g_dir_rewind (dir);
      return g_build_filename (snapshots, g_dir_read_name (dir), NULL);
    }

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
               _("%s: expected a model of the Hugging Face cache with a revision \"main\" in \"snapshots\", found none; "
                 "choose one of the folders in \"snapshots\""), folder);
  return NULL;
}

/* "models--ORG--NAME" somewhere in the path stands for "ORG/NAME"; else the folder's own name. */
static char *
make_name (const char *folder)
{
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_auto (GStrv)   components = g_strsplit (absolute, G_DIR_SEPARATOR_S, -1);

  for (guint i = g_strv_length (components); i > 0; i--)
    if (g_str_has_prefix (components[i - 1], CACHE_PREFIX))
      {
        g_auto (GStrv) names = g_strsplit (components[i - 1] + strlen (CACHE_PREFIX), "--", -1);

        g_autofree char *name = g_strjoinv ("/", names);

        return g_filename_display_name (name);
      }

  return g_filename_display_basename (absolute);
}

static gboolean
check_exists (const char  *path,
              GError     **error)
{
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
               _("%s: expected a model's folder or its safetensors file, found nothing of that name"), path);
  return FALSE;
}

/* --- components --------------------------------------------------------------- */

static int
compare_strings (const void *a,
                 const void *b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

/* The shards that an index names: {"weight_map": {TENSOR: FILE}}; files beside the index. */
static char **
read_index (const char  *path,
            GError     **error)
{
  g_autoptr (JsonObject) object = hd_json_read_file (path, MAX_INDEX_BYTES, error);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char       *folder = g_path_get_dirname (path);
  g_autoptr (GStrvBuilder) shards = g_strv_builder_new ();
  g_auto (GStrv)         result = NULL;
  JsonNode              *map;
  JsonObjectIter         iter;
  JsonNode              *value;

  if (object == NULL)
    return NULL;

  map = json_object_get_member (object, "weight_map");
  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map) || json_object_get_size (json_node_get_object (map)) == 0)
    {
      g_autofree char *found = hd_json_describe (map);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected an object of tensors and files as \"weight_map\", found %s", path, found);
      return NULL;
    }

  json_object_iter_init (&iter, json_node_get_object (map));
  while (json_object_iter_next (&iter, NULL, &value))
    {
      gboolean    is_string = JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING;
      const char *name = is_string ? json_node_get_string (value) : "";

      /* A name, not a way out of the folder. */
      if (!g_str_has_suffix (name, ".safetensors") || strchr (name, '/') != NULL)
        {
          g_autofree char *found = hd_json_describe (value);

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: expected names of safetensors files in the same folder, found %s", path, found);
          return NULL;
        }
      if (g_hash_table_add (names, (char *) name))
        {
          g_autofree char *shard = g_build_filename (folder, name, NULL);

          g_strv_builder_add (shards, shard);
        }
    }

  result = g_strv_builder_end (shards);
  qsort (result, g_strv_length (result), sizeof *result, compare_strings);
  return g_steal_pointer (&result);
}

/* Why there is no safetensors file. */
static void
set_missing_error (const char  *folder,
                   const char  *stem,
                   GError     **error)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  gboolean         pickled = FALSE;
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    pickled |= g_str_has_suffix (name, ".bin") || g_str_has_suffix (name, ".ckpt") || g_str_has_suffix (name, ".pt");

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
               _("%s: expected the file %s.safetensors, found %s"), folder, stem,
               pickled ? _("only a PyTorch file (pickle), which can run code and is not read; "
                           "take the model's safetensors files, or convert it") : _("none"));
}

/* The shards that the index NAME lists, if it and all of them are there. FALSE with @error set only if the index is
 * damaged; *@missing is the first shard that is not there. */
static gboolean
find_shards (const char   *folder,
             const char   *name,
             char       ***weights,
             char        **missing,
             GError      **error)
{
  g_autofree char *path = find_file (folder, name);
  g_auto (GStrv)   shards = NULL;

  if (path == NULL)
    return TRUE;

  shards = read_index (path, error);
  if (shards == NULL)
    return FALSE;

  for (char **shard = shards; *shard != NULL; shard++)
    if (!is_file (*shard))
      {
        if (*missing == NULL)
          *missing = g_strdup (*shard);
        return TRUE;
      }
  *weights = g_steal_pointer (&shards);

  return TRUE;
}

/* The files of one variant: one file, or the shards of an index, which libraries have spelled in two ways. *@weights
 * stays NULL if there are none. */
static gboolean
find_variant (const char   *folder,
              const char   *stem,
              const char   *variant,
              char       ***weights,
              char        **missing,
              GError      **error)
{
  g_autofree char *name = g_strdup_printf ("%s%s.safetensors", stem, variant);
  g_autofree char *index = g_strdup_printf ("%s.safetensors.index%s.json", stem, variant);
  g_autofree char *other_index = g_strdup_printf ("%s%s.safetensors.index.json", stem, variant);
  g_autofree char *path = find_file (folder, name);

  if (path != NULL)
    {
      *weights = g_new0 (char *, 2);
      (*weights)[0] = g_steal_pointer (&path);
      return TRUE;
    }

  return find_shards (folder, index, weights, missing, error)
         && (*weights != NULL || find_shards (folder, other_index, weights, missing, error));
}

static gboolean
find_weights (const char   *folder,
              const char   *stem,
              char       ***weights,
              GError      **error)
{
  static const char * const variants[] = { "", ".fp16", ".bf16" };
  g_autofree char          *missing = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      if (!find_variant (folder, stem, variants[i], weights, &missing, error))
        return FALSE;
      if (*weights != NULL)
        return TRUE;
    }

  if (missing != NULL)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                 _("%s: expected this file, which the index beside it lists, found none; the model may have been "
                   "downloaded in part"), missing);
  else
    set_missing_error (folder, stem, error);
  return FALSE;
}

static void
component_init_empty (HdModelComponent *component,
                      const char       *name)
{
  component->name = name;
  component->weights = g_new0 (char *, 1);
}

static gboolean
find_component_files (HdModelComponent  *component,
                      const char        *folder,
                      const char        *stem,
                      GError           **error)
{
  component->config = find_file (folder, "config.json");
  if (component->config == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: expected the file config.json, found none"), folder);
      return FALSE;
    }

  return find_weights (folder, stem, &component->weights, error);
}

static gboolean
find_component (HdModelComponent  *component,
                const char        *name,
                const char        *stem,
                const char        *root,
                GError           **error)
{
  g_autofree char *folder = g_build_filename (root, name, NULL);

  component->name = name;
  if (!is_folder (folder))
    {
      g_autofree char *transformer = g_build_filename (root, "transformer", NULL);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   _("%s: expected a folder \"%s\" in it, as diffusers saves Stable Diffusion models, found %s"), root, name,
                   is_folder (transformer) ? _("a diffusion transformer, as of Stable Diffusion 3 or Flux") : _("none"));
      return FALSE;
    }

  return find_component_files (component, folder, stem, error);
}

HdModelComponent *
hd_model_component_find (const char  *path,
                         const char  *name,
                         const char  *stem,
                         GError     **error)
{
  g_autoptr (HdModelComponent) component = NULL;
  g_autofree char             *snapshots = g_build_filename (path, "snapshots", NULL);
  g_autofree char             *folder = NULL;

  if (!check_exists (path, error))
    return NULL;

  folder = is_folder (snapshots) ? hd_model_files_find_snapshot (path, error) : g_strdup (path);
  if (folder == NULL)
    return NULL;

  component = g_new0 (HdModelComponent, 1);
  component->name = name;

  return find_component_files (component, folder, stem, error) ? g_steal_pointer (&component) : NULL;
}

/* The folder of a tokenizer's files, *@tokenizer, or NULL: all models share CLIP's vocabulary, and folders saved by
 * transformers 5 have it in a form of their own. Half of the files is a mistake. */
static gboolean
find_tokenizer (const char  *root,
                const char  *name,
                char       **tokenizer,
                GError     **error)
{
  g_autofree char *folder = g_build_filename (root, name, NULL);
  g_autofree char *vocabulary = find_file (folder, "vocab.json");
  g_autofree char *merges = find_file (folder, "merges.txt");

  if (vocabulary == NULL && merges == NULL)
    return TRUE;

  if (vocabulary == NULL || merges == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected the file %s, found none",
                   folder, vocabulary == NULL ? "vocab.json" : "merges.txt");
      return FALSE;
    }

  *tokenizer = g_steal_pointer (&folder);
  return TRUE;
}

/* The pipeline's class, if the folder says it. */
static gboolean
read_class_name (HdModelFiles  *files,
                 GError       **error)
{
  g_autofree char *path = find_file (files->folder, "model_index.json");
  HdConfigReader   reader;

  if (path == NULL)
    return TRUE;
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  files->class_name = hd_config_string (&reader, "_class_name", NULL);
  return hd_config_reader_close (&reader, error);
}

static HdModelFiles *
find_in_folder (const char  *path,
                GError     **error)
{
  g_autoptr (HdModelFiles) files = g_new0 (HdModelFiles, 1);
  g_autofree char         *snapshots = g_build_filename (path, "snapshots", NULL);
  g_autofree char         *second = NULL;

  files->folder = is_folder (snapshots) ? hd_model_files_find_snapshot (path, error) : g_strdup (path);
  if (files->folder == NULL)
    return NULL;

  files->name = make_name (files->folder);
  if (!read_class_name (files, error)
      || !find_component (&files->unet, "unet", "diffusion_pytorch_model", files->folder, error)
      || !find_component (&files->vae, "vae", "diffusion_pytorch_model", files->folder, error)
      || !find_component (&files->text_encoder, "text_encoder", "model", files->folder, error)
      || !find_tokenizer (files->folder, "tokenizer", &files->tokenizer, error)
      || !find_tokenizer (files->folder, "tokenizer_2", &files->tokenizer_2, error))
    return NULL;

  second = g_build_filename (files->folder, "text_encoder_2", NULL);
  if (!is_folder (second))
    component_init_empty (&files->text_encoder_2, "text_encoder_2");
  else if (!find_component (&files->text_encoder_2, "text_encoder_2", "model", files->folder, error))
    return NULL;

  files->scheduler = find_file (files->folder, "scheduler/scheduler_config.json");
  files->hidiffusion = find_file (files->folder, "hidiffusion.json");

  return g_steal_pointer (&files);
}

static HdModelFiles *
find_single_file (const char *path)
{
  HdModelFiles    *files = g_new0 (HdModelFiles, 1);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *stem = g_path_get_basename (path);
  g_autofree char *training = NULL;
  g_autofree char *hidiffusion = NULL;

  if (g_str_has_suffix (stem, ".safetensors"))
    stem[strlen (stem) - strlen (".safetensors")] = '\0';
  training = g_strconcat (stem, ".yaml", NULL);
  hidiffusion = g_strconcat (stem, ".hidiffusion.json", NULL);

  files->folder = g_strdup (path);
  files->single_file = g_strdup (path);
  files->name = g_filename_display_name (stem);
  files->training = find_file (folder, training);
  files->hidiffusion = find_file (folder, hidiffusion);
  component_init_empty (&files->unet, "unet");
  component_init_empty (&files->vae, "vae");
  component_init_empty (&files->text_encoder, "text_encoder");
  component_init_empty (&files->text_encoder_2, "text_encoder_2");

  return files;
}

HdModelFiles *
hd_model_files_find (const char  *path,
                     GError     **error)
{
  if (!check_exists (path, error))
    return NULL;

  return is_folder (path) ? find_in_folder (path, error) : find_single_file (path);
}

static void
component_clear (HdModelComponent *component)
{
  g_free (component->config);
  g_strfreev (component->weights);
}

void
hd_model_files_free (HdModelFiles *files)
{
  if (files == NULL)
    return;

  component_clear (&files->unet);
  component_clear (&files->vae);
  component_clear (&files->text_encoder);
  component_clear (&files->text_encoder_2);
  g_free (files->single_file);
  g_free (files->training);
  g_free (files->tokenizer_2);
  g_free (files->folder);
  g_free (files->name);
  g_free (files->class_name);
  g_free (files->tokenizer);
  g_free (files->scheduler);
  g_free (files->hidiffusion);
  g_free (files);
}

void
hd_model_component_free (HdModelComponent *component)
{
  if (component == NULL)
    return;

  component_clear (component);
  g_free (component);
}

GPtrArray *
hd_model_component_open (const HdModelComponent  *component,
                         GError                 **error)
{
  g_autoptr (GPtrArray) opened = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_safetensors_unref);

  for (int i = 0; component->weights[i] != NULL; i++)
    {
      HdSafetensors *file = hd_safetensors_open (component->weights[i], error);

      if (file == NULL)
        return NULL;
      g_ptr_array_add (opened, file);
    }

  return g_steal_pointer (&opened);
}

/* --- whether files are the same ------------------------------------------------- */

static void
add_stamp (GString    *key,
           const char *path)
{
  GStatBuf status;

  if (path != NULL && g_stat (path, &status) == 0)
    g_string_append_printf (key, "|%s/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT ".%09ld", path, (gint64) status.st_size,
                            (gint64) status.st_mtim.tv_sec, (long) status.st_mtim.tv_nsec);
}

static void
add_component_stamps (GString                *key,
                      const HdModelComponent *component)
{
  add_stamp (key, component->config);
  for (char **path = component->weights; *path != NULL; path++)
    add_stamp (key, *path);
}

char *
hd_model_files_key (const HdModelFiles *files)
{
  GString *key = g_string_new (NULL);

  add_component_stamps (key, &files->text_encoder);
  add_component_stamps (key, &files->text_encoder_2);
  add_component_stamps (key, &files->unet);
  add_component_stamps (key, &files->vae);
  add_stamp (key, files->single_file);
  add_stamp (key, files->training);
  add_stamp (key, files->scheduler);
  add_stamp (key, files->hidiffusion);

  return g_string_free (key, FALSE);
}

/* --- the fingerprint ---------------------------------------------------------- */

static gboolean
digest_file (GChecksum      *checksum,
             HdSafetensors  *file,
             GError        **error)
{
  GBytes                   *header = hd_safetensors_get_header (file);
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);
  guchar                    start[FINGERPRINT_BYTES];

  g_checksum_update (checksum, g_bytes_get_data (header, NULL), (gssize) g_bytes_get_size (header));
  for (guint i = 0; i < n; i++)
    {
      gsize length = MIN (entries[i].length, sizeof start);

      /* Read, not mapped: a page fault would bring in far more than the few kilobytes. */
      if (!hd_safetensors_read (file, &entries[i], start, length, error))
        return FALSE;
      g_checksum_update (checksum, start, (gssize) length);
    }

  return TRUE;
}

static gboolean
digest_component (GChecksum               *checksum,
                  const HdModelComponent  *component,
                  GError                 **error)
{
  g_autoptr (GPtrArray) opened = hd_model_component_open (component, error);

  if (opened == NULL)
    return FALSE;

  for (guint i = 0; i < opened->len; i++)
    if (!digest_file (checksum, opened->pdata[i], error))
      return FALSE;

  return TRUE;
}

char *
hd_model_files_fingerprint (const HdModelFiles  *files,
                            GError             **error)
{
  g_autoptr (GChecksum)     checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (HdSafetensors) single = NULL;

  if (files->single_file != NULL)
    {
      single = hd_safetensors_open (files->single_file, error);
      if (single == NULL || !digest_file (checksum, single, error))
        return NULL;
    }
  else if (!digest_component (checksum, &files->unet, error)
           || !digest_component (checksum, &files->text_encoder, error)
           || !digest_component (checksum, &files->text_encoder_2, error)
           || !digest_component (checksum, &files->vae, error))
    return NULL;

  return g_strdup (g_checksum_get_string (checksum));
}
