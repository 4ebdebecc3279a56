/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/bpe.h"
#include "engine/json.h"

#define N_LETTERS 256
#define END_MARK  "</w>"

/* A symbol is an index into the list of all: the letter of byte b is b, the same with the mark 256 + b. */
typedef struct
{
  gint64  pair;      /* left symbol << 32 | right symbol */
  guint32 rank;
  guint32 merged;
} Merge;

struct _HdBpe
{
  GStringChunk *strings;
  GPtrArray    *symbols;         /* strings, in the chunk */
  GHashTable   *symbol_indices;  /* string -> index */
  Merge        *merges;
  guint         n_merges;
  GHashTable   *ranks;           /* pair -> Merge */
  gint32       *ids;             /* of the symbols */
};

static gint64
make_pair (guint32 left,
           guint32 right)
{
  return (gint64) ((guint64) left << 32 | right);
}

/* g_int64_hash() would fold both symbols onto each other: most pairs would share their hash with others. */
static guint
hash_pair (gconstpointer pair)
{
  return (guint) ((guint64) *(const gint64 *) pair * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 32);
}

static guint32
intern (HdBpe      *bpe,
        const char *symbol)
{
  gpointer index;
  char    *copy;

  if (g_hash_table_lookup_extended (bpe->symbol_indices, symbol, NULL, &index))
    return GPOINTER_TO_UINT (index);

  copy = g_string_chunk_insert (bpe->strings, symbol);
  g_ptr_array_add (bpe->symbols, copy);
  g_hash_table_insert (bpe->symbol_indices, copy, GUINT_TO_POINTER (bpe->symbols->len - 1));

  return bpe->symbols->len - 1;
}

/* Bytes that are printable as Latin-1 are their own letters; the others become the letters from U+0100 on
 * (GPT-2's bytes_to_unicode). */
static gboolean
is_own_letter (guint byte)
{
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

static void
intern_letters (HdBpe *bpe)
{
  char  letters[N_LETTERS][8] = { { 0 } };
  guint others = 0;

  for (guint byte = 0; byte < N_LETTERS; byte++)
    {
      g_unichar_to_utf8 (is_own_letter (byte) ? byte : N_LETTERS + others++, letters[byte]);
      intern (bpe, letters[byte]);
    }
  for (guint byte = 0; byte < N_LETTERS; byte++)
    {
      g_autofree char *marked = g_strconcat (letters[byte], END_MARK, NULL);

      intern (bpe, marked);
    }
}

/* @merged: room for the symbol that the merge makes. */
static gboolean
add_merge (HdBpe       *bpe,
           char        *line,
           GString     *merged,
           const char  *path,
           GError     **error)
{
  char    *right = strchr (line, ' ');
  Merge   *merge = &bpe->merges[bpe->n_merges];
  guint32  left;

  if (right == NULL || right == line || right[1] == '\0' || strchr (right + 1, ' ') != NULL)
    {
      g_autofree char *found = hd_json_quote (line);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: line %u: expected two symbols with a space between them, found %s", path, bpe->n_merges + 2, found);
      return FALSE;
    }

  *right++ = '\0';
  g_string_assign (merged, line);
  g_string_append (merged, right);
  left = intern (bpe, line);
  merge->pair = make_pair (left, intern (bpe, right));
  merge->merged = intern (bpe, merged->str);
  merge->rank = bpe->n_merges++;
  /* Of a merge that stands there twice the last one counts, as in Python's dictionaries. */
  g_hash_table_replace (bpe->ranks, &merge->pair, merge);

  return TRUE;
}

/* The merges of all lines but the first; the text is cut into pieces. */
static gboolean
add_merges (HdBpe       *bpe,
            char        *text,
            const char  *path,
            GError     **error)
{
  GString  *merged = g_string_new (NULL);
  char     *line = strchr (text, '\n');
  gboolean  ok = TRUE;

  while (ok && line != NULL && bpe->n_merges < HD_BPE_MAX_MERGES)
    {
      char *next = strchr (line + 1, '\n');

      if (next != NULL)
        *next = '\0';
      ok = add_merge (bpe, g_strchomp (line + 1), merged, path, error);
      line = next;
    }
  g_string_free (merged, TRUE);

  return ok;
}

HdBpe *
hd_bpe_new (const char  *merges,
            gsize        length,
            const char  *path,
            GError     **error)
{
  g_autoptr (HdBpe) bpe = NULL;
  g_autofree char  *text = NULL;

  if (!g_utf8_validate_len (merges, length, NULL))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected lines of two symbols, found bytes that are not UTF-8 text", path);
      return NULL;
    }

  text = g_strchomp (g_strndup (merges, length));
  bpe = g_new0 (HdBpe, 1);
  bpe->strings = g_string_chunk_new (1 << 16);
  bpe->symbols = g_ptr_array_new ();
  bpe->symbol_indices = g_hash_table_new (g_str_hash, g_str_equal);
  bpe->ranks = g_hash_table_new (hash_pair, g_int64_equal);
  bpe->merges = g_new0 (Merge, HD_BPE_MAX_MERGES);
  intern_letters (bpe);
  if (!add_merges (bpe, text, path, error))
    return NULL;

  bpe->ids = g_new0 (gint32, bpe->symbols->len);
  return g_steal_pointer (&bpe);
}

