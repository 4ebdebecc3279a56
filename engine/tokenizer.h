/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/* CLIP's byte-pair tokenizer (transformers' CLIPTokenizer without ftfy). A padding token that is an ordinary one
 * ("!" in Stable Diffusion 2.x) stays one where it stands in a text, as when those models were trained. */

#define HD_TOKENIZER_LENGTH 77   /* token ids of a prompt with start, end and padding */

typedef struct _HdTokenizer HdTokenizer;

/**
 * hd_tokenizer_new:
 * @folder: a tokenizer folder: vocab.json, merges.txt, and, where there, special_tokens_map.json and
 *   tokenizer_config.json (which name the padding token)
 */
HdTokenizer *hd_tokenizer_new  (const char *folder, GError **error);

/**
 * hd_tokenizer_new_clip:
 * @merges: path of CLIP's merges, as merges.txt has them, packed by gzip; its vocabulary follows from them
 * @pad: (nullable): the padding token; %NULL for the end token
 *
 * For models that come without tokenizer files.
 */
HdTokenizer *hd_tokenizer_new_clip (const char *merges, const char *pad, GError **error);

/* A tokenizer does not change: threads may share it. */
HdTokenizer *hd_tokenizer_ref      (HdTokenizer *tokenizer);
void         hd_tokenizer_unref    (HdTokenizer *tokenizer);

/**
 * hd_tokenizer_encode:
 * @text: any bytes; what is not UTF-8 is replaced
 * @ids: room for %HD_TOKENIZER_LENGTH ids: start, the text's tokens (cut if too many), end, padding
 *
 * Returns: the number of tokens with start and end that the whole text has, which is more than
 *   %HD_TOKENIZER_LENGTH if it was cut.
 */
gint64       hd_tokenizer_encode (HdTokenizer *tokenizer,
                                  const char  *text,
                                  gint32       ids[HD_TOKENIZER_LENGTH]);

/* All the tokens of @text without start, end and padding: (transfer full) (element-type gint32). */
GArray      *hd_tokenizer_split (HdTokenizer *tokenizer, const char *text);

/**
 * hd_tokenizer_frame:
 * @tokens: (array length=n_tokens): at most %HD_TOKENIZER_LENGTH - 2; may be elsewhere than in the vocabulary
 * @ids: filled: start, @tokens, end, padding
 */
void         hd_tokenizer_frame (HdTokenizer  *tokenizer,
                                 const gint32 *tokens,
                                 guint         n_tokens,
                                 gint32        ids[HD_TOKENIZER_LENGTH]);

/* Number of ids, so that they can be checked against the embedding table. */
int          hd_tokenizer_get_vocabulary_size (HdTokenizer *tokenizer);
gint32       hd_tokenizer_get_end_token (HdTokenizer *tokenizer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTokenizer, hd_tokenizer_unref)

G_END_DECLS
