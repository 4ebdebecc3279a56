/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/tensor_source.h"

#include <string.h>

struct _HdTensorSource
{
  HdSafetensors **files;
  guint           n_files;
  HdNames         names;
};

HdTensorSource *
hd_tensor_source_new (HdSafetensors * const *files,
                      guint                  n_files,
                      const HdNames         *names)
{
  HdTensorSource *source = g_atomic_rc_box_new0 (HdTensorSource);

  source->files = g_new0 (HdSafetensors *, n_files + 1);
  source->n_files = n_files;
  for (guint i = 0; i < n_files; i++)
    source->files[i] = hd_safetensors_ref (files[i]);
  if (names != NULL)
    source->names = *names;

  return source;
}

HdTensorSource *
hd_tensor_source_ref (HdTensorSource *source)
{
  return g_atomic_rc_box_acquire (source);
}

static void
clear (gpointer data)
{
  HdTensorSource *source = data;

  for (guint i = 0; i < source->n_files; i++)
    hd_safetensors_unref (source->files[i]);
  g_free (source->files);
}

void
hd_tensor_source_unref (HdTensorSource *source)
{
  if (source != NULL)
    g_atomic_rc_box_release_full (source, clear);
}

const char *
hd_tensor_source_get_path (HdTensorSource *source)
{
  return source->n_files > 0 ? hd_safetensors_get_path (source->files[0]) : "(no file)";
}

guint
hd_tensor_source_get_n_files (HdTensorSource *source)
{
  return source->n_files;
}

HdSafetensors *
hd_tensor_source_get_file (HdTensorSource *source,
                           guint           i)
{
  return source->files[i];
}

const HdNames *
hd_tensor_source_get_names (HdTensorSource *source)
{
  return &source->names;
}

/* --- finding ------------------------------------------------------------------- */

/* Narrows @entry to one of @n_parts equal parts of its rows. One that cannot be divided stays whole: its shape will
 * tell whoever asked. */
static void
take_part (HdSafetensorsEntry *entry,
           int                 part,
           int                 n_parts)
{
  if (entry->n_dimensions < 1 || entry->shape[0] % n_parts != 0 || entry->length % (gsize) n_parts != 0)
    return;

  entry->shape[0] /= n_parts;
  entry->length /= (gsize) n_parts;
  entry->offset += (gsize) part * entry->length;
}

static gboolean
find_original (HdTensorSource         *source,
               const HdOriginalTensor *tensor,
               HdFoundTensor          *found)
{
  for (guint i = 0; i < source->n_files; i++)
    {
      const HdSafetensorsEntry *entry = hd_safetensors_lookup (source->files[i], tensor->name);

      if (entry == NULL)
        continue;

      *found = (HdFoundTensor) { .file = source->files[i], .entry = *entry };
      if (tensor->n_parts > 1)
        take_part (&found->entry, tensor->part, tensor->n_parts);
      if (tensor->transposed && entry->n_dimensions == 2)
        {
          found->transposed = TRUE;
          found->entry.shape[0] = entry->shape[1];
          found->entry.shape[1] = entry->shape[0];
        }
      return TRUE;
    }

  return FALSE;
}

static gboolean
find_spelled (HdTensorSource *source,
              const char     *name,
              HdFoundTensor  *found)
{
  HdOriginalTensor tensors[HD_ORIGINAL_TENSOR_MAX];
  int              n = hd_names_translate (&source->names, name, tensors);
  gboolean         is_there = FALSE;

  for (int i = 0; i < n; i++)
    {
      is_there = is_there || find_original (source, &tensors[i], found);
      hd_original_tensor_clear (&tensors[i]);
    }

  return is_there;
}

/* @name with its first @from replaced by @to; NULL if it is not in there. */
static char *
respell (const char *name,
         const char *from,
         const char *to)
{
  const char *place = strstr (name, from);

  if (place == NULL)
    return NULL;

  return g_strdup_printf ("%.*s%s%s", (int) (place - name), name, to, place + strlen (from));
}

gboolean
hd_tensor_source_find (HdTensorSource *source,
                       const char     *name,
                       HdFoundTensor  *found)
{
  static const struct { const char *today; const char *elsewhere; } spellings[] = {
    { "text_model.", "" },             /* transformers 5 */
    { ".to_q.", ".query." },           /* the VAE's attention before diffusers 0.12 */
    { ".to_k.", ".key." },
    { ".to_v.", ".value." },
    { ".to_out.0.", ".proj_attn." },
  };

  if (find_spelled (source, name, found))
    return TRUE;
  if (source->names.naming != HD_NAMING_DIFFUSERS)
    return FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (spellings); i++)
    {
      g_autofree char *other = respell (name, spellings[i].today, spellings[i].elsewhere);

      if (other != NULL && find_spelled (source, other, found))
        return TRUE;
    }

  return FALSE;
}

char *
hd_tensor_source_describe (HdTensorSource *source,
                           const char     *name)
{
  HdOriginalTensor tensors[HD_ORIGINAL_TENSOR_MAX];
  int              n = hd_names_translate (&source->names, name, tensors);
  char            *described = g_strdup (n > 0 ? tensors[0].name : name);

  for (int i = 0; i < n; i++)
    hd_original_tensor_clear (&tensors[i]);

  return described;
}

/* --- reading ------------------------------------------------------------------- */

/* The matrix (@rows, @columns) of elements of @size bytes from the matrix (@columns, @rows). */
static GBytes *
transpose (GBytes *bytes,
           gsize   rows,
           gsize   columns,
           gsize   size)
{
  const guchar *source = g_bytes_get_data (bytes, NULL);
  gsize         length = rows * columns * size;
  guchar       *target = g_malloc (MAX (length, 1));

  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++)
      memcpy (target + (i * columns + j) * size, source + (j * rows + i) * size, size);

  return g_bytes_new_take (target, length);
}

GBytes *
hd_found_tensor_read (const HdFoundTensor  *found,
                      GError              **error)
{
  const HdSafetensorsEntry *entry = &found->entry;
  g_autoptr (GBytes)        bytes = hd_safetensors_get (found->file, entry, error);

  if (bytes == NULL || !found->transposed || !entry->supported)
    return g_steal_pointer (&bytes);

  return transpose (bytes, (gsize) entry->shape[0], (gsize) entry->shape[1], hd_dtype_size (entry->dtype));
}
