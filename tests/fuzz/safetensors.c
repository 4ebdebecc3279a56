/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a safetensors file: all that it claims to hold is read. */

#include "engine/safetensors.h"
#include "tests/fuzz/fuzz.h"

static void
read_all (HdSafetensors *file)
{
  const HdSafetensorsEntry *entries;
  guint                     n;

  entries = hd_safetensors_get_entries (file, &n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = hd_safetensors_get (file, &entries[i], &error);
      const guchar      *data;
      gsize              length;
      guint              sum = 0;

      g_assert_no_error (error);
      data = g_bytes_get_data (bytes, &length);
      for (gsize j = 0; j < length; j++)
        sum += data[j];
      g_assert_cmpuint (sum, <=, 255 * length);
      g_assert_true (hd_safetensors_lookup (file, entries[i].name) == &entries[i]);
    }
  hd_safetensors_get_metadata (file, "format");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  const char               *path = fuzz_file (data, size);
  g_autoptr (GError)        error = NULL;
  g_autoptr (HdSafetensors) mapped = hd_safetensors_open (path, &error);
  g_autoptr (HdSafetensors) unmapped = hd_safetensors_open_unmapped (path, NULL);

  g_assert_true ((mapped != NULL) == (unmapped != NULL));
  g_assert_true ((mapped != NULL) == (error == NULL));
  if (mapped != NULL)
    {
      read_all (mapped);
      read_all (unmapped);
    }

  return 0;
}
