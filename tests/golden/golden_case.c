/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/golden/golden_case.h"

#include <math.h>

G_DEFINE_QUARK (hd-golden-unsupported-quark, hd_golden_unsupported)

void
hd_golden_case_free (HdGoldenCase *golden)
{
  if (golden == NULL)
    return;

  if (golden->reader.object != NULL)
    hd_config_reader_close (&golden->reader, NULL);
  g_clear_pointer (&golden->expected, hd_safetensors_unref);
  g_clear_pointer (&golden->compared, g_hash_table_unref);
  g_free (golden->name);
  g_free (golden->kind);
  g_free (golden->model);
  g_free (golden->models_folder);
  g_free (golden);
}

/* NAME.safetensors beside NAME.json; a tokenizer's case has none. */
static gboolean
open_expected (HdGoldenCase  *golden,
               const char    *path,
               GError       **error)
{
  g_autofree char *stem = g_strndup (path, strlen (path) - strlen (".json"));
  g_autofree char *tensors = g_strconcat (stem, ".safetensors", NULL);

  if (g_str_equal (golden->kind, "tokenizer"))
    return TRUE;

  golden->expected = hd_safetensors_open (tensors, error);

  return golden->expected != NULL;
}

HdGoldenCase *
hd_golden_case_open (const char  *path,
                     GError     **error)
{
  g_autoptr (HdGoldenCase) golden = g_new0 (HdGoldenCase, 1);
  g_autofree char         *folder = g_path_get_dirname (path);

  if (!g_str_has_suffix (path, ".json"))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected the name of a case, NAME.json", path);
      return NULL;
    }

  if (!hd_config_reader_open (&golden->reader, path, error))
    return NULL;

  golden->name = hd_config_string (&golden->reader, "name", "");
  golden->kind = hd_config_string (&golden->reader, "kind", "");
  if (hd_config_has (&golden->reader, "model"))
    golden->model = hd_config_string (&golden->reader, "model", NULL);
  if (golden->reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return NULL;
    }

  golden->models_folder = g_build_filename (folder, "..", "models", NULL);
  golden->compared = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!open_expected (golden, path, error))
    return NULL;

  return g_steal_pointer (&golden);
}

char *
hd_golden_stream (const HdGoldenCase *golden,
                  const char         *format,
                  ...)
{
  g_autofree char *rest = NULL;
  va_list          arguments;

  va_start (arguments, format);
  rest = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  return g_strconcat (golden->name, "/", rest, NULL);
}

static gsize
count_elements (const HdSafetensorsEntry *entry)
{
  gsize count = 1;

  for (int i = 0; i < entry->n_dimensions; i++)
    count *= (gsize) entry->shape[i];

  return count;
}

/* NaN, once it is there, stays. */
static void
note_error (HdGoldenCase *golden,
            double        error)
{
  if (!isnan (golden->error) && !(error <= golden->error))
    golden->error = error;
}

gboolean
hd_golden_compare (HdGoldenCase  *golden,
                   const char    *tensor,
                   const float   *values,
                   gsize          count,
                   GError       **error)
{
  const HdSafetensorsEntry *entry = hd_safetensors_lookup (golden->expected, tensor);
  g_autoptr (GBytes)        bytes = NULL;
  const float              *expected;
  double                    difference = 0.0;
  double                    norm = 0.0;

  if (entry == NULL || entry->dtype != HD_DTYPE_F32 || !entry->supported || count_elements (entry) != count)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: tensor %s: expected %" G_GSIZE_FORMAT
                   " elements of F32, found %" G_GSIZE_FORMAT " of %s", hd_safetensors_get_path (golden->expected),
                   tensor, count, entry != NULL ? count_elements (entry) : 0,
                   entry != NULL ? entry->dtype_name : "none");
      return FALSE;
    }

  bytes = hd_safetensors_get (golden->expected, entry, error);
  if (bytes == NULL)
    return FALSE;

  expected = g_bytes_get_data (bytes, NULL);
  for (gsize i = 0; i < count; i++)
    {
      difference += ((double) values[i] - expected[i]) * ((double) values[i] - expected[i]);
      norm += (double) expected[i] * expected[i];
    }
  /* a tensor of zeros is met exactly or not at all */
  note_error (golden, norm > 0.0 || difference != 0.0 ? sqrt (difference) / sqrt (norm) : 0.0);
  g_hash_table_add (golden->compared, g_strdup (tensor));

  return TRUE;
}

gboolean
hd_golden_compare_strided (HdGoldenCase  *golden,
                           const char    *tensor,
                           const float   *values,
                           int            planes,
                           int            height,
                           int            width,
                           int            stride,
                           GError       **error)
{
  gsize             rows = (height + stride - 1) / stride;
  gsize             columns = (width + stride - 1) / stride;
  g_autofree float *kept = g_new (float, planes * rows * columns);
  gsize             n = 0;

  for (int p = 0; p < planes; p++)
    for (int y = 0; y < height; y += stride)
      for (int x = 0; x < width; x += stride)
        kept[n++] = values[((gsize) p * height + y) * width + x];

  return hd_golden_compare (golden, tensor, kept, n, error);
}

gboolean
hd_golden_case_check_complete (HdGoldenCase  *golden,
                               GError       **error)
{
  guint                     n_entries = 0;
  const HdSafetensorsEntry *entries = NULL;

  if (golden->expected != NULL)
    entries = hd_safetensors_get_entries (golden->expected, &n_entries);

  for (guint i = 0; i < n_entries; i++)
    if (!g_hash_table_contains (golden->compared, entries[i].name))
      {
        g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: tensor %s was not computed",
                     hd_safetensors_get_path (golden->expected), entries[i].name);
        return FALSE;
      }

  return TRUE;
}
