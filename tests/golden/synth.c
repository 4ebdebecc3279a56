/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <gio/gio.h>

#include "engine/json.h"
#include "tests/golden/synth.h"

#define MAX_MANIFEST_BYTES (64 << 20)
#define CHUNK              (1 << 18)   /* elements that a task makes */
#define MAX_PARTS          16

/* --- the generator ------------------------------------------------------------ */

static guint64
stream_seed (const char *stream)
{
  guint64 hash = 0xcbf29ce484222325;

  for (const guchar *p = (const guchar *) stream; *p != '\0'; p++)
    hash = (hash ^ *p) * 0x100000001b3;

  return hash;
}

static inline double
stream_at (guint64 seed,
           guint64 i)
{
  guint64 z = seed + (i + 1) * 0x9e3779b97f4a7c15;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  z ^= z >> 31;

  return (double) (gint64) (z >> 40) * 0x1p-24;
}

void
hd_synth_uniform (const char *stream,
                  gsize       count,
                  float      *values)
{
  guint64 seed = stream_seed (stream);

  for (gsize i = 0; i < count; i++)
    values[i] = (float) stream_at (seed, i);
}

void
hd_synth_normal (const char *stream,
                 gsize       count,
                 float      *values)
{
  guint64 seed = stream_seed (stream);

  for (gsize i = 0; i < count; i++)
    {
      double sum = 0.0;   /* of multiples of 2^-24: exact in any order */

      for (guint64 j = 0; j < 12; j++)
        sum += stream_at (seed, 12 * i + j);
      values[i] = (float) (sum - 6.0);
    }
}

/* --- element types ------------------------------------------------------------ */

typedef enum
{
  TYPE_F16,
  TYPE_F32,
  TYPE_I64,
} Type;

static gsize
type_size (Type type)
{
  switch (type)
    {
    case TYPE_F16: return 2;
    case TYPE_F32: return 4;
    default:       return 8;
    }
}

static gboolean
type_from_name (const char *name,
                Type       *type)
{
  if (g_strcmp0 (name, "F16") == 0)
    *type = TYPE_F16;
  else if (g_strcmp0 (name, "F32") == 0)
    *type = TYPE_F32;
  else if (g_strcmp0 (name, "I64") == 0)
    *type = TYPE_I64;
  else
    return FALSE;

  return TRUE;
}

/* Rounds to the nearest, ties to even. */
static inline guint16
half_from_float (float value)
{
  guint32 bits;
  guint32 magnitude;
  float   absolute;

  memcpy (&bits, &value, sizeof bits);
  magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000)        /* 2^16 and above, infinite, not a number */
    magnitude = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
  else if (magnitude < 0x38800000)    /* below 2^-14: adding 0.5 leaves the subnormal's digits, rounded, at the end */
    {
      memcpy (&absolute, &magnitude, sizeof absolute);
      absolute += 0.5f;
      memcpy (&magnitude, &absolute, sizeof magnitude);
      magnitude -= 0x3f000000;
    }
  else
    magnitude = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;

  return (guint16) (bits >> 16 & 0x8000) | (guint16) magnitude;
}

/* --- one tensor --------------------------------------------------------------- */

typedef struct
{
  guint64 seed;
  double  center;
  double  scale;
  guint64 end;    /* index, in the joined parts, behind the part's last element */
} Part;

typedef struct
{
  Type     type;
  guint64  count;
  guint64  rows;        /* of the result, where it is transposed */
  gboolean transpose;
  gboolean arange;
  Part     parts[MAX_PARTS];
  int      n_parts;
  guint64  file_offset;
} Entry;

static inline void
store (void   *buffer,
       gsize   i,
       Type    type,
       double  value)
{
  switch (type)
    {
    case TYPE_F16: ((guint16 *) buffer)[i] = half_from_float ((float) value); break;
    case TYPE_F32: ((float *) buffer)[i] = (float) value; break;
    default:       ((gint64 *) buffer)[i] = (gint64) (float) value; break;
    }
}

/* The elements @first to @first + @n - 1 as the file has them. */
static void
make_elements (const Entry *entry,
               guint64      first,
               gsize        n,
               void        *buffer)
{
  guint64 columns = entry->transpose ? entry->count / entry->rows : 0;

  if (entry->arange)
    {
      for (gsize i = 0; i < n; i++)
        store (buffer, i, entry->type, (double) (first + i));
      return;
    }

  for (gsize i = 0; i < n;)
    {
      guint64     at = first + i;
      guint64     source = entry->transpose ? at % columns * entry->rows + at / columns : at;
      int         p = 0;
      const Part *part;
      guint64     begin;
      gsize       run;

      while (source >= entry->parts[p].end)
        p++;
      part = &entry->parts[p];
      begin = p > 0 ? entry->parts[p - 1].end : 0;
      run = entry->transpose ? 1 : MIN (n - i, part->end - source);
      for (gsize j = 0; j < run; j++)
        store (buffer, i + j, entry->type,
               part->center + part->scale * (2.0 * stream_at (part->seed, source - begin + j) - 1.0));
      i += run;
    }
}

