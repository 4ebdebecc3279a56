/* SPDX-License-Identifier: Apache-2.0 */

/* The input is a prompt; there is an embedding of the name "cat". */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/prompt_windows.h"
#include "tests/fuzz/fuzz.h"

#define VOCABULARY "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab</w>\":4,\",</w>\":5,\"<|startoftext|>\":6,\"<|endoftext|>\":7}"
#define MERGES     "#version: 0.2\na b</w>\n"
#define HEADER     "{\"emb_params\":{\"dtype\":\"F16\",\"shape\":[3,4],\"data_offsets\":[0,24]}}"

#define VOCABULARY_SIZE 8
#define VECTORS         3

static void
write_file (const char *folder,
            const char *name,
            const void *data,
            size_t      size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  FILE            *file = g_fopen (path, "wb");

  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (data, 1, size, file), ==, size);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
write_embedding (const char *folder)
{
  guint64 length = GUINT64_TO_LE ((guint64) strlen (HEADER));
  char    content[sizeof length + sizeof HEADER - 1 + VECTORS * 4 * 2] = { 0 };

  memcpy (content, &length, sizeof length);
  memcpy (content + sizeof length, HEADER, strlen (HEADER));
  write_file (folder, "cat.safetensors", content, sizeof content);
}

static void
remove_folder (const char *folder)
{
  static const char * const names[] = { "vocab.json", "merges.txt", "cat.safetensors" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

static void
check_prompt (const HdPrompt *prompt,
              const char     *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  gsize            length = 0;

  for (guint i = 0; i < prompt->pieces->len; i++)
    {
      const HdPromptPiece *piece = g_ptr_array_index (prompt->pieces, i);
      const HdPromptPiece *before = i > 0 ? g_ptr_array_index (prompt->pieces, i - 1) : NULL;

      g_assert_true (ABS (piece->weight) <= HD_PROMPT_MAX_WEIGHT);
      g_assert_true (piece->text[0] != '\0' && g_utf8_validate (piece->text, -1, NULL));
      g_assert_true (before == NULL || piece->starts_window || piece->weight != before->weight);
      length += strlen (piece->text);
    }
  for (guint i = 0; i < prompt->loras->len; i++)
    {
      const HdPromptLora *lora = g_ptr_array_index (prompt->loras, i);

      g_assert_true (ABS (lora->weight) <= HD_PROMPT_MAX_WEIGHT);
      g_assert_true (lora->name[0] != '\0' && strpbrk (lora->name, "<>:") == NULL);
      length += strlen ("<lora:>") + strlen (lora->name);
    }
  g_assert_cmpuint (length, <=, strlen (valid));
}

static void
check_windows (const GArray *windows)
{
  for (guint i = 0; i < windows->len; i++)
    {
      const HdPromptWindow *window = &g_array_index (windows, HdPromptWindow, i);

      for (int t = 0; t < HD_TOKENIZER_LENGTH; t++)
        {
          g_assert_true (window->ids[t] >= 0 && window->ids[t] < VOCABULARY_SIZE + VECTORS);
          g_assert_true (ABS (window->weights[t]) <= (float) HD_PROMPT_MAX_WEIGHT);
        }
      g_assert_true (window->end > 0 && window->end < HD_TOKENIZER_LENGTH);
      g_assert_cmpint (window->ids[window->end], ==, VOCABULARY_SIZE - 1);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  const int                     width = 4;
  g_autofree char              *folder = g_dir_make_tmp ("hd-fuzz-XXXXXX", NULL);
  const char                   *folders[] = { folder, NULL };
  g_autofree char              *text = g_strndup (size > 0 ? (const char *) data : "", size);
  g_autoptr (HdPrompt)          prompt = hd_prompt_parse (text);
  g_autoptr (HdTokenizer)       tokenizer = NULL;
  g_autoptr (HdTextEmbeddings)  embeddings = NULL;
  g_autoptr (GPtrArray)         segments = NULL;
  g_autoptr (GArray)            windows = NULL;
  g_autoptr (GError)            error = NULL;

  check_prompt (prompt, text);

  write_file (folder, "vocab.json", VOCABULARY, strlen (VOCABULARY));
  write_file (folder, "merges.txt", MERGES, strlen (MERGES));
  write_embedding (folder);
  tokenizer = hd_tokenizer_new (folder, &error);
  g_assert_no_error (error);
  embeddings = hd_text_embeddings_new (folders, &width, 1);
  segments = hd_prompt_segments_new (prompt, embeddings, &error);
  g_assert_no_error (error);
  windows = hd_prompt_windows_new (tokenizer, segments, VOCABULARY_SIZE, &error);
  g_assert_true ((windows != NULL) == (error == NULL));
  if (windows != NULL)
    check_windows (windows);
  remove_folder (folder);

  return 0;
}
