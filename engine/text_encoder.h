/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/weights.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* A layer of CLIP's text transformer. */
typedef struct
{
  HdNorm   layer_norm1;
  HdLinear qkv;         /* q_proj, k_proj and v_proj stacked */
  HdLinear out_proj;
  HdNorm   layer_norm2;
  HdLinear fc1;
  HdLinear fc2;
} HdTextLayer;

/* CLIP's text encoder (transformers' CLIPTextModel, with the projection CLIPTextModelWithProjection). OpenCLIP's are
 * the same network with another activation. */
typedef struct
{
  HdContext    *context;
  HdTextConfig  config;

  HdWeight     *token_embedding;
  HdWeight     *position_embedding;
  HdTextLayer  *layers;
  HdNorm        final_layer_norm;
  HdLinear      text_projection;   /* empty without one */
} HdTextEncoder;

/**
 * hd_text_encoder_load:
 * @projection: whether it is to have text_projection, for hd_text_encoder_pool()
 *
 * Returns: (transfer full) (nullable): the network; %NULL with %HD_ENGINE_ERROR_MODEL naming the tensor that is
 *   missing or of another shape than @config asks for.
 */
HdTextEncoder *hd_text_encoder_load (HdContext           *context,
                                     const HdTextConfig  *config,
                                     gboolean             projection,
                                     HdWeights           *weights,
                                     GError             **error);
void           hd_text_encoder_free (HdTextEncoder       *encoder);

/**
 * HdTextInput:
 * @ids: (array): @batch * @length token ids; vocab_size + i stands for row i of @vectors
 * @batch: texts
 * @length: tokens of each
 * @vectors: (nullable): a table (rows, D) of embeddings that the vocabulary does not have (textual inversion)
 */
typedef struct
{
  const gint32 *ids;
  int           batch;
  int           length;
  HdWeight     *vectors;
} HdTextInput;

/**
 * hd_text_encoder_encode:
 * @skip: layers, counted from the last, that the result leaves out; 0 to layers - 1
 * @last: (out) (transfer full) (nullable): if asked for, what the last layer gives, without the final norm; otherwise
 *   the layers that are left out are not computed
 *
 * transformers' hidden_states[-1 - @skip].
 *
 * Returns: (transfer full) (nullable): the hidden states without the final norm, (batch, 1, length, D); %NULL if
 *   the context has failed.
 */
HdTensor      *hd_text_encoder_encode (HdTextEncoder     *encoder,
                                       const HdTextInput *input,
                                       int                skip,
                                       HdTensor         **last);

/* The final norm, as Stable Diffusion 1 and 2 have it on their hidden states and SDXL does not. */
HdTensor      *hd_text_encoder_finish (HdTextEncoder     *encoder,
                                       const HdTensor    *hidden);

/**
 * hd_text_encoder_pool:
 * @last: what the last layer gave, (N, 1, length, D)
 * @ends: (array): of each text, the position of its end token
 *
 * Returns: (transfer full) (nullable): text_projection (final norm (last[end])), (N, 1, 1, P): the text in one vector.
 */
HdTensor      *hd_text_encoder_pool   (HdTextEncoder     *encoder,
                                       const HdTensor    *last,
                                       const int         *ends);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTextEncoder, hd_text_encoder_free)

G_END_DECLS
