/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/prompt_windows.h"

#include <string.h>

#include "kernels/i18n.h"

#define WINDOW_TOKENS (HD_TOKENIZER_LENGTH - 2)

/* How many tokens behind the last comma go to the next window at most. */
#define MAX_MOVED 20

/* --- segments -------------------------------------------------------------------- */

static void
segment_free (gpointer data)
{
  HdPromptSegment *segment = data;

  g_free (segment->text);
  g_free (segment);
}

static HdPromptSegment *
add_segment (GPtrArray           *segments,
             const HdPromptPiece *piece,
             gboolean             first)
{
  HdPromptSegment *segment = g_new0 (HdPromptSegment, 1);

  segment->weight = piece->weight;
  segment->starts_window = first && piece->starts_window;
  g_ptr_array_add (segments, segment);

  return segment;
}

static gboolean
split_piece (GPtrArray            *segments,
             const HdPromptPiece  *piece,
             HdTextEmbeddings     *embeddings,
             GError              **error)
{
  const char      *rest = piece->text;
  HdTextEmbedding *embedding;
  gsize            start;
  gsize            end;

  while ((embedding = hd_text_embeddings_find (embeddings, rest, &start, &end)) != NULL)
    {
      if (!hd_text_embeddings_load (embeddings, embedding, error))
        return FALSE;

      if (start > 0)
        add_segment (segments, piece, rest == piece->text)->text = g_strndup (rest, start);
      add_segment (segments, piece, rest == piece->text && start == 0)->embedding = embedding;
      rest += end;
    }
  add_segment (segments, piece, rest == piece->text)->text = g_strdup (rest);

  return TRUE;
}

GPtrArray *
hd_prompt_segments_new (const HdPrompt    *prompt,
                        HdTextEmbeddings  *embeddings,
                        GError           **error)
{
  g_autoptr (GPtrArray) segments = g_ptr_array_new_with_free_func (segment_free);

  for (guint i = 0; i < prompt->pieces->len; i++)
    if (!split_piece (segments, g_ptr_array_index (prompt->pieces, i), embeddings, error))
      return NULL;

  return g_steal_pointer (&segments);
}

/* --- windows --------------------------------------------------------------------- */

/**
 * Builder:
 * @ids: tokens of the window that is being filled
 * @weights: theirs
 * @n: how many
 * @behind_comma: number of tokens up to the last comma, it included; 0 without one
 * @comma: the comma's id, or -1
 */
typedef struct
{
  HdTokenizer *tokenizer;
  GArray      *windows;
  gint32       ids[WINDOW_TOKENS];
  float        weights[WINDOW_TOKENS];
  guint        n;
  guint        behind_comma;
  gint32       comma;
} Builder;

static void
append_window (HdTokenizer  *tokenizer,
               GArray       *windows,
               const gint32 *ids,
               const float  *weights,
               guint         n)
{
  gint32         end = hd_tokenizer_get_end_token (tokenizer);
  HdPromptWindow window;

  hd_tokenizer_frame (tokenizer, ids, n, window.ids);
  for (int i = 0; i < HD_TOKENIZER_LENGTH; i++)
    window.weights[i] = i >= 1 && i <= (int) n ? weights[i - 1] : 1.0f;
  for (window.end = 0; window.ids[window.end] != end; window.end++)
    ;
  g_array_append_val (windows, window);
}

/* Ends the window with its first @count tokens; the others begin the next one. */
static void
end_window (Builder *builder,
            guint    count)
{
  guint moved = builder->n - count;

  append_window (builder->tokenizer, builder->windows, builder->ids, builder->weights, count);
  memmove (builder->ids, builder->ids + count, moved * sizeof *builder->ids);
  memmove (builder->weights, builder->weights + count, moved * sizeof *builder->weights);
  builder->n = moved;
  builder->behind_comma = 0;
}

