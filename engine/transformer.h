/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/bands.h"
#include "engine/msw_msa.h"
#include "engine/weights.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* A transformer block (diffusers' BasicTransformerBlock): self-attention, cross-attention, feed-forward. */
typedef struct
{
  HdNorm   norm1;
  HdLinear self_qkv;   /* attn1.to_q, to_k and to_v stacked */
  HdLinear self_out;
  HdNorm   norm2;
  HdLinear cross_q;
  HdLinear cross_kv;   /* attn2.to_k and to_v stacked; reads the text */
  HdLinear cross_out;
  HdNorm   norm3;
  HdLinear ff_in;      /* with GEGLU */
  HdLinear ff_out;
} HdTransformerBlock;

/* Transformer blocks between two projections (diffusers' Transformer2DModel). */
typedef struct
{
  HdNorm              norm;
  HdLinear            proj_in;
  HdTransformerBlock *blocks;
  int                 n_blocks;
  HdLinear            proj_out;
  int                 channels;
  int                 heads;
} HdTransformer;

/**
 * HdTransformerShape:
 * @channels: of the feature map
 * @heads: attention heads
 * @layers: transformer blocks
 * @text: width of the text's hidden states
 * @groups: of the GroupNorm
 */
typedef struct
{
  int channels;
  int heads;
  int layers;
  int text;
  int groups;
} HdTransformerShape;

void      hd_transformer_load  (HdTransformer            *transformer,
                                HdWeights                *weights,
                                const HdTransformerShape *shape,
                                const char               *name);
void      hd_transformer_clear (HdTransformer            *transformer);

/**
 * hd_transformer_encode_text:
 * @text: (N, 1, T, D)
 * @keys_values: (element-type HdTensor): the keys and values of each block, (N, 1, T, 2 C), are appended;
 *   they stay the same for a whole run
 */
void      hd_transformer_encode_text (HdContext           *context,
                                      const HdTransformer *transformer,
                                      const HdTensor      *text,
                                      GPtrArray           *keys_values);

/**
 * hd_transformer:
 * @x: (N, H, W, C)
 * @keys_values: (array): of each block, as hd_transformer_encode_text() gave them
 * @msw_msa: (nullable): self-attention in shifted windows; %NULL: over the whole map
 * @feed_forward_bands: (nullable): how the map is cut for the feed-forward layers; %NULL: not at all
 *
 * Returns: (N, H, W, C).
 */
HdTensor *hd_transformer       (HdContext                *context,
                                const HdTransformer      *transformer,
                                const HdTensor           *x,
                                HdTensor        * const  *keys_values,
                                HdMswMsa                 *msw_msa,
                                const HdBands            *feed_forward_bands);

G_END_DECLS
