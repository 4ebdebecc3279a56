/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* LoRA files that tests write, and what they do to weights. */

#include <math.h>
#include <string.h>

#include <glib/gstdio.h>

#include "engine/weight_patches.h"
#include "kernels/host.h"

/* --- files --------------------------------------------------------------------- */

#define MAX_SIDES 5

typedef struct
{
  char    *name;
  HdDtype  dtype;
  int      n;
  int      sides[MAX_SIDES];
  gsize    count;
  float   *values;     /* as the file's type has them */
  gboolean wide;       /* an integer: written as I64 */
} Tensor;

typedef struct
{
  GPtrArray  *tensors;
  const char *metadata;   /* JSON, or NULL */
  guint32     random;
} File;

static inline void
tensor_free (gpointer data)
{
  Tensor *tensor = data;

  g_free (tensor->name);
  g_free (tensor->values);
  g_free (tensor);
}

static inline void
file_init (File    *file,
           guint32  seed)
{
  *file = (File) { .random = seed };
  file->tensors = g_ptr_array_new_with_free_func (tensor_free);
}

static inline void
file_clear (File *file)
{
  g_ptr_array_unref (file->tensors);
}

/* In [-1, 1). */
static inline float
random_float (File *file)
{
  file->random = file->random * 1664525u + 1013904223u;

  return (float) (file->random >> 8) / 8388608.0f - 1.0f;
}

/* Values that the type can say. */
static inline void
round_values (Tensor *tensor)
{
  g_autofree guint32 *bytes = g_new (guint32, tensor->count);

  hd_host_from_float (tensor->dtype, tensor->values, tensor->count, bytes);
  hd_host_to_float (tensor->dtype, bytes, tensor->count, tensor->values);
}

static inline Tensor *
add_sides (File       *file,
           HdDtype     dtype,
           const char *name,
           int         n,
           const int  *sides)
{
  Tensor *tensor = g_new0 (Tensor, 1);

  g_assert_cmpint (n, <=, MAX_SIDES);
  tensor->name = g_strdup (name);
  tensor->dtype = dtype;
  tensor->n = n;
  tensor->count = 1;
  for (int i = 0; i < n; i++)
    {
      tensor->sides[i] = sides[i];
      tensor->count *= (gsize) sides[i];
    }
  tensor->values = g_new (float, MAX (tensor->count, 1));
  for (gsize i = 0; i < tensor->count; i++)
    tensor->values[i] = random_float (file);
  round_values (tensor);
  g_ptr_array_add (file->tensors, tensor);

  return tensor;
}

#define add(file, dtype, name, ...) \
  add_sides (file, dtype, name, G_N_ELEMENTS (((int[]) { __VA_ARGS__ })), (int[]) { __VA_ARGS__ })

static inline void
add_alpha (File       *file,
           const char *name,
           float       alpha)
{
  Tensor *tensor = add_sides (file, HD_DTYPE_F16, name, 0, NULL);

  tensor->values[0] = alpha;
  round_values (tensor);
}

static inline const char *
file_type (const Tensor *tensor)
{
  if (tensor->wide)
    return "I64";

  return tensor->dtype == HD_DTYPE_F32 ? "F32" : tensor->dtype == HD_DTYPE_F16 ? "F16" : "BF16";
}

static inline void
append_values (GByteArray   *data,
               const Tensor *tensor)
{
  g_autofree guint8 *bytes = g_malloc (tensor->count * 4 + 1);
  gint64             integer = tensor->wide ? (gint64) tensor->values[0] : 0;

  hd_host_from_float (tensor->dtype, tensor->values, tensor->count, bytes);
  if (tensor->wide)
    g_byte_array_append (data, (const guint8 *) &integer, sizeof integer);
  else
    g_byte_array_append (data, bytes, (guint) (tensor->count * hd_dtype_size (tensor->dtype)));
}

static inline void
write_file (const File *file,
            const char *path)
{
  g_autoptr (GString)    header = g_string_new ("{");
  g_autoptr (GString)    content = g_string_new (NULL);
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint64                length;

  if (file->metadata != NULL)
    g_string_append_printf (header, "\"__metadata__\":%s", file->metadata);
  for (guint i = 0; i < file->tensors->len; i++)
    {
      const Tensor *tensor = g_ptr_array_index (file->tensors, i);
      gsize         start = data->len;

      append_values (data, tensor);
      g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header->len > 1 ? "," : "",
                              tensor->name, file_type (tensor));
      for (int j = 0; j < tensor->n; j++)
        g_string_append_printf (header, "%s%d", j > 0 ? "," : "", tensor->sides[j]);
      g_string_append_printf (header, "],\"data_offsets\":[%" G_GSIZE_FORMAT ",%u]}", start, data->len);
    }
  g_string_append_c (header, '}');

  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_append_len (content, (const char *) &length, sizeof length);
  g_string_append_len (content, header->str, (gssize) header->len);
  g_string_append_len (content, (const char *) data->data, data->len);
  g_unlink (path);
  g_assert_true (g_file_set_contents (path, content->str, (gssize) content->len, NULL));
}

