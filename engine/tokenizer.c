/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/bpe.h"
#include "engine/config_reader.h"
#include "engine/file.h"
#include "engine/tokenizer.h"
#include "engine/tokenizer_text.h"

#define START_TOKEN "<|startoftext|>"
#define END_TOKEN   "<|endoftext|>"

#define MAX_FILE_BYTES (32 << 20)
#define MAX_ID         (1 << 24)

struct _HdTokenizer
{
  gatomicrefcount  ref_count;
  HdBpe           *bpe;
  gint32           start_id;
  gint32           end_id;
  gint32           pad_id;
  gint32           vocabulary_size;
};

/* --- the files ---------------------------------------------------------------- */

/* vocab.json: token -> id. */
static GHashTable *
read_vocabulary (const char  *path,
                 gint32      *size,
                 GError     **error)
{
  g_autoptr (JsonObject) object = hd_json_read_file (path, MAX_FILE_BYTES, error);
  g_autoptr (GHashTable) vocabulary = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  JsonObjectIter         iter;
  const char            *token;
  JsonNode              *node;

  if (object == NULL)
    return NULL;

  *size = 0;
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &token, &node))
    {
      gboolean is_int = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64;
      gint64   id = is_int ? json_node_get_int (node) : -1;

      if (id < 0 || id > MAX_ID)
        {
          g_autofree char *name = hd_json_quote (token);
          g_autofree char *found = hd_json_describe (node);

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: token %s: expected an id from 0 to %d, found %s", path, name, MAX_ID, found);
          return NULL;
        }
      g_hash_table_insert (vocabulary, g_strdup (token), GINT_TO_POINTER ((int) id));
      *size = MAX (*size, (gint32) id + 1);
    }

  return g_steal_pointer (&vocabulary);
}

static gboolean
find_token (GHashTable  *vocabulary,
            const char  *path,
            const char  *token,
            gint32      *id,
            GError     **error)
{
  gpointer value;

  if (g_hash_table_lookup_extended (vocabulary, token, NULL, &value))
    {
      *id = GPOINTER_TO_INT (value);
      return TRUE;
    }

  g_autofree char *name = hd_json_quote (token);

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected the token %s, found none of that name", path, name);
  return FALSE;
}

/* "pad_token" in FOLDER/NAME, a string or an object with its "content"; *@pad stays if there is none. */
static gboolean
read_pad_token (const char  *folder,
                const char  *name,
                char       **pad,
                GError     **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  HdConfigReader   reader;
  JsonNode        *node;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  node = json_object_get_member (reader.object, "pad_token");
  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    {
      hd_config_enter (&reader, "pad_token");
      if (!hd_config_has (&reader, "content"))
        hd_config_fail (&reader, "content", "the padding token");
      g_free (*pad);
      *pad = hd_config_string (&reader, "content", NULL);
    }
  else if (hd_config_has (&reader, "pad_token"))
    {
      g_free (*pad);
      *pad = hd_config_string (&reader, "pad_token", NULL);
    }

  return hd_config_reader_close (&reader, error);
}

static gboolean
read_merges (HdTokenizer  *tokenizer,
             const char   *path,
             gboolean      packed,
             GError      **error)
{
  g_autofree char *text = NULL;
  gsize            length;

  text = packed ? hd_file_contents_gzip (path, MAX_FILE_BYTES, &length, error)
                : hd_file_contents (path, MAX_FILE_BYTES, &length, error);
  if (text == NULL)
    return FALSE;
  tokenizer->bpe = hd_bpe_new (text, length, path, error);

  return tokenizer->bpe != NULL;
}

static HdTokenizer *
tokenizer_new (void)
{
  HdTokenizer *tokenizer = g_new0 (HdTokenizer, 1);

  g_atomic_ref_count_init (&tokenizer->ref_count);

  return tokenizer;
}

HdTokenizer *
hd_tokenizer_new (const char  *folder,
                  GError     **error)
{
  g_autoptr (HdTokenizer) tokenizer = tokenizer_new ();
  g_autoptr (GHashTable)  vocabulary = NULL;
  g_autofree char        *vocabulary_path = g_build_filename (folder, "vocab.json", NULL);
  g_autofree char        *merges_path = g_build_filename (folder, "merges.txt", NULL);
  g_autofree char        *pad = g_strdup (END_TOKEN);

  vocabulary = read_vocabulary (vocabulary_path, &tokenizer->vocabulary_size, error);
  if (vocabulary == NULL
      || !read_pad_token (folder, "tokenizer_config.json", &pad, error)
      || !read_pad_token (folder, "special_tokens_map.json", &pad, error)
      || !find_token (vocabulary, vocabulary_path, START_TOKEN, &tokenizer->start_id, error)
      || !find_token (vocabulary, vocabulary_path, END_TOKEN, &tokenizer->end_id, error)
      || !find_token (vocabulary, vocabulary_path, pad, &tokenizer->pad_id, error)
      || !read_merges (tokenizer, merges_path, FALSE, error))
    return NULL;

  hd_bpe_set_ids (tokenizer->bpe, vocabulary, tokenizer->end_id);
  return g_steal_pointer (&tokenizer);
}

