/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/msw_msa.h"
#include "engine/rau_net.h"
#include "engine/resnet.h"
#include "engine/transformer.h"

G_BEGIN_DECLS

/* A block of the U-Net's down or up path: pairs of resnet and attention, then a resampling convolution. */
typedef struct
{
  HdResnet      *resnets;
  HdTransformer *attentions;  /* NULL in a block without attention */
  int            n_layers;
  HdConv         sampler;     /* empty in the last block of a path */
} HdUnetBlock;

/* The U-Net of Stable Diffusion (diffusers' UNet2DConditionModel). */
typedef struct
{
  HdContext     *context;
  HdUnetConfig   config;

  HdLinear       time_embedding_1;
  HdLinear       time_embedding_2;
  HdConv         conv_in;
  HdUnetBlock    down_blocks[HD_UNET_MAX_LEVELS];
  HdResnet       mid_resnets[2];
  HdTransformer  mid_attention;
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
HdUnet    *hd_unet_load (HdContext           *context,
                         const HdUnetConfig  *config,
                         HdWeights           *weights,
                         GError             **error);
void       hd_unet_free (HdUnet              *unet);

/**
 * hd_unet_encode_text:
 * @text: (N, 1, T, D): the text encoder's hidden states
 *
 * Computes the keys and values of all cross-attentions, which no step changes.
 *
 * Returns: (transfer full) (element-type HdTensor): for hd_unet(), in its order of execution.
 */
GPtrArray *hd_unet_encode_text (HdUnet         *unet,
                                const HdTensor *text);

/**
 * hd_unet:
 * @latent: (N, H, W, I): the noisy latents, scaled as the sampler says
 * @timestep: of training, 0 to 999; may lie between two
 * @text: from hd_unet_encode_text(), of the same batch
 * @rau_net: what of RAU-Net is active in this step
 * @msw_msa: (nullable): window attention
 *
 * One evaluation of the network. Any H and W work: upsampling returns to the size that the skip has.
 *
 * Returns: (transfer full) (nullable): the prediction (N, H, W, O) in float32; %NULL if the context has failed.
 */
HdTensor  *hd_unet (HdUnet              *unet,
                    const HdTensor      *latent,
                    double               timestep,
                    GPtrArray           *text,
                    const HdRauNetTools *rau_net,
                    HdMswMsa            *msw_msa);

/* How many self-attentions of one evaluation are windowed. */
int        hd_unet_count_windowed (const HdUnet   *unet,
                                   const HdMswMsa *msw_msa);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdUnet, hd_unet_free)

G_END_DECLS
