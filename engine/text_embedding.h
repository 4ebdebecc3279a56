/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/safetensors.h"

G_BEGIN_DECLS

/* Embeddings of textual inversion (arXiv 2208.01618): vectors that take a word's place at the input of the text
 * encoder. They lie in safetensors files, as
 *
 *   emb_params (n, D)                        Automatic1111
 *   clip_l (n, D1) and clip_g (n, D2)        for the two encoders of SDXL
 *   one tensor of any name, (n, D) or (D)    diffusers, which names it as the prompt does: "<cat-toy>"
 *
 * and are named by their files, and by the tensor where its name is in angle brackets. */

#define HD_TEXT_EMBEDDING_MAX_ENCODERS 2

/**
 * HdTextEmbedding:
 * @path: its file
 * @tensor: (nullable): the tensor's name if it was found by it
 * @rows: vectors, n; 0 before it is loaded
 * @dtypes: types of @vectors
 * @vectors: for each encoder (n, D), row-major
 * @first_row: number of the first of its vectors among those of all that were loaded
 */
typedef struct
{
  char    *path;
  char    *tensor;
  int      rows;
  HdDtype  dtypes[HD_TEXT_EMBEDDING_MAX_ENCODERS];
  GBytes  *vectors[HD_TEXT_EMBEDDING_MAX_ENCODERS];
  int      first_row;

  /*< private >*/
  guint    folder;      /* in which it was found */
} HdTextEmbedding;

typedef struct _HdTextEmbeddings HdTextEmbeddings;

/**
 * hd_text_embeddings_new:
 * @folders: (nullable) (array zero-terminated=1): where to look, subfolders included; of two files of one name, that
 *   of the earlier folder is taken. What is not there is passed over.
 * @widths: (array length=n_encoders): D of each text encoder
 *
 * Lists names and opens no file. What has more than 2 MiB is no embedding.
 */
HdTextEmbeddings *hd_text_embeddings_new  (const char * const *folders,
                                           const int          *widths,
                                           int                 n_encoders);
void              hd_text_embeddings_free (HdTextEmbeddings   *embeddings);

/**
 * hd_text_embeddings_find:
 * @text: valid UTF-8
 * @start: (out): first byte of the name
 * @end: (out): byte behind it
 *
 * Looks for the first name that stands in @text as a word, whatever the case of its letters: NAME, <NAME> or
 * embedding:NAME. Of names that begin at one place the longest is taken.
 *
 * Returns: (transfer none) (nullable): the embedding
 */
HdTextEmbedding  *hd_text_embeddings_find (HdTextEmbeddings   *embeddings,
                                           const char         *text,
                                           gsize              *start,
                                           gsize              *end);

/**
 * hd_text_embeddings_load:
 *
 * Reads the vectors, unless that was done.
 *
 * Returns: %FALSE with an error of %HD_ENGINE_ERROR, naming the file, what was expected and what was found, if it is
 *   of another kind or for models of another width.
 */
gboolean          hd_text_embeddings_load (HdTextEmbeddings   *embeddings,
                                           HdTextEmbedding    *embedding,
                                           GError            **error);

/* Those that are loaded, in the order of their rows: (element-type HdTextEmbedding). Owned by @embeddings. */
const GPtrArray  *hd_text_embeddings_get_loaded (HdTextEmbeddings *embeddings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTextEmbeddings, hd_text_embeddings_free)

G_END_DECLS
