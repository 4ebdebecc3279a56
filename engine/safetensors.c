/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/file.h"
#include "engine/json.h"
#include "engine/mapping.h"
#include "engine/safetensors.h"

/* The format: the header's length (8 bytes, little-endian), the header (a JSON object: tensor's name ->
 * { "dtype", "shape", "data_offsets": [begin, end) in the data }, and "__metadata__": string -> string), the
 * data, which the tensors fill without gaps.  https://github.com/huggingface/safetensors#format */

#define LENGTH_BYTES      8
#define MAX_HEADER_LENGTH 100000000   /* as in the format's own implementation */

struct _HdSafetensors
{
  gatomicrefcount     ref_count;
  char               *path;
  int                 fd;
  guint64             size;
  GBytes             *mapping;      /* the whole file; NULL if it is read */
  gsize               data_offset;  /* of the data, from the start of the file */
  GBytes             *header;
  HdSafetensorsEntry *entries;      /* sorted by name */
  guint               n_entries;
  GHashTable         *metadata;     /* string -> string */
};

typedef struct
{
  const char *name;
  gsize       size;        /* of an element */
  gboolean    supported;
  HdDtype     dtype;
} ElementType;

static const ElementType element_types[] = {
  { "F32",     4, TRUE,  HD_DTYPE_F32 },
  { "F16",     2, TRUE,  HD_DTYPE_F16 },
  { "BF16",    2, TRUE,  HD_DTYPE_BF16 },
  { "F64",     8 }, { "I64",     8 }, { "U64",     8 }, { "C64",     8 },
  { "I32",     4 }, { "U32",     4 },
  { "I16",     2 }, { "U16",     2 },
  { "I8",      1 }, { "U8",      1 }, { "BOOL",    1 },
  { "F8_E4M3", 1 }, { "F8_E5M2", 1 }, { "F8_E8M0", 1 },
};

/* NULL for a type that is not known: its elements may have any size. */
static const ElementType *
find_element_type (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (element_types); i++)
    if (strcmp (element_types[i].name, name) == 0)
      return &element_types[i];

  return NULL;
}

/* --- the header --------------------------------------------------------------- */

G_GNUC_PRINTF (4, 5)
static gboolean
tensor_error (HdSafetensors *file,
              const char    *name,
              GError       **error,
              const char    *format,
              ...)
{
  g_autofree char *quoted = hd_json_quote (name);
  g_autofree char *message = NULL;
  va_list          args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: tensor %s: %s", file->path, quoted, message);

  return FALSE;
}

/* "expected @format, found ...": the tensor's member @name. */
G_GNUC_PRINTF (6, 7)
static gboolean
member_error (HdSafetensors             *file,
              const HdSafetensorsEntry  *entry,
              JsonObject                *object,
              const char                *name,
              GError                   **error,
              const char                *format,
              ...)
{
  g_autofree char *expected = NULL;
  g_autofree char *found = hd_json_describe (json_object_get_member (object, name));
  va_list          args;

  va_start (args, format);
  expected = g_strdup_vprintf (format, args);
  va_end (args);

  return tensor_error (file, entry->name, error, "expected %s, found %s", expected, found);
}

/* An element of a list as a count or offset. */
static gboolean
read_count (JsonArray *array,
            guint      i,
            gint64    *count)
{
  JsonNode *node = json_array_get_element (array, i);

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *count = json_node_get_int (node);

  return *count >= 0;
}

