/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * hd_tokenizer_clean_text:
 * @text: valid UTF-8
 *
 * What transformers' BasicTokenizer makes of a text, with CLIP's settings: control and format characters are
 * removed, CJK ideographs become words of their own, the rest is composed (NFC) and in lower case. The result does
 * not depend on the locale.
 *
 * Returns: (transfer full): the words, with one space between them.
 */
char *hd_tokenizer_clean_text (const char *text,
                               gsize       length);

/**
 * hd_tokenizer_next_word:
 * @text: what hd_tokenizer_clean_text() made
 * @length: the word's length in bytes
 *
 * What CLIP encodes on its own, as the regular expression
 * <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ (without regard to
 * case) finds it.
 *
 * Returns: where the first word in @text begins; %NULL if there is none.
 */
const char *hd_tokenizer_next_word (const char *text,
                                    gsize      *length);

G_END_DECLS
