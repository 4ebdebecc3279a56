/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/text_embedding.h"

#include <string.h>

#include <glib/gstdio.h>

#include "engine/json.h"
#include "engine/tokenizer.h"
#include "kernels/host.h"
#include "kernels/i18n.h"

#define MAX_NAME_BYTES 255
#define MAX_DEPTH      4
#define MAX_ENTRIES    50000               /* of folders that are looked at */
#define MAX_FILE_BYTES (2 << 20)           /* three times the largest embedding: what is larger is something else */
#define MAX_VECTORS    (HD_TOKENIZER_LENGTH - 2)   /* an embedding must fit into a window */

#define COMFY_PREFIX "embedding:"

/**
 * HdTextEmbeddings:
 * @names: (element-type utf8 HdTextEmbedding): by name in ASCII lower case
 * @tensors: (nullable) (element-type utf8 HdTextEmbedding): the same by names of tensors in angle brackets; NULL
 *   before a text has asked for one
 * @lengths: whether there is a name of so many bytes
 * @longest: name, in bytes
 */
struct _HdTextEmbeddings
{
  GHashTable *names;
  GHashTable *tensors;
  GPtrArray  *loaded;
  gboolean    lengths[MAX_NAME_BYTES + 1];
  gsize       longest;
  int         widths[HD_TEXT_EMBEDDING_MAX_ENCODERS];
  int         n_encoders;
  int         n_rows;
  int         n_entries;
};

static void
embedding_free (gpointer data)
{
  HdTextEmbedding *embedding = data;

  for (int i = 0; i < HD_TEXT_EMBEDDING_MAX_ENCODERS; i++)
    g_clear_pointer (&embedding->vectors[i], g_bytes_unref);
  g_free (embedding->path);
  g_free (embedding->tensor);
  g_free (embedding);
}

static HdTextEmbedding *
embedding_new (const char *path,
               const char *tensor,
               guint       folder)
{
  HdTextEmbedding *embedding = g_new0 (HdTextEmbedding, 1);

  embedding->path = g_strdup (path);
  embedding->tensor = g_strdup (tensor);
  embedding->folder = folder;
  embedding->first_row = -1;

  return embedding;
}

/* --- what there is ---------------------------------------------------------------- */

static gboolean
is_safetensors (const char *path)
{
  return g_str_has_suffix (path, ".safetensors");
}

/* Which of two files of one name is meant: what can be read before what cannot, then the earlier folder's. */
static gboolean
comes_before (const HdTextEmbedding *a,
              const HdTextEmbedding *b)
{
  if (is_safetensors (a->path) != is_safetensors (b->path))
    return is_safetensors (a->path);
  if (a->folder != b->folder)
    return a->folder < b->folder;

  return strcmp (a->path, b->path) < 0;
}

/* Folders of a user hold LoRAs and whole models as well, whose names are words, too. */
static gboolean
is_small_file (const char *path)
{
  GStatBuf status;

  return g_stat (path, &status) == 0 && S_ISREG (status.st_mode) && status.st_size <= MAX_FILE_BYTES;
}

static void
add_file (HdTextEmbeddings *embeddings,
          const char       *path,
          const char       *base,
          guint             folder)
{
  static const char * const  suffixes[] = { ".safetensors", ".pt", ".bin" };
  HdTextEmbedding           *embedding;
  HdTextEmbedding           *present;
  g_autofree char           *name = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (suffixes) && name == NULL; i++)
    if (g_str_has_suffix (base, suffixes[i]))
      name = g_ascii_strdown (base, (gssize) (strlen (base) - strlen (suffixes[i])));
  if (name == NULL || name[0] == '\0' || strlen (name) > MAX_NAME_BYTES || !is_small_file (path))
    return;

  embeddings->lengths[strlen (name)] = TRUE;
  embeddings->longest = MAX (embeddings->longest, strlen (name));
  embedding = embedding_new (path, NULL, folder);
  present = g_hash_table_lookup (embeddings->names, name);
  if (present == NULL || comes_before (embedding, present))
    g_hash_table_replace (embeddings->names, g_steal_pointer (&name), embedding);
  else
    embedding_free (embedding);
}

