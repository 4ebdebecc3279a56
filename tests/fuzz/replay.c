/* SPDX-License-Identifier: Apache-2.0 */

/* TARGET MUTATIONS FOLDER: the main program of a fuzz target where there is no fuzzer. It gives it every file of
 * the folder, and each of them MUTATIONS times more with some bytes changed, cut out or doubled, the same ones at
 * every run. */

#include <string.h>

#include <glib.h>

#include "tests/fuzz/fuzz.h"

static int
compare_names (const void *a,
               const void *b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

static GPtrArray *
list_folder (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir)   dir = g_dir_open (folder, 0, &error);
  GPtrArray         *names = g_ptr_array_new_with_free_func (g_free);
  const char        *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  qsort (names->pdata, names->len, sizeof *names->pdata, compare_names);

  return names;
}

static void
mutate (GByteArray *bytes,
        GRand      *random)
{
  static const char pieces[] = "{}[]\",:0123456789-+.eE\\/<|> '\n\x1e\x80\xff";

  for (int n = g_rand_int_range (random, 1, 5); n > 0 && bytes->len > 0; n--)
    {
      guint at = (guint) g_rand_int_range (random, 0, (gint32) bytes->len);
      guint run = (guint) g_rand_int_range (random, 1, 9);

      run = MIN (run, bytes->len - at);
      switch (g_rand_int_range (random, 0, 5))
        {
        case 0:
          bytes->data[at] = (guint8) g_rand_int_range (random, 0, 256);
          break;
        case 1:
          bytes->data[at] = (guint8) pieces[g_rand_int_range (random, 0, sizeof pieces)];
          break;
        case 2:
          g_byte_array_remove_range (bytes, at, run);
          break;
        case 3:
          g_byte_array_set_size (bytes, at);
          break;
        default:
          {
            g_autofree guint8 *copy = g_memdup2 (bytes->data + at, run);

            g_byte_array_append (bytes, copy, run);
          }
        }
    }
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GRand)     random = g_rand_new_with_seed (1);
  g_autoptr (GPtrArray) names = NULL;
  guint64               mutations;

  if (argc != 3 || !g_ascii_string_to_unsigned (argv[1], 10, 0, G_MAXUINT32, &mutations, NULL))
    {
      g_printerr ("Usage: %s MUTATIONS FOLDER\n", argv[0]);
      return 2;
    }

  names = list_folder (argv[2]);
  g_assert_cmpuint (names->len, >, 0);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char   *path = g_build_filename (argv[2], names->pdata[i], NULL);
      g_autofree char   *content = NULL;
      g_autoptr (GError) error = NULL;
      gsize              length;

      g_file_get_contents (path, &content, &length, &error);
      g_assert_no_error (error);
      LLVMFuzzerTestOneInput ((const uint8_t *) content, length);
      for (guint64 j = 0; j < mutations; j++)
        {
          g_autoptr (GByteArray) bytes = g_byte_array_new ();

          g_byte_array_append (bytes, (const guint8 *) content, (guint) length);
          mutate (bytes, random);
          LLVMFuzzerTestOneInput (bytes->data, bytes->len);
        }
    }

  return 0;
}