void
hd_bpe_free (HdBpe *bpe)
{
  if (bpe == NULL)
    return;

  g_hash_table_unref (bpe->ranks);
  g_hash_table_unref (bpe->symbol_indices);
  g_ptr_array_unref (bpe->symbols);
  g_string_chunk_free (bpe->strings);
  g_free (bpe->merges);
  g_free (bpe->ids);
  g_free (bpe);
}

void
hd_bpe_set_ids (HdBpe      *bpe,
                GHashTable *vocabulary,
                gint32      unknown)
{
  for (guint i = 0; i < bpe->symbols->len; i++)
    {
      gpointer id;

      bpe->ids[i] = g_hash_table_lookup_extended (vocabulary, bpe->symbols->pdata[i], NULL, &id)
                    ? GPOINTER_TO_INT (id) : unknown;
    }
}

gint32
hd_bpe_number_ids (HdBpe *bpe)
{
  gint32 own = 0;
  gint32 other = 0;

  /* The letters of bytes that are their own letters come first. */
  for (guint byte = 0; byte < N_LETTERS; byte++)
    own += is_own_letter (byte);
  for (guint byte = 0, first = 0; byte < N_LETTERS; byte++)
    {
      bpe->ids[byte] = is_own_letter (byte) ? (gint32) first++ : own + other++;
      bpe->ids[N_LETTERS + byte] = N_LETTERS + bpe->ids[byte];
    }
  for (guint i = 0; i < bpe->n_merges; i++)
    bpe->ids[bpe->merges[i].merged] = 2 * N_LETTERS + (gint32) i;

  return 2 * N_LETTERS + (gint32) bpe->n_merges;
}

gboolean
hd_bpe_find (HdBpe      *bpe,
             const char *symbol,
             gint32     *id)
{
  gpointer index;

  if (!g_hash_table_lookup_extended (bpe->symbol_indices, symbol, NULL, &index))
    return FALSE;

  *id = bpe->ids[GPOINTER_TO_UINT (index)];
  return TRUE;
}

/* --- encoding ----------------------------------------------------------------- */

/* The word is a linked list of symbols, in arrays; a heap holds the merges that were possible when they were put
 * in, so that even a word of a million letters takes n log n steps. */
#define NONE G_MAXUINT32

typedef struct
{
  guint32 *symbols;   /* NONE: merged into the one before */
  guint32 *next;
  guint32 *previous;
  GArray  *heap;      /* (element-type guint64): rank << 32 | place of the left symbol */
} Word;

static void
heap_push (GArray  *heap,
           guint64  key)
{
  guint i = heap->len;

  g_array_append_val (heap, key);
  for (; i > 0 && g_array_index (heap, guint64, (i - 1) / 2) > key; i = (i - 1) / 2)
    g_array_index (heap, guint64, i) = g_array_index (heap, guint64, (i - 1) / 2);
  g_array_index (heap, guint64, i) = key;
}

