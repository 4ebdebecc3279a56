/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a safetensors file's header, to which as many bytes belong as it says: whatever it holds is recognised,
 * and if it is a checkpoint, configured and checked. */

#include <string.h>

#include "engine/model.h"
#include "tests/fuzz/fuzz.h"

#define MAX_DATA (4 << 20)

/* The furthest end that the header's text claims, so that mutated inputs are files more often than not. */
static gsize
claimed_end (const char *header)
{
  const char *p = header;
  guint64     end = 0;

  while ((p = strstr (p, "\"data_offsets\":[")) != NULL)
    {
      const char *comma;

      p += strlen ("\"data_offsets\":[");
      comma = strchr (p, ',');
      if (comma != NULL)
        end = MAX (end, g_ascii_strtoull (comma + 1, NULL, 10));
    }

  return MIN (end, MAX_DATA);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char     *header = g_strndup ((const char *) data, size);
  gsize                header_length = strlen (header);
  gsize                data_length = claimed_end (header);
  gsize                length = 8 + header_length + data_length;
  g_autofree char     *file = g_malloc0 (length);
  guint64              prefix = GUINT64_TO_LE ((guint64) header_length);
  g_autoptr (GError)   error = NULL;
  g_autoptr (HdModel)  model = NULL;
  const char          *path;
  HdModelDefaults      defaults;

  memcpy (file, &prefix, sizeof prefix);
  memcpy (file + 8, header, header_length);
  path = fuzz_file ((const uint8_t *) file, length);
  model = hd_model_open (path, NULL, &error);
  g_assert_true ((model != NULL) == (error == NULL));
  if (model != NULL)
    {
      hd_model_get_defaults (model, &defaults);
      g_assert_cmpint (defaults.steps, >, 0);
      g_assert_true (hd_model_check (model, &error) == (error == NULL));
    }

  return 0;
}
