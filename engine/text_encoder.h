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

/* CLIP's text encoder (transformers' CLIPTextModel). */
typedef struct
{
  HdContext    *context;
  HdTextConfig  config;

  HdWeight     *token_embedding;
  HdWeight     *position_embedding;
  HdTextLayer  *layers;
  HdNorm        final_layer_norm;
} HdTextEncoder;

/**
 * hd_text_encoder_load:
 *
 * Returns: (transfer full) (nullable): the network; %NULL with %HD_ENGINE_ERROR_MODEL naming the tensor that is
 *   missing or of another shape than @config asks for.
 */
HdTextEncoder *hd_text_encoder_load (HdContext           *context,
                                     const HdTextConfig  *config,
                                     HdWeights           *weights,
                                     GError             **error);
void           hd_text_encoder_free (HdTextEncoder       *encoder);

/**
 * hd_text_encoder_encode:
 * @ids: (array): @batch x @length token ids
 *
 * Returns: (transfer full) (nullable): the last layer's hidden states after the final norm,
 *   (@batch, 1, @length, D); %NULL if the context has failed.
 */
HdTensor      *hd_text_encoder_encode (HdTextEncoder *encoder,
                                       const gint32  *ids,
                                       int            batch,
                                       int            length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTextEncoder, hd_text_encoder_free)

G_END_DECLS
