/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/* Byte-pair encoding of words as CLIP does it: a word's bytes are letters, the last one bearing the mark "</w>";
 * neighbours are merged in the order of a list of merges as long as one applies. */

#define HD_BPE_MAX_MERGES 48894   /* transformers reads no more of a file, whatever it holds */

typedef struct _HdBpe HdBpe;

/**
 * hd_bpe_new:
 * @merges: (array length=length): the text of merges.txt: a line that is skipped, then "LEFT RIGHT" on each
 * @path: where it is from, for messages
 *
 * Returns: (transfer full): the encoder; its symbols have no ids yet. %NULL with %HD_ENGINE_ERROR_FILE.
 */
HdBpe *hd_bpe_new         (const char  *merges,
                           gsize        length,
                           const char  *path,
                           GError     **error);
void   hd_bpe_free        (HdBpe       *bpe);

/* Gives the symbols the ids that @vocabulary (string -> GINT_TO_POINTER (id)) has for them, @unknown to others. */
void   hd_bpe_set_ids     (HdBpe       *bpe,
                           GHashTable  *vocabulary,
                           gint32       unknown);

/* Gives the symbols the ids that CLIP's vocabulary has: letters, letters with the mark, merges in their order.
 * Returns the number of ids. */
gint32 hd_bpe_number_ids  (HdBpe       *bpe);

/* The id of a symbol; FALSE if there is none of that name. */
gboolean hd_bpe_find      (HdBpe       *bpe,
                           const char  *symbol,
                           gint32      *id);

/* Appends the ids of the word's symbols to @ids (element-type gint32). */
void   hd_bpe_encode      (HdBpe       *bpe,
                           const char  *word,
                           gsize        length,
                           GArray      *ids);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdBpe, hd_bpe_free)

G_END_DECLS