static JsonArray *
get_array (JsonObject *object,
           const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static gboolean
read_dtype (HdSafetensors       *file,
            HdSafetensorsEntry  *entry,
            JsonObject          *object,
            const ElementType  **type,
            GError             **error)
{
  JsonNode *node = json_object_get_member (object, "dtype");

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    {
      g_autofree char *found = hd_json_describe (node);

      return tensor_error (file, entry->name, error, "expected a name as \"dtype\", found %s", found);
    }

  entry->dtype_name = json_node_dup_string (node);
  *type = find_element_type (entry->dtype_name);
  entry->supported = *type != NULL && (*type)->supported;
  entry->dtype = entry->supported ? (*type)->dtype : HD_DTYPE_F32;

  return TRUE;
}

/* @elements: the product of the shape's sides. */
static gboolean
read_shape (HdSafetensors       *file,
            HdSafetensorsEntry  *entry,
            JsonObject          *object,
            guint64             *elements,
            GError             **error)
{
  JsonArray *array = get_array (object, "shape");
  guint      n = array != NULL ? json_array_get_length (array) : 0;

  if (array == NULL || n > HD_SAFETENSORS_MAX_DIMENSIONS)
    return member_error (file, entry, object, "shape", error, "a \"shape\" of at most %d sides",
                         HD_SAFETENSORS_MAX_DIMENSIONS);

  *elements = 1;
  entry->n_dimensions = (int) n;
  for (guint i = 0; i < n; i++)
    {
      if (!read_count (array, i, &entry->shape[i]))
        return member_error (file, entry, object, "shape", error, "integers of at least 0 as \"shape\"");
      if (!g_uint64_checked_mul (elements, *elements, (guint64) entry->shape[i]))
        return member_error (file, entry, object, "shape", error, "a \"shape\" that fits into a file");
    }

  return TRUE;
}

/* The bytes of the entry, relative to the data; they lie inside the file. */
static gboolean
read_extent (HdSafetensors       *file,
             HdSafetensorsEntry  *entry,
             JsonObject          *object,
             GError             **error)
{
  JsonArray *array = get_array (object, "data_offsets");
  guint64    data_length = file->size - file->data_offset;
  gint64     begin;
  gint64     end;

  if (array == NULL || json_array_get_length (array) != 2
      || !read_count (array, 0, &begin) || !read_count (array, 1, &end) || begin > end)
    return member_error (file, entry, object, "data_offsets", error,
                         "two integers, 0 <= begin <= end, as \"data_offsets\"");
  if ((guint64) end > data_length)
    return tensor_error (file, entry->name, error,
                         "expected \"data_offsets\" up to %" G_GUINT64_FORMAT ", where the file ends, "
                         "found [%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]; "
                         "the file may have been copied or downloaded in part", data_length, begin, end);

  entry->offset = file->data_offset + (gsize) begin;
  entry->length = (gsize) (end - begin);

  return TRUE;
}

static gboolean
read_entry (HdSafetensors       *file,
            HdSafetensorsEntry  *entry,
            JsonNode            *node,
            GError             **error)
{
  JsonObject        *object;
  const ElementType *type;
  guint64            elements;
  guint64            expected;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_autofree char *found = hd_json_describe (node);

      return tensor_error (file, entry->name, error, "expected an object, found %s", found);
    }

  object = json_node_get_object (node);
  if (!read_dtype (file, entry, object, &type, error)
      || !read_shape (file, entry, object, &elements, error)
      || !read_extent (file, entry, object, error))
    return FALSE;

  if (type != NULL
      && (!g_uint64_checked_mul (&expected, elements, type->size) || expected != entry->length))
    return tensor_error (file, entry->name, error,
                         "expected %" G_GUINT64_FORMAT " elements of %s, found %" G_GSIZE_FORMAT " bytes of data",
                         elements, entry->dtype_name, entry->length);

  return TRUE;
}

static gboolean
read_metadata (HdSafetensors  *file,
               JsonNode       *node,
               GError        **error)
{
  JsonObjectIter iter;
  const char    *key;
  JsonNode      *value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_autofree char *found = hd_json_describe (node);

      return tensor_error (file, "__metadata__", error, "expected an object, found %s", found);
    }

  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &value))
    {
      if (!JSON_NODE_HOLDS_VALUE (value) || json_node_get_value_type (value) != G_TYPE_STRING)
        {
          g_autofree char *found = hd_json_describe (value);

          return tensor_error (file, "__metadata__", error, "expected strings, found %s", found);
        }
      g_hash_table_replace (file->metadata, g_strdup (key), json_node_dup_string (value));
    }

  return TRUE;
}

static int
compare_names (const void *a,
               const void *b)
{
  return strcmp (((const HdSafetensorsEntry *) a)->name, ((const HdSafetensorsEntry *) b)->name);
}

static int
compare_offsets (const void *a,
                 const void *b)
{
  const HdSafetensorsEntry *x = *(const HdSafetensorsEntry * const *) a;
  const HdSafetensorsEntry *y = *(const HdSafetensorsEntry * const *) b;

  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return strcmp (x->name, y->name);
}

/* The tensors, by offset, must follow one another to the end of the file: an overlap would let one tensor's
 * bytes be read as another's, a gap or a tail means that the header does not belong to the data. */