/* --- one file ----------------------------------------------------------------- */

typedef struct
{
  int    fd;
  GArray *entries;     /* (element-type Entry) */
  GMutex  mutex;
  int     error_code;  /* the first errno of a task */
} File;

typedef struct
{
  const Entry *entry;
  guint64      first;
} Task;

static gboolean
write_all (int         fd,
           const void *buffer,
           gsize       length,
           guint64     offset)
{
  const char *bytes = buffer;

  while (length > 0)
    {
      ssize_t n = pwrite (fd, bytes, length, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      bytes += n;
      offset += (guint64) n;
      length -= (gsize) n;
    }

  return TRUE;
}

static void
run_task (gpointer data,
          gpointer user_data)
{
  g_autofree Task *task = data;
  File            *file = user_data;
  gsize            size = type_size (task->entry->type);
  gsize            n = MIN (CHUNK, task->entry->count - task->first);
  g_autofree void *buffer = g_malloc (n * size);

  make_elements (task->entry, task->first, n, buffer);
  if (!write_all (file->fd, buffer, n * size, task->entry->file_offset + task->first * size))
    {
      g_mutex_lock (&file->mutex);
      file->error_code = errno;
      g_mutex_unlock (&file->mutex);
    }
}

static guint64
shape_count (JsonArray *shape)
{
  guint64 count = 1;

  for (guint i = 0; i < json_array_get_length (shape); i++)
    count *= (guint64) json_array_get_int_element (shape, i);

  return count;
}

static gboolean
read_parts (Entry      *entry,
            JsonObject *object)
{
  JsonArray *parts = json_object_get_array_member (object, "parts");
  guint64    end = 0;

  entry->n_parts = (int) json_array_get_length (parts);
  if (entry->n_parts < 1 || entry->n_parts > MAX_PARTS)
    return FALSE;

  for (int i = 0; i < entry->n_parts; i++)
    {
      JsonObject *part = json_array_get_object_element (parts, (guint) i);

      end += shape_count (json_object_get_array_member (part, "shape"));
      entry->parts[i].seed = stream_seed (json_object_get_string_member (part, "source"));
      entry->parts[i].center = json_object_get_double_member (part, "center");
      entry->parts[i].scale = json_object_get_double_member (part, "scale");
      entry->parts[i].end = end;
    }

  return end == entry->count;
}

/* Adds the tensor to @entries and to the @header. */
static gboolean
add_entry (GArray      *entries,
           JsonObject  *header,
           const char  *name,
           JsonObject  *object,
           const char  *dtype,
           guint64     *data_end)
{
  JsonArray  *shape = json_object_get_array_member (object, "shape");
  JsonArray  *offsets = json_array_new ();
  JsonObject *described = json_object_new ();
  Entry       entry = { 0 };

  dtype = json_object_get_string_member_with_default (object, "dtype", dtype);
  entry.count = shape_count (shape);
  entry.transpose = json_object_get_boolean_member_with_default (object, "transpose", FALSE);
  entry.rows = entry.transpose ? (guint64) json_array_get_int_element (shape, 0) : 0;
  entry.arange = json_object_get_boolean_member_with_default (object, "arange", FALSE);
  entry.file_offset = *data_end;

  json_object_set_string_member (described, "dtype", dtype);
  json_object_set_array_member (described, "shape", json_array_ref (shape));
  json_object_set_array_member (described, "data_offsets", offsets);
  json_object_set_object_member (header, name, described);
  if (!type_from_name (dtype, &entry.type) || (!entry.arange && !read_parts (&entry, object)))
    return FALSE;

  json_array_add_int_element (offsets, (gint64) *data_end);
  *data_end += entry.count * type_size (entry.type);
  json_array_add_int_element (offsets, (gint64) *data_end);
  g_array_append_val (entries, entry);

  return TRUE;
}

/* The header, padded so that the data begins at a multiple of eight. */
static GString *
make_header (JsonObject  *content,
             GArray      *entries,
             const char  *path,
             GError     **error)
{
  g_autoptr (JsonObject) header = json_object_new ();
  g_autoptr (JsonNode)   node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char       *json = NULL;
  GString               *text;
  JsonObjectIter         iter;
  const char            *name;
  JsonNode              *member;
  guint64                data_end = 0;
  guint64                length;

  json_object_iter_init_ordered (&iter, json_object_get_object_member (content, "tensors"));
  while (json_object_iter_next_ordered (&iter, &name, &member))
    if (!add_entry (entries, header, name, json_node_get_object (member),
                    json_object_get_string_member (content, "dtype"), &data_end))
      {
        g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: tensor %s: the manifest is damaged", path, name);
        return NULL;
      }

  json_node_set_object (node, header);
  json = json_to_string (node, FALSE);
  text = g_string_new (NULL);
  length = (strlen (json) + 7) / 8 * 8;
  length = GUINT64_TO_LE (length);
  g_string_append_len (text, (const char *) &length, sizeof length);
  g_string_append (text, json);
  while (text->len % 8 != 0)
    g_string_append_c (text, ' ');

  for (guint i = 0; i < entries->len; i++)
    g_array_index (entries, Entry, i).file_offset += text->len;

  return text;
}

static gboolean
make_data (File    *file,
           GError **error)
{
  GThreadPool *pool = g_thread_pool_new (run_task, file, (int) g_get_num_processors (), TRUE, error);

  if (pool == NULL)
    return FALSE;

  for (guint i = 0; i < file->entries->len; i++)
    {
      const Entry *entry = &g_array_index (file->entries, Entry, i);

      for (guint64 first = 0; first < entry->count; first += CHUNK)
        {
          Task *task = g_new (Task, 1);

          task->entry = entry;
          task->first = first;
          g_thread_pool_push (pool, task, NULL);
        }
    }
  g_thread_pool_free (pool, FALSE, TRUE);

  return TRUE;
}

/* Makes the file as long as it would be with its data. */
static void
make_hollow (File *file)
{
  guint64 length = 0;

  for (guint i = 0; i < file->entries->len; i++)
    {
      const Entry *entry = &g_array_index (file->entries, Entry, i);

      length = MAX (length, entry->file_offset + entry->count * type_size (entry->type));
    }
  if (ftruncate (file->fd, (off_t) length) != 0)
    file->error_code = errno;
}

static gboolean
write_safetensors (const char  *path,
                   JsonObject  *content,
                   gboolean     hollow,
                   GError     **error)
{
  g_autoptr (GArray)  entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  GString            *header = make_header (content, entries, path, error);
  File                file = { .entries = entries };
  gboolean            ok;

  if (header == NULL)
    return FALSE;

  g_mutex_init (&file.mutex);
  file.fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file.fd < 0 || !write_all (file.fd, header->str, header->len, 0))
    file.error_code = errno;
  g_string_free (header, TRUE);

  ok = file.error_code == 0 && (hollow || make_data (&file, error));
  if (ok && hollow)
    make_hollow (&file);
  if (file.fd >= 0 && close (file.fd) != 0 && file.error_code == 0)
    file.error_code = errno;
  g_mutex_clear (&file.mutex);
  if (file.error_code != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (file.error_code),
                   "%s: cannot be written: %s", path, g_strerror (file.error_code));
      return FALSE;
    }

  return ok;
}