/* --- fixture ------------------------------------------------------------------- */

typedef struct
{
  char            *folder;
  char            *path;        /* of the LoRA */
  File             file;
  HdWeightPatches *patches;
} Fixture;

static inline void
set_up (Fixture    *fixture,
        const void *data)
{
  fixture->folder = g_dir_make_tmp ("hd-lora-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "style.safetensors", NULL);
  file_init (&fixture->file, 1);
  fixture->patches = hd_weight_patches_new (2);
}

static inline void
tear_down (Fixture    *fixture,
           const void *data)
{
  hd_weight_patches_unref (fixture->patches);
  file_clear (&fixture->file);
  g_unlink (fixture->path);
  g_rmdir (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->folder);
}

static inline void
open_lora (Fixture *fixture,
           double   unet_weight,
           double   text_weight)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HdLora) lora = NULL;

  write_file (&fixture->file, fixture->path);
  lora = hd_lora_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (lora);
  hd_weight_patches_add_lora (fixture->patches, lora, unet_weight, text_weight);
}

/* A weight of a model. */
typedef struct
{
  const char *name;
  HdLoraPart  part;
  int         n;
  int         shape[4];
} Weight;

/* Applies the patches to random values and gives those, in *@before, and the result. */
static inline float *
apply (Fixture       *fixture,
       const Weight  *weight,
       HdDtype        file_dtype,
       HdDtype        dtype,
       float        **before,
       GError       **error)
{
  File               model;
  Tensor            *tensor;
  HdWeightPart       part;
  g_autofree guint8 *bytes = NULL;
  float             *after = NULL;

  file_init (&model, 77);
  tensor = add_sides (&model, file_dtype, weight->name, weight->n, weight->shape);
  bytes = g_malloc (tensor->count * 4);
  hd_host_from_float (file_dtype, tensor->values, tensor->count, bytes);
  part.dtype = file_dtype;
  part.out_channels = weight->shape[0];
  part.bytes = g_bytes_new (bytes, tensor->count * hd_dtype_size (file_dtype));
  if (hd_weight_patches_apply (fixture->patches, weight->part, weight->name, weight->shape, weight->n, dtype, FALSE,
                               &part, error))
    {
      g_assert_cmpuint (g_bytes_get_size (part.bytes), ==, tensor->count * hd_dtype_size (part.dtype));
      after = g_new (float, tensor->count);
      hd_host_to_float (part.dtype, g_bytes_get_data (part.bytes, NULL), tensor->count, after);
    }
  *before = g_steal_pointer (&tensor->values);
  g_bytes_unref (part.bytes);
  file_clear (&model);

  return after;
}

static inline gsize
count_elements (const Weight *weight)
{
  gsize count = 1;

  for (int i = 0; i < weight->n; i++)
    count *= (gsize) weight->shape[i];

  return count;
}

/* The weight's values plus @change. */
static inline void
assert_changed (Fixture       *fixture,
                const Weight  *weight,
                const double  *change)
{
  g_autoptr (GError) error = NULL;
  g_autofree float  *before = NULL;
  g_autofree float  *after = apply (fixture, weight, HD_DTYPE_F16, HD_DTYPE_F32, &before, &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < count_elements (weight); i++)
    if (!(fabs (after[i] - (before[i] + change[i])) <= 2e-6))
      g_error ("%s: element %d: %g + %g, found %g", weight->name, (int) i, before[i], change[i], after[i]);
}

static inline void
assert_unchanged (Fixture      *fixture,
                  const Weight *weight)
{
  g_autofree double *change = g_new0 (double, count_elements (weight));

  assert_changed (fixture, weight, change);
}

/* @scale up (O, R) down (R, N) is added to @change. */
static inline void
add_product (double       *change,
             double        scale,
             const Tensor *up,
             const Tensor *down)
{
  int rows = up->sides[0];
  int rank = up->sides[1];
  int columns = (int) (down->count / (gsize) rank);

  for (int o = 0; o < rows; o++)
    for (int i = 0; i < columns; i++)
      for (int r = 0; r < rank; r++)
        change[o * columns + i] += scale * up->values[o * rank + r] * down->values[r * columns + i];
}

/* --- tests --- */

static inline void
add_test (const char *name,
          const void *data,
          void     (* test) (Fixture *, const void *))
{
  g_autofree char *path = g_strconcat ("/lora/", name, NULL);

  g_test_add (path, Fixture, data, set_up, test, tear_down);
}
