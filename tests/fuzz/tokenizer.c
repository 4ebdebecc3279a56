/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a text; or vocab.json, merges.txt and a text with the byte 0x1e between them. */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/tokenizer.h"
#include "tests/fuzz/fuzz.h"

#define SEPARATOR 0x1e

#define VOCABULARY "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab</w>\":4,\"<|startoftext|>\":5,\"<|endoftext|>\":6}"
#define MERGES     "#version: 0.2\na b</w>\n"

static void
write_file (const char    *folder,
            const char    *name,
            const uint8_t *data,
            size_t         size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  FILE            *file = g_fopen (path, "wb");

  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (data, 1, size, file), ==, size);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
remove_folder (const char *folder)
{
  g_autofree char *vocabulary = g_build_filename (folder, "vocab.json", NULL);
  g_autofree char *merges = g_build_filename (folder, "merges.txt", NULL);

  g_unlink (vocabulary);
  g_unlink (merges);
  g_rmdir (folder);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char        *folder = g_dir_make_tmp ("hd-fuzz-XXXXXX", NULL);
  const uint8_t          *first = size > 0 ? memchr (data, SEPARATOR, size) : NULL;
  const uint8_t          *second = first != NULL ? memchr (first + 1, SEPARATOR, size - (size_t) (first + 1 - data)) : NULL;
  const uint8_t          *text = second != NULL ? second + 1 : data;
  g_autofree char        *copy = g_strndup ((const char *) text, size - (size_t) (text - data));
  g_autoptr (GError)      error = NULL;
  g_autoptr (HdTokenizer) tokenizer = NULL;

  if (second != NULL)
    {
      write_file (folder, "vocab.json", data, (size_t) (first - data));
      write_file (folder, "merges.txt", first + 1, (size_t) (second - first - 1));
    }
  else
    {
      write_file (folder, "vocab.json", (const uint8_t *) VOCABULARY, strlen (VOCABULARY));
      write_file (folder, "merges.txt", (const uint8_t *) MERGES, strlen (MERGES));
    }

  tokenizer = hd_tokenizer_new (folder, &error);
  g_assert_true ((tokenizer != NULL) == (error == NULL));
  if (tokenizer != NULL)
    {
      int    size_of_vocabulary = hd_tokenizer_get_vocabulary_size (tokenizer);
      gint32 ids[HD_TOKENIZER_LENGTH];

      g_assert_cmpint (hd_tokenizer_encode (tokenizer, copy, ids), >=, 2);
      for (int i = 0; i < HD_TOKENIZER_LENGTH; i++)
        g_assert_true (ids[i] >= 0 && ids[i] < size_of_vocabulary);
    }
  remove_folder (folder);

  return 0;
}
