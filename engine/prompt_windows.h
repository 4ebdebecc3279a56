/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/prompt.h"
#include "engine/text_embedding.h"
#include "engine/tokenizer.h"

G_BEGIN_DECLS

/* A prompt as text encoders read it: in windows of 75 tokens, each with a start and an end of its own. */

#define HD_PROMPT_MAX_WINDOWS 32

/**
 * HdPromptWindow:
 * @ids: start, up to 75 tokens, end, padding; vocab_size + i stands for vector i of the embeddings
 * @weights: of each of them; 1 for start, end and padding
 * @end: position of the first end token, which the text is pooled at
 */
typedef struct
{
  gint32 ids[HD_TOKENIZER_LENGTH];
  float  weights[HD_TOKENIZER_LENGTH];
  int    end;
} HdPromptWindow;

/**
 * HdPromptSegment:
 * @text: (nullable): to be made into tokens; %NULL where there is an embedding
 * @embedding: (nullable): loaded
 * @weight: of the tokens
 * @starts_window: whether they begin a window
 */
typedef struct
{
  char                  *text;
  const HdTextEmbedding *embedding;
  double                 weight;
  gboolean               starts_window;
} HdPromptSegment;

/**
 * hd_prompt_segments_new:
 *
 * Finds the embeddings that @prompt names and loads them.
 *
 * Returns: (transfer full) (element-type HdPromptSegment): %NULL if one cannot be loaded
 */
GPtrArray *hd_prompt_segments_new (const HdPrompt    *prompt,
                                   HdTextEmbeddings  *embeddings,
                                   GError           **error);

/**
 * hd_prompt_windows_new:
 * @segments: (element-type HdPromptSegment)
 * @first_vector: id of the first vector of the embeddings
 *
 * Fills windows one after the other. As in Automatic1111, what would be cut off from the words before it begins the next
 * window if a comma stands among the last 20 tokens.
 *
 * Returns: (transfer full) (element-type HdPromptWindow): at least one; %NULL with %HD_ENGINE_ERROR_REQUEST if there
 *   are more than %HD_PROMPT_MAX_WINDOWS.
 */
GArray    *hd_prompt_windows_new  (HdTokenizer       *tokenizer,
                                   const GPtrArray   *segments,
                                   gint32             first_vector,
                                   GError           **error);

/* One window of all that fits into it, cut without a word, as diffusers does: (transfer full). */
GArray    *hd_prompt_windows_new_cut (HdTokenizer    *tokenizer,
                                      const char     *text);

/* Appends windows without tokens up to @n. */
void       hd_prompt_windows_fill (HdTokenizer       *tokenizer,
                                   GArray            *windows,
                                   guint              n);

G_END_DECLS
