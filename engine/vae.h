/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/resnet.h"

G_BEGIN_DECLS

/* The VAE's middle attention: one head over all pixels. */
typedef struct
{
  HdNorm   group_norm;
  HdLinear to_qkv;
  HdLinear to_out;
} HdVaeAttention;

typedef struct
{
  HdResnet *resnets;
  int       n_layers;
  HdConv    upsampler;  /* empty in the last block */
} HdVaeUpBlock;

/* The decoder of Stable Diffusion's VAE (diffusers' AutoencoderKL). */
typedef struct
{
  HdContext      *context;
  HdVaeConfig     config;

  HdLinear        post_quant_conv;  /* empty if the VAE has none */
  HdConv          conv_in;
  HdResnet        mid_resnets[2];
  HdVaeAttention  mid_attention;    /* empty if the VAE has none */
  HdVaeUpBlock    up_blocks[HD_VAE_MAX_LEVELS];
  HdNorm          conv_norm_out;
  HdConv          conv_out;
} HdVae;

/**
 * hd_vae_load:
 *
 * Returns: (transfer full) (nullable): the decoder; %NULL with %HD_ENGINE_ERROR_MODEL naming the tensor that is
 *   missing or of another shape than @config asks for.
 */
HdVae    *hd_vae_load   (HdContext          *context,
                         const HdVaeConfig  *config,
                         HdWeights          *weights,
                         GError            **error);
void      hd_vae_free   (HdVae              *vae);

/* Pixels of the picture that a latent pixel stands for, on each side: 8 for Stable Diffusion. */
int       hd_vae_factor (const HdVaeConfig  *config);

/**
 * hd_vae_decode:
 * @latent: (N, h, w, L), divided by the scaling factor
 *
 * Returns: (transfer full) (nullable): the picture (N, H, W, 3), nominally in [-1, 1], in float32; %NULL if the
 *   context has failed.
 */
HdTensor *hd_vae_decode (HdVae              *vae,
                         const HdTensor     *latent);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdVae, hd_vae_free)

G_END_DECLS