static guint64
heap_pop (GArray *heap)
{
  guint64 least = g_array_index (heap, guint64, 0);
  guint64 key = g_array_index (heap, guint64, heap->len - 1);
  guint   n = heap->len - 1;
  guint   i = 0;

  g_array_set_size (heap, n);
  for (guint child = 1; child < n; child = 2 * i + 1)
    {
      if (child + 1 < n && g_array_index (heap, guint64, child + 1) < g_array_index (heap, guint64, child))
        child++;
      if (g_array_index (heap, guint64, child) >= key)
        break;
      g_array_index (heap, guint64, i) = g_array_index (heap, guint64, child);
      i = child;
    }
  if (n > 0)
    g_array_index (heap, guint64, i) = key;

  return least;
}

/* The merge of the symbol at @place with the next one; NULL if there is none. */
static const Merge *
find_merge (HdBpe      *bpe,
            const Word *word,
            guint32     place)
{
  gint64 pair;

  if (place == NONE || word->symbols[place] == NONE || word->next[place] == NONE)
    return NULL;
  pair = make_pair (word->symbols[place], word->symbols[word->next[place]]);

  return g_hash_table_lookup (bpe->ranks, &pair);
}

static void
push_merge (HdBpe   *bpe,
            Word    *word,
            guint32  place)
{
  const Merge *merge = find_merge (bpe, word, place);

  if (merge != NULL)
    heap_push (word->heap, (guint64) merge->rank << 32 | place);
}

static void
apply_merge (Word        *word,
             guint32      place,
             const Merge *merge)
{
  guint32 right = word->next[place];

  word->symbols[place] = merge->merged;
  word->symbols[right] = NONE;
  word->next[place] = word->next[right];
  if (word->next[place] != NONE)
    word->previous[word->next[place]] = place;
}

static void
merge_all (HdBpe *bpe,
           Word  *word)
{
  g_autoptr (GArray) changed = g_array_new (FALSE, FALSE, sizeof (guint32));

  while (word->heap->len > 0)
    {
      guint32 rank = (guint32) (g_array_index (word->heap, guint64, 0) >> 32);

      /* All places of the best merge, from the left, before any merge that they make possible. */
      g_array_set_size (changed, 0);
      while (word->heap->len > 0 && g_array_index (word->heap, guint64, 0) >> 32 == rank)
        {
          guint32      place = (guint32) heap_pop (word->heap);
          const Merge *merge = find_merge (bpe, word, place);

          /* Its symbols may have been merged otherwise since. */
          if (merge == NULL || merge->rank != rank)
            continue;
          apply_merge (word, place, merge);
          g_array_append_val (changed, place);
        }

      for (guint i = 0; i < changed->len; i++)
        {
          guint32 place = g_array_index (changed, guint32, i);

          if (word->symbols[place] == NONE)
            continue;
          push_merge (bpe, word, place);
          if (word->previous[place] != NONE)
            push_merge (bpe, word, word->previous[place]);
        }
    }
}

void
hd_bpe_encode (HdBpe      *bpe,
               const char *word,
               gsize       length,
               GArray     *ids)
{
  g_autofree guint32 *symbols = NULL;
  g_autofree guint32 *next = NULL;
  g_autofree guint32 *previous = NULL;
  g_autoptr (GArray)  heap = NULL;
  Word                w;

  if (length == 0 || length >= NONE)
    return;

  w.symbols = symbols = g_new (guint32, length);
  w.next = next = g_new (guint32, length);
  w.previous = previous = g_new (guint32, length);
  w.heap = heap = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (gsize i = 0; i < length; i++)
    {
      symbols[i] = (guchar) word[i] + (i == length - 1 ? N_LETTERS : 0);
      next[i] = i == length - 1 ? NONE : (guint32) i + 1;
      previous[i] = i == 0 ? NONE : (guint32) i - 1;
    }
  for (gsize i = 0; i < length; i++)
    push_merge (bpe, &w, (guint32) i);
  merge_all (bpe, &w);

  for (guint32 i = 0; i != NONE; i = next[i])
    g_array_append_val (ids, bpe->ids[symbols[i]]);
}