static void
add_folder (HdTextEmbeddings *embeddings,
            const char       *path,
            guint             folder,
            int               depth)
{
  g_autoptr (GDir)  dir = g_dir_open (path, 0, NULL);
  g_autofree char  *own_base = g_path_get_basename (path);
  const char       *base;

  /* What the user has named may be a file. */
  if (depth == 0 && dir == NULL)
    add_file (embeddings, path, own_base, folder);

  while (dir != NULL && embeddings->n_entries++ < MAX_ENTRIES && (base = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, base, NULL);

      if (!g_file_test (child, G_FILE_TEST_IS_DIR))
        add_file (embeddings, child, base, folder);
      else if (depth < MAX_DEPTH && base[0] != '.')
        add_folder (embeddings, child, folder, depth + 1);
    }
}

HdTextEmbeddings *
hd_text_embeddings_new (const char * const *folders,
                        const int          *widths,
                        int                 n_encoders)
{
  HdTextEmbeddings *embeddings = g_new0 (HdTextEmbeddings, 1);

  embeddings->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, embedding_free);
  embeddings->loaded = g_ptr_array_new ();
  embeddings->n_encoders = n_encoders;
  memcpy (embeddings->widths, widths, (gsize) n_encoders * sizeof *widths);
  for (guint i = 0; folders != NULL && folders[i] != NULL; i++)
    add_folder (embeddings, folders[i], i, 0);

  return embeddings;
}

void
hd_text_embeddings_free (HdTextEmbeddings *embeddings)
{
  if (embeddings == NULL)
    return;

  g_hash_table_unref (embeddings->names);
  g_clear_pointer (&embeddings->tensors, g_hash_table_unref);
  g_ptr_array_unref (embeddings->loaded);
  g_free (embeddings);
}

const GPtrArray *
hd_text_embeddings_get_loaded (HdTextEmbeddings *embeddings)
{
  return embeddings->loaded;
}

/* --- finding names in a text ------------------------------------------------------- */

static gboolean
is_word_character (char c)
{
  return g_ascii_isalnum (c) || c == '_' || (guchar) c >= 0x80;
}

static gboolean
word_can_start (const char *text,
                gsize       at)
{
  return at == 0 || !(is_word_character (text[at - 1]) || text[at - 1] == '-');
}

/* The hyphen in "good-hands" and the point in "v1.5" do not end a word. */
static gboolean
word_can_end (const char *text,
              gsize       at)
{
  if (text[at] == '-' || text[at] == '.')
    return !is_word_character (text[at + 1]);

  return !is_word_character (text[at]);
}

/* The longest name that @text has at @start. */
static HdTextEmbedding *
find_name_at (HdTextEmbeddings *embeddings,
              const char       *text,
              gsize             start,
              gsize            *end)
{
  char  name[MAX_NAME_BYTES + 1];
  gsize length = strnlen (text + start, embeddings->longest);

  for (gsize i = 0; i < length; i++)
    name[i] = g_ascii_tolower (text[start + i]);

  for (; length > 0; length--)
    if (embeddings->lengths[length] && word_can_end (text, start + length))
      {
        HdTextEmbedding *embedding;

        name[length] = '\0';
        embedding = g_hash_table_lookup (embeddings->names, name);
        if (embedding != NULL)
          {
            *end = start + length;
            return embedding;
          }
      }

  return NULL;
}

/* Notes the tensors of the file whose names are in angle brackets; one that cannot be read has none. */
static void
add_tensors (HdTextEmbeddings      *embeddings,
             const HdTextEmbedding *file)
{
  g_autoptr (HdSafetensors)  opened = is_safetensors (file->path) ? hd_safetensors_open (file->path, NULL) : NULL;
  const HdSafetensorsEntry  *entries = NULL;
  guint                      n = 0;

  if (opened != NULL)
    entries = hd_safetensors_get_entries (opened, &n);
  for (guint i = 0; i < n; i++)
    {
      const char      *name = entries[i].name;
      HdTextEmbedding *embedding;
      HdTextEmbedding *present;

      if (name[0] != '<' || !g_str_has_suffix (name, ">") || strlen (name) > MAX_NAME_BYTES)
        continue;

      embedding = embedding_new (file->path, name, file->folder);
      present = g_hash_table_lookup (embeddings->tensors, name);
      if (present == NULL || comes_before (embedding, present))
        g_hash_table_replace (embeddings->tensors, g_ascii_strdown (name, -1), embedding);
      else
        embedding_free (embedding);
    }
}

