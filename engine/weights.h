/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/tensor_source.h"
#include "engine/weight_patches.h"
#include "kernels/weight.h"

G_BEGIN_DECLS

/* The weights of one network: asked for by name and exact shape, given as the parameters of operators.
 *
 * Errors are sticky: the first failure is kept, later calls leave their results empty (NULL) and do nothing;
 * hd_weights_finish() says how it went. So a network's loader reads as the list of its layers.
 *
 * The names are those of today's diffusers and transformers, without ".weight" and ".bias"; what they are called
 * in the file, the source knows. A 1x1 convolution is taken for a linear layer and the other way round.
 *
 * Name arguments are formats with their arguments, as in printf(). */

typedef struct _HdWeights HdWeights;

/**
 * hd_weights_new:
 * @context: where the weights go
 * @dtype: the type to compute with; the files' types are converted
 * @files: (array length=n_files): the file or files (shards) that hold the network
 *
 * Returns: (transfer full): never %NULL; it keeps references to @files and @context.
 */
HdWeights *hd_weights_new    (HdContext             *context,
                              HdDtype                dtype,
                              HdSafetensors * const *files,
                              guint                  n_files);

/* The same for tensors that files may name otherwise. */
HdWeights *hd_weights_new_from (HdContext            *context,
                                HdDtype               dtype,
                                HdTensorSource       *source);

void       hd_weights_free   (HdWeights             *weights);

/**
 * hd_weights_set_patches:
 * @patches: (nullable): LoRAs to be added to the weights that are asked for from now on
 * @part: which network this is
 *
 * @weights keeps a reference to @patches.
 */
void       hd_weights_set_patches (HdWeights        *weights,
                                   HdWeightPatches  *patches,
                                   HdLoraPart        part);

/* What may be done to matrices and kernels that are asked for from now on; nothing at first. */
void       hd_weights_set_flags   (HdWeights        *weights,
                                   HdWeightFlags     flags);

/**
 * hd_weights_finish:
 *
 * Returns: %FALSE with the first failure since @weights was made: %HD_ENGINE_ERROR_MODEL, "FILE: tensor NAME:
 *   expected ..., found ...", or what reading the file or making the weight reported. To be asked once.
 */
gboolean   hd_weights_finish (HdWeights             *weights,
                              GError               **error);

/* Whether there is a tensor of this complete name (with ".weight" or ".bias"), whatever its shape. */
gboolean   hd_weights_has    (HdWeights             *weights,
                              const char            *format,
                              ...) G_GNUC_PRINTF (2, 3);

/**
 * hd_weights_conv:
 * @conv: filled: NAME.weight (@out, @in, @kernel, @kernel) and, if @bias, NAME.bias (@out)
 */
void       hd_weights_conv   (HdWeights             *weights,
                              HdConv                *conv,
                              int                    out,
                              int                    in,
                              int                    kernel,
                              gboolean               bias,
                              const char            *format,
                              ...) G_GNUC_PRINTF (7, 8);

/**
 * hd_weights_linear:
 * @linear: filled: NAME.weight (@out, @in) and, if @bias, NAME.bias (@out)
 */
void       hd_weights_linear (HdWeights             *weights,
                              HdLinear              *linear,
                              int                    out,
                              int                    in,
                              gboolean               bias,
                              const char            *format,
                              ...) G_GNUC_PRINTF (6, 7);

/**
 * hd_weights_linear_stacked:
 * @linear: filled: one layer (n * @out, @in) from n layers that read the same input, in the order of @parts
 * @out: outputs of each part
 * @parts: (array zero-terminated=1): the parts' names are NAME.PART: { "to_q", "to_k", "to_v", NULL }
 */
void       hd_weights_linear_stacked (HdWeights          *weights,
                                      HdLinear           *linear,
                                      int                 out,
                                      int                 in,
                                      gboolean            bias,
                                      const char * const *parts,
                                      const char         *format,
                                      ...) G_GNUC_PRINTF (7, 8);

/**
 * hd_weights_norm:
 * @norm: filled: NAME.weight and NAME.bias (@channels)
 * @groups: of a GroupNorm; 0 for a LayerNorm
 */
void       hd_weights_norm   (HdWeights             *weights,
                              HdNorm                *norm,
                              int                    channels,
                              int                    groups,
                              float                  epsilon,
                              const char            *format,
                              ...) G_GNUC_PRINTF (6, 7);

/* *@table: an embedding table, NAME.weight (@rows, @columns). */
void       hd_weights_table  (HdWeights             *weights,
                              HdWeight             **table,
                              int                    rows,
                              int                    columns,
                              const char            *format,
                              ...) G_GNUC_PRINTF (5, 6);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdWeights, hd_weights_free)

G_END_DECLS
