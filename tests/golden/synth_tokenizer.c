/* SPDX-License-Identifier: Apache-2.0 */

#include <json-glib/json-glib.h>

#include "engine/file.h"
#include "tests/golden/synth.h"

#define MAX_MERGES_BYTES (8 << 20)

static gboolean
is_own_letter (guint byte)
{
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/* The letters of the 256 bytes in the vocabulary's order: the printable ones first, then U+0100 and on. */
static void
add_letters (JsonObject *vocabulary,
             const char *end)
{
  for (guint i = 0, others = 0; i < 512; i++)
    {
      guint            byte = i % 256;
      gboolean         own = is_own_letter (byte);
      char             letter[8] = { 0 };
      g_autofree char *token = NULL;

      if (own != (i < 256))
        continue;
      g_unichar_to_utf8 (own ? byte : 256 + others++, letter);
      token = g_strconcat (letter, end, NULL);
      json_object_set_int_member (vocabulary, token, json_object_get_size (vocabulary));
    }
}

static JsonObject *
make_vocabulary (const char *merges)
{
  JsonObject    *vocabulary = json_object_new ();
  g_auto (GStrv) lines = g_strsplit (merges, "\n", -1);

  add_letters (vocabulary, "");
  add_letters (vocabulary, "</w>");
  for (guint i = 1; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_auto (GStrv)   pair = g_strsplit (lines[i], " ", 2);
      g_autofree char *token = g_strjoinv (NULL, pair);

      json_object_set_int_member (vocabulary, token, json_object_get_size (vocabulary));
    }
  json_object_set_int_member (vocabulary, "<|startoftext|>", json_object_get_size (vocabulary));
  json_object_set_int_member (vocabulary, "<|endoftext|>", json_object_get_size (vocabulary));

  return vocabulary;
}

/* Takes @object over. */
static gboolean
write_json (const char  *folder,
            const char  *name,
            JsonObject  *object,
            GError     **error)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char     *path = g_build_filename (folder, name, NULL);
  g_autofree char     *text = NULL;

  json_node_take_object (node, object);
  text = json_to_string (node, FALSE);

  return g_file_set_contents (path, text, -1, error);
}

gboolean
hd_synth_write_tokenizer (const char  *merges,
                          const char  *folder,
                          const char  *pad,
                          GError     **error)
{
  g_autofree char *text = hd_file_contents_gzip (merges, MAX_MERGES_BYTES, NULL, error);
  g_autofree char *path = g_build_filename (folder, "merges.txt", NULL);
  JsonObject      *special;

  if (text == NULL)
    return FALSE;

  special = json_object_new ();
  json_object_set_string_member (special, "bos_token", "<|startoftext|>");
  json_object_set_string_member (special, "eos_token", "<|endoftext|>");
  json_object_set_string_member (special, "unk_token", "<|endoftext|>");
  json_object_set_string_member (special, "pad_token", pad);
  g_mkdir_with_parents (folder, 0755);

  return write_json (folder, "special_tokens_map.json", special, error)
         && write_json (folder, "vocab.json", make_vocabulary (text), error)
         && g_file_set_contents (path, text, -1, error);
}
