/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "tests/golden/synth.h"

/* Synthetic models in a scratch folder, and safetensors files taken apart and put together otherwise. */

typedef struct
{
  char  *header;
  char  *contents;   /* the whole file */
  char  *data;       /* in @contents */
  gsize  data_length;
} HdTestFile;

static inline void
hd_test_file_read (HdTestFile *file,
                   const char *path)
{
  gsize   length;
  guint64 header_length;

  g_assert_true (g_file_get_contents (path, &file->contents, &length, NULL));
  memcpy (&header_length, file->contents, sizeof header_length);
  header_length = GUINT64_FROM_LE (header_length);
  file->header = g_strndup (file->contents + 8, header_length);
  file->data = file->contents + 8 + header_length;
  file->data_length = length - 8 - header_length;
}

static inline void
hd_test_file_clear (HdTestFile *file)
{
  g_free (file->header);
  g_free (file->contents);
}

static inline void
hd_test_write_tensors (const char *path,
                       const char *header,
                       const char *data,
                       gsize       data_length)
{
  g_autofree char *folder = g_path_get_dirname (path);
  GString         *content = g_string_new (NULL);
  guint64          length = GUINT64_TO_LE ((guint64) strlen (header));

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_string_append_len (content, (const char *) &length, sizeof length);
  g_string_append (content, header);
  g_string_append_len (content, data, (gssize) data_length);
  g_assert_true (g_file_set_contents (path, content->str, (gssize) content->len, NULL));
  g_string_free (content, TRUE);
}

/* @text with the first @from replaced by @to; @from must be there. */
static inline char *
hd_test_replace (const char *text,
                 const char *from,
                 const char *to)
{
  const char *place = strstr (text, from);

  if (place == NULL)
    g_error ("\"%s\" is not in the file", from);

  return g_strdup_printf ("%.*s%s%s", (int) (place - text), text, to, place + strlen (from));
}

/* The folder of the golden manifest NAME.json in @scratch, made if it is not there. */
static inline char *
hd_test_make_model (const char *scratch,
                    const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *file = g_strconcat (name, ".json", NULL);
  g_autofree char   *manifest = g_test_build_filename (G_TEST_DIST, "..", "golden", "models", file, NULL);
  char              *folder = g_build_filename (scratch, name, NULL);

  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    hd_synth_write_model (manifest, folder, &error);
  g_assert_no_error (error);

  return folder;
}

static inline void
hd_test_write_text (const char *folder,
                    const char *name,
                    const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static inline void
hd_test_remove (const char *path)
{
  g_autoptr (GDir) folder = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char      *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      hd_test_remove (child);
    }
  g_remove (path);
}