/* Room for @n more tokens, of which the first is @id. */
static void
make_room (Builder *builder,
           gint32   id,
           guint    n)
{
  if (builder->n + n <= WINDOW_TOKENS)
    return;

  if (id != builder->comma && builder->behind_comma > 0 && builder->n - builder->behind_comma < MAX_MOVED
      && builder->n - builder->behind_comma + n <= WINDOW_TOKENS)
    end_window (builder, builder->behind_comma);
  else
    end_window (builder, builder->n);
}

static void
add_token (Builder *builder,
           gint32   id,
           double   weight)
{
  builder->ids[builder->n] = id;
  builder->weights[builder->n] = (float) weight;
  builder->n++;
  if (id == builder->comma)
    builder->behind_comma = builder->n;
}

static void
add_text (Builder               *builder,
          const HdPromptSegment *segment)
{
  g_autoptr (GArray) tokens = hd_tokenizer_split (builder->tokenizer, segment->text);

  for (guint i = 0; i < tokens->len && builder->windows->len <= HD_PROMPT_MAX_WINDOWS; i++)
    {
      gint32 id = g_array_index (tokens, gint32, i);

      make_room (builder, id, 1);
      add_token (builder, id, segment->weight);
    }
}

/* Its vectors are never torn apart. */
static void
add_embedding (Builder               *builder,
               const HdPromptSegment *segment,
               gint32                 first_vector)
{
  const HdTextEmbedding *embedding = segment->embedding;

  make_room (builder, -1, (guint) embedding->rows);
  for (int i = 0; i < embedding->rows; i++)
    add_token (builder, first_vector + embedding->first_row + i, segment->weight);
}

static gint32
find_comma (HdTokenizer *tokenizer)
{
  g_autoptr (GArray) tokens = hd_tokenizer_split (tokenizer, ",");

  return tokens->len == 1 ? g_array_index (tokens, gint32, 0) : -1;
}

GArray *
hd_prompt_windows_new (HdTokenizer      *tokenizer,
                       const GPtrArray  *segments,
                       gint32            first_vector,
                       GError          **error)
{
  g_autoptr (GArray) windows = g_array_new (FALSE, FALSE, sizeof (HdPromptWindow));
  Builder            builder = { .tokenizer = tokenizer, .windows = windows, .comma = find_comma (tokenizer) };

  for (guint i = 0; i < segments->len && windows->len <= HD_PROMPT_MAX_WINDOWS; i++)
    {
      const HdPromptSegment *segment = g_ptr_array_index (segments, i);

      if (segment->starts_window && builder.n > 0)
        end_window (&builder, builder.n);
      if (segment->embedding != NULL)
        add_embedding (&builder, segment, first_vector);
      else
        add_text (&builder, segment);
    }
  if (builder.n > 0 || windows->len == 0)
    end_window (&builder, builder.n);

  if (windows->len > HD_PROMPT_MAX_WINDOWS)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   _("The prompt is too long: expected at most %d windows of %d tokens"),
                   HD_PROMPT_MAX_WINDOWS, WINDOW_TOKENS);
      return NULL;
    }

  return g_steal_pointer (&windows);
}

GArray *
hd_prompt_windows_new_cut (HdTokenizer *tokenizer,
                           const char  *text)
{
  GArray             *windows = g_array_new (FALSE, FALSE, sizeof (HdPromptWindow));
  g_autoptr (GArray)  tokens = hd_tokenizer_split (tokenizer, text);
  float               ones[WINDOW_TOKENS];

  for (int i = 0; i < WINDOW_TOKENS; i++)
    ones[i] = 1.0f;
  append_window (tokenizer, windows, (const gint32 *) tokens->data, ones, MIN (tokens->len, WINDOW_TOKENS));

  return windows;
}

void
hd_prompt_windows_fill (HdTokenizer *tokenizer,
                        GArray      *windows,
                        guint        n)
{
  while (windows->len < n)
    append_window (tokenizer, windows, NULL, NULL, 0);
}