HdTokenizer *
hd_tokenizer_new_clip (const char  *merges,
                       const char  *pad,
                       GError     **error)
{
  g_autoptr (HdTokenizer) tokenizer = tokenizer_new ();

  if (!read_merges (tokenizer, merges, TRUE, error))
    return NULL;

  tokenizer->start_id = hd_bpe_number_ids (tokenizer->bpe);
  tokenizer->end_id = tokenizer->start_id + 1;
  tokenizer->pad_id = tokenizer->end_id;
  tokenizer->vocabulary_size = tokenizer->end_id + 1;
  if (pad != NULL && strcmp (pad, END_TOKEN) != 0 && !hd_bpe_find (tokenizer->bpe, pad, &tokenizer->pad_id))
    {
      g_autofree char *name = hd_json_quote (pad);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected the token %s, found none of that name", merges, name);
      return NULL;
    }

  return g_steal_pointer (&tokenizer);
}

HdTokenizer *
hd_tokenizer_ref (HdTokenizer *tokenizer)
{
  g_atomic_ref_count_inc (&tokenizer->ref_count);

  return tokenizer;
}

void
hd_tokenizer_unref (HdTokenizer *tokenizer)
{
  if (tokenizer == NULL || !g_atomic_ref_count_dec (&tokenizer->ref_count))
    return;

  hd_bpe_free (tokenizer->bpe);
  g_free (tokenizer);
}

int
hd_tokenizer_get_vocabulary_size (HdTokenizer *tokenizer)
{
  return tokenizer->vocabulary_size;
}

gint32
hd_tokenizer_get_end_token (HdTokenizer *tokenizer)
{
  return tokenizer->end_id;
}

/* --- encoding ----------------------------------------------------------------- */

/* g_str_has_prefix() may look for the end of the text, which may be long. */
static gboolean
starts_with (const char *text,
             const char *prefix)
{
  return strncmp (text, prefix, strlen (prefix)) == 0;
}

/* The id and length of the special token that @text begins with; FALSE if it is none. */
static gboolean
starts_with_special (HdTokenizer *tokenizer,
                     const char  *text,
                     gint32      *id,
                     gsize       *length)
{
  if (starts_with (text, START_TOKEN))
    {
      *id = tokenizer->start_id;
      *length = strlen (START_TOKEN);
      return TRUE;
    }
  if (starts_with (text, END_TOKEN))
    {
      *id = tokenizer->end_id;
      *length = strlen (END_TOKEN);
      return TRUE;
    }

  return FALSE;
}

/* A text without special tokens in it; upper case may have hidden one, as in "<|EndOfText|>". */
static void
split_plain (HdTokenizer *tokenizer,
             const char  *text,
             gsize        length,
             GArray      *ids)
{
  g_autofree char *clean = hd_tokenizer_clean_text (text, length);
  const char      *word = clean;
  gsize            n;

  for (; (word = hd_tokenizer_next_word (word, &n)) != NULL; word += n)
    {
      gint32 id;
      gsize  special;

      if (starts_with_special (tokenizer, word, &id, &special) && special == n)
        g_array_append_val (ids, id);
      else
        hd_bpe_encode (tokenizer->bpe, word, n, ids);
    }
}

GArray *
hd_tokenizer_split (HdTokenizer *tokenizer,
                    const char  *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GArray          *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char      *start = valid;
  const char      *p = valid;

  while (*p != '\0')
    {
      gint32 id;
      gsize  length;

      if (*p != '<' || !starts_with_special (tokenizer, p, &id, &length))
        {
          p++;
          continue;
        }
      split_plain (tokenizer, start, (gsize) (p - start), ids);
      g_array_append_val (ids, id);
      start = p += length;
    }
  split_plain (tokenizer, start, (gsize) (p - start), ids);

  return ids;
}

void
hd_tokenizer_frame (HdTokenizer  *tokenizer,
                    const gint32 *tokens,
                    guint         n_tokens,
                    gint32        ids[HD_TOKENIZER_LENGTH])
{
  guint n = MIN (n_tokens, HD_TOKENIZER_LENGTH - 2);

  ids[0] = tokenizer->start_id;
  for (guint i = 0; i < n; i++)
    ids[1 + i] = tokens[i];
  ids[1 + n] = tokenizer->end_id;
  for (guint i = n + 2; i < HD_TOKENIZER_LENGTH; i++)
    ids[i] = tokenizer->pad_id;
}

gint64
hd_tokenizer_encode (HdTokenizer *tokenizer,
                     const char  *text,
                     gint32       ids[HD_TOKENIZER_LENGTH])
{
  g_autoptr (GArray) tokens = hd_tokenizer_split (tokenizer, text);

  hd_tokenizer_frame (tokenizer, (const gint32 *) tokens->data, tokens->len, ids);

  return (gint64) tokens->len + 2;
}