static gboolean
check_layout (HdSafetensors  *file,
              GError        **error)
{
  g_autofree const HdSafetensorsEntry **by_offset = g_new (const HdSafetensorsEntry *, file->n_entries + 1);
  gsize                                 end = file->data_offset;

  for (guint i = 0; i < file->n_entries; i++)
    by_offset[i] = &file->entries[i];
  qsort (by_offset, file->n_entries, sizeof *by_offset, compare_offsets);

  for (guint i = 0; i < file->n_entries; i++)
    {
      if (by_offset[i]->offset != end)
        return tensor_error (file, by_offset[i]->name, error,
                             "expected its data at %" G_GSIZE_FORMAT ", right after that of the tensor before, "
                             "found it at %" G_GSIZE_FORMAT,
                             end - file->data_offset, by_offset[i]->offset - file->data_offset);
      end += by_offset[i]->length;
    }

  if (end != file->size)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected %" G_GSIZE_FORMAT " bytes, as its header says, found %" G_GUINT64_FORMAT,
                   file->path, end, file->size);
      return FALSE;
    }

  return TRUE;
}

static gboolean
read_entries (HdSafetensors  *file,
              JsonObject     *header,
              GError        **error)
{
  JsonObjectIter iter;
  const char    *name;
  JsonNode      *node;

  file->entries = g_new0 (HdSafetensorsEntry, json_object_get_size (header) + 1);
  json_object_iter_init (&iter, header);
  while (json_object_iter_next (&iter, &name, &node))
    {
      HdSafetensorsEntry *entry;

      if (strcmp (name, "__metadata__") == 0)
        {
          if (!read_metadata (file, node, error))
            return FALSE;
          continue;
        }
      entry = &file->entries[file->n_entries++];
      entry->name = g_strdup (name);
      if (!read_entry (file, entry, node, error))
        return FALSE;
    }

  qsort (file->entries, file->n_entries, sizeof *file->entries, compare_names);
  return check_layout (file, error);
}

/* What the first bytes say, for the message about a file that is no safetensors file. */
static const char *
guess_format (const guchar start[LENGTH_BYTES])
{
  if (memcmp (start, "PK\3\4", 4) == 0 || start[0] == 0x80)
    return "a PyTorch file (pickle), which can run code and is not read; convert it to safetensors";
  if (memcmp (start, "version ", 8) == 0)
    return "a Git LFS pointer instead of the file itself; run \"git lfs pull\"";
  if (memcmp (start, "GGUF", 4) == 0)
    return "a GGUF file";
  if (start[0] == '<')
    return "a web page";
  return NULL;
}

/* Length of the header, which lies inside the file. */
static gboolean
read_header_length (HdSafetensors  *file,
                    guint64        *length,
                    GError        **error)
{
  guchar      start[LENGTH_BYTES];
  const char *guess;

  if (file->size < LENGTH_BYTES)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected a safetensors file, found %" G_GUINT64_FORMAT " bytes", file->path, file->size);
      return FALSE;
    }
  if (!hd_file_read_at (file->fd, file->path, 0, start, sizeof start, error))
    return FALSE;

  memcpy (length, start, sizeof *length);
  *length = GUINT64_FROM_LE (*length);
  guess = guess_format (start);
  if (guess != NULL && (*length > MAX_HEADER_LENGTH || *length > file->size - LENGTH_BYTES))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected a safetensors file, found %s", file->path, guess);
      return FALSE;
    }
  if (*length > MAX_HEADER_LENGTH || *length > file->size - LENGTH_BYTES)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected a safetensors file with a header of at most %" G_GUINT64_FORMAT " bytes, "
                   "found %" G_GUINT64_FORMAT, file->path, MIN (MAX_HEADER_LENGTH, file->size - LENGTH_BYTES), *length);
      return FALSE;
    }

  return TRUE;
}

static gboolean
read_header (HdSafetensors  *file,
             GError        **error)
{
  g_autofree char       *text = NULL;
  g_autoptr (JsonObject) header = NULL;
  guint64                length;

  if (!read_header_length (file, &length, error))
    return FALSE;

  text = g_malloc (length + 1);
  if (!hd_file_read_at (file->fd, file->path, LENGTH_BYTES, text, length, error))
    return FALSE;

  header = hd_json_parse (text, length, file->path, error);
  if (header == NULL)
    return FALSE;

  file->data_offset = LENGTH_BYTES + length;
  file->header = g_bytes_new_take (g_steal_pointer (&text), length);
  return read_entries (file, header, error);
}

/* --- opening and closing ------------------------------------------------------ */