/* --- the manifest ------------------------------------------------------------- */

static char *
make_path (const char *folder,
           const char *name)
{
  char            *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_mkdir_with_parents (parent, 0755);
  return path;
}

static gboolean
write_model (const char  *manifest,
             const char  *folder,
             gboolean     hollow,
             GError     **error)
{
  g_autoptr (JsonObject) object = hd_json_read_file (manifest, MAX_MANIFEST_BYTES, error);
  JsonObjectIter         iter;
  const char            *name;
  JsonNode              *node;

  if (object == NULL)
    return FALSE;

  if (json_object_has_member (object, "json"))
    {
      json_object_iter_init (&iter, json_object_get_object_member (object, "json"));
      while (json_object_iter_next (&iter, &name, &node))
        {
          g_autofree char *path = make_path (folder, name);
          g_autofree char *text = json_to_string (node, TRUE);

          if (!g_file_set_contents (path, text, -1, error))
            return FALSE;
        }
    }

  json_object_iter_init (&iter, json_object_get_object_member (object, "files"));
  while (json_object_iter_next (&iter, &name, &node))
    {
      g_autofree char *path = make_path (folder, name);

      if (!write_safetensors (path, json_node_get_object (node), hollow, error))
        return FALSE;
    }

  return TRUE;
}

gboolean
hd_synth_write_model (const char  *manifest,
                      const char  *folder,
                      GError     **error)
{
  return write_model (manifest, folder, FALSE, error);
}

gboolean
hd_synth_write_hollow_model (const char  *manifest,
                             const char  *folder,
                             GError     **error)
{
  return write_model (manifest, folder, TRUE, error);
}
