/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/unet_block.h"
#include "engine/unet_embedding.h"

G_BEGIN_DECLS

/* The half of a U-Net that reads: embeddings, the way down and the middle. A U-Net and a ControlNet both begin
 * with one. */
typedef struct
{
  HdUnetEmbedding embedding;
  HdConv          conv_in;
  HdUnetBlock     down_blocks[HD_UNET_MAX_LEVELS];
  int             n_levels;
  HdResnet        mid_resnets[2];
  HdTransformer   mid_attention;  /* without blocks if the middle has none */
} HdUnetEncoder;

void      hd_unet_encoder_load  (HdUnetEncoder      *encoder,
                                 HdWeights          *weights,
                                 const HdUnetConfig *config);
void      hd_unet_encoder_clear (HdUnetEncoder      *encoder);

/**
 * HdUnetCondition:
 * @keys_values: (element-type HdTensor): of the text, for every cross-attention in the order of execution
 * @size: (nullable): the embedding of the pooled text and the picture's size (SDXL)
 * @guidance: (nullable): the embedding of the guidance scale (LCM)
 *
 * What a picture is to be, in the form that one network reads it in. No step changes it: it is computed once a run.
 */
typedef struct
{
  GPtrArray *keys_values;
  HdTensor  *size;
  HdTensor  *guidance;
} HdUnetCondition;

void      hd_unet_condition_free (HdUnetCondition *condition);

/**
 * hd_unet_encoder_encode:
 * @text: (N, 1, T, D): the text encoder's hidden states
 * @pooled: (nullable): (N, 1, 1, P): the pooled text; read by SDXL alone
 * @time_ids: (nullable) (array): %HD_UNET_TIME_IDS numbers of each of the N images; read by SDXL alone
 * @guidance_scale: read by networks with an embedding for it alone
 *
 * Returns: (transfer full): the condition, with keys and values as far as the middle; its tensors may be %NULL if
 *   the context has failed.
 */
HdUnetCondition *
          hd_unet_encoder_encode (HdContext           *context,
                                  const HdUnetEncoder *encoder,
                                  const HdTensor      *text,
                                  const HdTensor      *pooled,
                                  const double        *time_ids,
                                  double               guidance_scale);

/**
 * hd_unet_encoder:
 * @pass: with context, tools and an empty stack of skips; the rest is set here
 * @latent: (N, H, W, I)
 * @hint: (nullable): (N, H, W, C), added to what the first convolution makes of the latents
 *
 * Returns: (transfer full) (nullable): what the middle makes, without a ControlNet's residual; the skips are on the
 *   pass's stack.
 */
HdTensor *hd_unet_encoder       (const HdUnetEncoder   *encoder,
                                 HdUnetPass            *pass,
                                 const HdTensor        *latent,
                                 double                 timestep,
                                 const HdUnetCondition *condition,
                                 const HdTensor        *hint);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdUnetCondition, hd_unet_condition_free)

G_END_DECLS
