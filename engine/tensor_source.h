/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/original_names.h"
#include "engine/safetensors.h"

G_BEGIN_DECLS

/* Where one network's tensors come from: the file or files (shards) that hold it, in whichever layout, asked for
 * by the names of today's diffusers and transformers. Beside the file's naming, older and newer spellings of the
 * same thing are found: text encoders without the prefix "text_model.", the VAE's attention as query, key, value
 * and proj_attn. */

typedef struct _HdTensorSource HdTensorSource;

/**
 * HdFoundTensor:
 * @file: the file it is in; owned by the source
 * @entry: the tensor as the engine knows it: its own rows of a matrix that holds several, rows and columns in the
 *   engine's order; its name is the file's and owned by it
 * @transposed: the file has rows and columns the other way round: hd_found_tensor_read() turns them
 */
typedef struct
{
  HdSafetensors      *file;
  HdSafetensorsEntry  entry;
  gboolean            transposed;
} HdFoundTensor;

/**
 * hd_tensor_source_new:
 * @files: (array length=n_files): the network's file, or its shards
 * @names: (nullable): how tensors are called in them; %NULL: as the engine calls them
 *
 * Returns: (transfer full): never %NULL; it keeps references to @files.
 */
HdTensorSource *hd_tensor_source_new      (HdSafetensors * const *files,
                                           guint                  n_files,
                                           const HdNames         *names);
HdTensorSource *hd_tensor_source_ref      (HdTensorSource        *source);
void            hd_tensor_source_unref    (HdTensorSource        *source);

/* The first file's path, for messages; "(no file)" if there is none. */
const char     *hd_tensor_source_get_path (HdTensorSource        *source);
guint           hd_tensor_source_get_n_files (HdTensorSource     *source);
HdSafetensors  *hd_tensor_source_get_file (HdTensorSource        *source,
                                           guint                  i);
const HdNames  *hd_tensor_source_get_names (HdTensorSource       *source);

/**
 * hd_tensor_source_find:
 * @name: complete, with ".weight" or ".bias"
 * @found: (out): filled if it is there
 */
gboolean        hd_tensor_source_find     (HdTensorSource        *source,
                                           const char            *name,
                                           HdFoundTensor         *found);

/* (transfer full): what @name is called in the source's files, for messages. */
char           *hd_tensor_source_describe (HdTensorSource        *source,
                                           const char            *name);

/* (transfer full): the elements in the engine's order; %NULL with @error set, as hd_safetensors_get(). */
GBytes         *hd_found_tensor_read      (const HdFoundTensor   *found,
                                           GError               **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTensorSource, hd_tensor_source_unref)

G_END_DECLS