/* <NAME> at @start, where NAME is a tensor's. Only a text that has such a thing in it opens the files. */
static HdTextEmbedding *
find_tensor_at (HdTextEmbeddings *embeddings,
                const char       *text,
                gsize             start,
                gsize            *end)
{
  gsize            length = strcspn (text + start + 1, "<> ") + 2;
  g_autofree char *name = NULL;
  GHashTableIter   iter;
  gpointer         file;

  if (g_hash_table_size (embeddings->names) == 0 || length > MAX_NAME_BYTES || text[start + length - 1] != '>')
    return NULL;

  if (embeddings->tensors == NULL)
    {
      embeddings->tensors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, embedding_free);
      g_hash_table_iter_init (&iter, embeddings->names);
      while (g_hash_table_iter_next (&iter, NULL, &file))
        add_tensors (embeddings, file);
    }

  name = g_ascii_strdown (text + start, (gssize) length);
  *end = start + length;

  return g_hash_table_lookup (embeddings->tensors, name);
}

/* What stands at @start: NAME, <NAME>, <TENSOR> or embedding:NAME. */
static HdTextEmbedding *
find_at (HdTextEmbeddings *embeddings,
         const char       *text,
         gsize             start,
         gsize            *end)
{
  gsize            prefix = strlen (COMFY_PREFIX);
  HdTextEmbedding *embedding;

  if (text[start] == '<')
    {
      embedding = find_name_at (embeddings, text, start + 1, end);
      if (embedding == NULL || text[*end] != '>')
        return find_tensor_at (embeddings, text, start, end);
      *end += 1;

      return embedding;
    }

  if (!word_can_start (text, start))
    return NULL;

  embedding = find_name_at (embeddings, text, start, end);
  if (embedding == NULL && g_ascii_strncasecmp (text + start, COMFY_PREFIX, prefix) == 0)
    embedding = find_name_at (embeddings, text, start + prefix, end);

  return embedding;
}

HdTextEmbedding *
hd_text_embeddings_find (HdTextEmbeddings *embeddings,
                         const char       *text,
                         gsize            *start,
                         gsize            *end)
{
  if (g_hash_table_size (embeddings->names) == 0)
    return NULL;

  for (gsize at = 0; text[at] != '\0'; at++)
    {
      HdTextEmbedding *embedding = find_at (embeddings, text, at, end);

      if (embedding != NULL)
        {
          *start = at;
          return embedding;
        }
    }

  return NULL;
}

/* --- reading ----------------------------------------------------------------------- */

/* What the file has, for a message: the first tensors with their shapes. */
static char *
describe (HdSafetensors *file)
{
  const guint               most = 3;
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);
  GString                  *text = g_string_new (n == 0 ? "no tensor" : NULL);

  for (guint i = 0; i < MIN (n, most); i++)
    {
      g_autofree char *name = hd_json_quote (entries[i].name);

      g_string_append_printf (text, "%s%s (", i > 0 ? ", " : "", name);
      for (int j = 0; j < entries[i].n_dimensions; j++)
        g_string_append_printf (text, "%s%" G_GINT64_FORMAT, j > 0 ? ", " : "", entries[i].shape[j]);
      g_string_append_printf (text, ") of %s", entries[i].dtype_name);
    }
  if (n > most)
    g_string_append_printf (text, " and %u more", n - most);

  return g_string_free (text, FALSE);
}