static HdSafetensors *
open_file (const char  *path,
           gboolean     may_map,
           GError     **error)
{
  g_autoptr (HdSafetensors) file = g_new0 (HdSafetensors, 1);

  g_atomic_ref_count_init (&file->ref_count);
  file->path = g_strdup (path);
  file->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  file->fd = hd_file_open (path, &file->size, error);
  if (file->fd < 0)
    return NULL;

  if (file->size > G_MAXSIZE)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected at most %" G_GSIZE_FORMAT " bytes, found %" G_GUINT64_FORMAT,
                   path, G_MAXSIZE, file->size);
      return NULL;
    }
  if (!read_header (file, error))
    return NULL;

  if (may_map)
    file->mapping = hd_mapping_new (file->fd, file->size);

  return g_steal_pointer (&file);
}

HdSafetensors *
hd_safetensors_open (const char  *path,
                     GError     **error)
{
  return open_file (path, TRUE, error);
}

HdSafetensors *
hd_safetensors_open_unmapped (const char  *path,
                              GError     **error)
{
  return open_file (path, FALSE, error);
}

HdSafetensors *
hd_safetensors_ref (HdSafetensors *file)
{
  g_atomic_ref_count_inc (&file->ref_count);

  return file;
}

void
hd_safetensors_unref (HdSafetensors *file)
{
  if (file == NULL || !g_atomic_ref_count_dec (&file->ref_count))
    return;

  for (guint i = 0; i < file->n_entries; i++)
    {
      g_free (file->entries[i].name);
      g_free (file->entries[i].dtype_name);
    }
  g_free (file->entries);
  g_hash_table_unref (file->metadata);
  g_clear_pointer (&file->mapping, g_bytes_unref);
  g_clear_pointer (&file->header, g_bytes_unref);
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->path);
  g_free (file);
}

/* --- what is in it ------------------------------------------------------------ */

const char *
hd_safetensors_get_path (HdSafetensors *file)
{
  return file->path;
}

GBytes *
hd_safetensors_get_header (HdSafetensors *file)
{
  return file->header;
}

gboolean
hd_safetensors_is_mapped (HdSafetensors *file)
{
  return file->mapping != NULL;
}

const HdSafetensorsEntry *
hd_safetensors_get_entries (HdSafetensors *file,
                            guint         *n_entries)
{
  *n_entries = file->n_entries;

  return file->entries;
}

const HdSafetensorsEntry *
hd_safetensors_lookup (HdSafetensors *file,
                       const char    *name)
{
  HdSafetensorsEntry key = { .name = (char *) name };

  if (file->n_entries == 0)
    return NULL;

  return bsearch (&key, file->entries, file->n_entries, sizeof key, compare_names);
}

const char *
hd_safetensors_get_metadata (HdSafetensors *file,
                             const char    *key)
{
  return g_hash_table_lookup (file->metadata, key);
}

/* Nothing in the format makes offsets multiples of the elements' size; what is not, is copied. */
gboolean
hd_safetensors_maps (HdSafetensors             *file,
                     const HdSafetensorsEntry  *entry)
{
  return file->mapping != NULL && entry->offset % hd_dtype_size (entry->dtype) == 0;
}

gboolean
hd_safetensors_check (HdSafetensors  *file,
                      GError        **error)
{
  struct stat info;

  if (fstat (file->fd, &info) != 0 || (guint64) info.st_size < file->size)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected %" G_GUINT64_FORMAT " bytes, as when it was opened; the file has shrunk since",
                   file->path, file->size);
      return FALSE;
    }

  return TRUE;
}

gboolean
hd_safetensors_read (HdSafetensors             *file,
                     const HdSafetensorsEntry  *entry,
                     void                      *buffer,
                     gsize                      length,
                     GError                   **error)
{
  return hd_file_read_at (file->fd, file->path, entry->offset, buffer, MIN (length, entry->length), error);
}

GBytes *
hd_safetensors_get (HdSafetensors             *file,
                    const HdSafetensorsEntry  *entry,
                    GError                   **error)
{
  g_autofree char *copy = NULL;

  if (hd_safetensors_maps (file, entry))
    {
      if (!hd_safetensors_check (file, error))
        return NULL;
      return hd_mapping_slice (file->mapping, entry->offset, entry->length);
    }

  copy = g_try_malloc (MAX (entry->length, 1));
  if (copy == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                   "%s: expected memory for the %" G_GSIZE_FORMAT " bytes of a tensor, found less",
                   file->path, entry->length);
      return NULL;
    }
  if (!hd_safetensors_read (file, entry, copy, entry->length, error))
    return NULL;

  return g_bytes_new_take (g_steal_pointer (&copy), entry->length);
}
