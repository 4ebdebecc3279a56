/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/unet_encoder.h"

G_BEGIN_DECLS

/* The U-Net of Stable Diffusion (diffusers' UNet2DConditionModel). */
typedef struct
{
  HdContext     *context;
  HdUnetConfig   config;

  HdUnetEncoder  encoder;
  HdUnetBlock    up_blocks[HD_UNET_MAX_LEVELS];
  HdNorm         conv_norm_out;
  HdConv         conv_out;
} HdUnet;

/**
 * hd_unet_load:
 * @context: the device; the network must not outlive it
 * @weights: the checkpoint's tensors
 *
 * Returns: (transfer full) (nullable): the network; %NULL with %HD_ENGINE_ERROR_MODEL naming the tensor that is
 *   missing or of another shape than @config asks for.
 */
HdUnet          *hd_unet_load             (HdContext           *context,
                                           const HdUnetConfig  *config,
                                           HdWeights           *weights,
                                           GError             **error);
void             hd_unet_free             (HdUnet              *unet);

/* Channels of the pooled text that the network reads; 0 if it reads none, as all but SDXL's. */
int              hd_unet_pooled_channels  (const HdUnetConfig  *config);

/**
 * hd_unet_encode_condition:
 * @text: (N, 1, T, D): the text encoders' hidden states
 * @pooled: (nullable): (N, 1, 1, P): the pooled text; needed where hd_unet_pooled_channels() is not 0
 * @time_ids: (nullable) (array): SDXL's size conditioning, six numbers (%HD_UNET_TIME_IDS) of each of the N images
 * @guidance_scale: what a network with an embedding for it is to imitate (LCM); others ignore it
 *
 * Computes what no step changes: the keys and values of all cross-attentions, the embedding of the pooled text and
 * the sizes, and that of the guidance scale.
 *
 * Returns: (transfer full): for hd_unet(); of no use, but to be freed, if the context has failed.
 */
HdUnetCondition *hd_unet_encode_condition (HdUnet              *unet,
                                           const HdTensor      *text,
                                           const HdTensor      *pooled,
                                           const double        *time_ids,
                                           double               guidance_scale);

/**
 * HdUnetInputs:
 * @condition: from hd_unet_encode_condition(), of the same batch
 * @rau_net: (nullable): what of RAU-Net is active in this step
 * @msw_msa: (nullable): window attention
 * @control: (nullable): what a ControlNet made in this step, of the same batch; it is used up
 * @splits: of #HdSplit: what is split to save memory
 *
 * What an evaluation reads beside the latents and the timestep.
 */
typedef struct
{
  const HdUnetCondition *condition;
  const HdRauNetTools   *rau_net;
  HdMswMsa              *msw_msa;
  HdControlResiduals    *control;
  guint                  splits;
} HdUnetInputs;

/**
 * hd_unet:
 * @latent: (N, H, W, I): the noisy latents, scaled as the sampler says; models for inpainting read the mask and the
 *   masked picture's latents in further channels
 * @timestep: of training, 0 to 999; may lie between two
 *
 * One evaluation of the network. Any H and W work: upsampling returns to the size that the skip has.
 *
 * Returns: (transfer full) (nullable): the prediction (N, H, W, O) in float32; %NULL if the context has failed.
 */
HdTensor        *hd_unet                  (HdUnet              *unet,
                                           const HdTensor      *latent,
                                           double               timestep,
                                           const HdUnetInputs  *inputs);

/* How many self-attentions of one evaluation are windowed. */
int              hd_unet_count_windowed   (const HdUnet        *unet,
                                           const HdMswMsa      *msw_msa);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdUnet, hd_unet_free)

G_END_DECLS