static gboolean
refuse (HdTextEmbeddings  *embeddings,
        HdSafetensors     *file,
        GError           **error)
{
  g_autofree char *found = describe (file);
  g_autofree char *expected = NULL;

  if (embeddings->n_encoders == 1)
    expected = g_strdup_printf ("1 to %d vectors of %d numbers as \"emb_params\" or as the only tensor",
                                MAX_VECTORS, embeddings->widths[0]);
  else
    expected = g_strdup_printf ("1 to %d vectors as \"clip_l\" (n, %d) and \"clip_g\" (n, %d)",
                                MAX_VECTORS, embeddings->widths[0], embeddings->widths[1]);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: expected an embedding for this model, %s, found %s"), hd_safetensors_get_path (file), expected, found);

  return FALSE;
}

/* The tensor for text encoder @i; NULL if there is none. */
static const HdSafetensorsEntry *
find_entry (HdTextEmbeddings      *embeddings,
            const HdTextEmbedding *embedding,
            HdSafetensors         *file,
            int                    i)
{
  static const char * const  of_encoder[HD_TEXT_EMBEDDING_MAX_ENCODERS] = { "clip_l", "clip_g" };
  const HdSafetensorsEntry  *entry;
  guint                      n;

  if (embeddings->n_encoders > 1)
    return hd_safetensors_lookup (file, of_encoder[i]);
  if (embedding->tensor != NULL)
    return hd_safetensors_lookup (file, embedding->tensor);

  entry = hd_safetensors_lookup (file, "emb_params");
  if (entry != NULL)
    return entry;

  entry = hd_safetensors_get_entries (file, &n);

  return n == 1 ? entry : NULL;
}

/* Training that has gone astray leaves such files; the picture would be black. */
static gboolean
check_finite (const HdTextEmbedding  *embedding,
              int                     i,
              int                     width,
              GError                **error)
{
  gsize             count = (gsize) embedding->rows * width;
  g_autofree float *values = g_new (float, count);

  hd_host_to_float (embedding->dtypes[i], g_bytes_get_data (embedding->vectors[i], NULL), count, values);
  if (hd_host_is_finite (values, count))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: expected an embedding of finite numbers, found others among them"), embedding->path);
  return FALSE;
}

static gboolean
read_vectors (HdTextEmbeddings  *embeddings,
              HdTextEmbedding   *embedding,
              HdSafetensors     *file,
              int                i,
              GError           **error)
{
  const HdSafetensorsEntry *entry = find_entry (embeddings, embedding, file, i);
  gint64                    rows;
  gint64                    width;

  if (entry == NULL || !entry->supported || entry->n_dimensions < 1 || entry->n_dimensions > 2)
    return refuse (embeddings, file, error);

  rows = entry->n_dimensions == 2 ? entry->shape[0] : 1;
  width = entry->shape[entry->n_dimensions - 1];
  if (width != embeddings->widths[i] || rows < 1 || rows > MAX_VECTORS || (i > 0 && rows != embedding->rows))
    return refuse (embeddings, file, error);

  g_clear_pointer (&embedding->vectors[i], g_bytes_unref);
  embedding->vectors[i] = hd_safetensors_get (file, entry, error);
  embedding->dtypes[i] = entry->dtype;
  embedding->rows = (int) rows;

  return embedding->vectors[i] != NULL && check_finite (embedding, i, (int) width, error);
}

gboolean
hd_text_embeddings_load (HdTextEmbeddings  *embeddings,
                         HdTextEmbedding   *embedding,
                         GError           **error)
{
  g_autoptr (HdSafetensors) file = NULL;

  if (embedding->first_row >= 0)
    return TRUE;

  if (!is_safetensors (embedding->path))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   _("%s: expected an embedding as a .safetensors file, found one in Python's pickle format, which can "
                     "hold programs and is not read; it has to be converted"), embedding->path);
      return FALSE;
    }

  /* Small, and needed for a moment: no mapping that could shrink. */
  file = hd_safetensors_open_unmapped (embedding->path, error);
  if (file == NULL)
    return FALSE;

  for (int i = 0; i < embeddings->n_encoders; i++)
    if (!read_vectors (embeddings, embedding, file, i, error))
      return FALSE;

  embedding->first_row = embeddings->n_rows;
  embeddings->n_rows += embedding->rows;
  g_ptr_array_add (embeddings->loaded, embedding);

  return TRUE;
}
