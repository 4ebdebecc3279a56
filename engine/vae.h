/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/bands.h"
#include "engine/config.h"
#include "engine/resnet.h"
#include "engine/vae_middle.h"

G_BEGIN_DECLS

/* A block of the VAE's encoder or decoder: resnets, then a resampling convolution. */
typedef struct
{
  HdResnet *resnets;
  int       n_layers;
  HdConv    sampler;  /* empty in the last block */
} HdVaeBlock;

void hd_vae_block_clear (HdVaeBlock *block);

/* From a picture to the posterior of its latents. */
typedef struct
{
  HdConv      conv_in;
  HdVaeBlock  down_blocks[HD_VAE_MAX_LEVELS];
  HdVaeMiddle middle;
  HdNorm      conv_norm_out;
  HdConv      conv_out;
  HdConv      quant_conv;  /* empty if the VAE has none */
} HdVaeEncoder;

void hd_vae_encoder_free (HdVaeEncoder *encoder);

/* Stable Diffusion's VAE (diffusers' AutoencoderKL): its decoder and, for tasks that start from a picture, its
 * encoder. */
typedef struct
{
  HdContext     *context;
  HdVaeConfig    config;
  HdDtype        dtype;            /* what it is computed in */

  HdLinear       post_quant_conv;  /* empty if the VAE has none */
  HdConv         conv_in;
  HdVaeMiddle    middle;
  HdVaeBlock     up_blocks[HD_VAE_MAX_LEVELS];
  HdNorm         conv_norm_out;
  HdConv         conv_out;

  HdVaeEncoder  *encoder;          /* NULL until hd_vae_load_encoder() */
} HdVae;

/**
 * hd_vae_dtype:
 *
 * Returns: the type to compute a VAE of @config in on @context, and so to open its weights and to upload its
 *   inputs with: the context's own, but bfloat16 in place of float16 where the VAE overflows that (SDXL's).
 */
HdDtype   hd_vae_dtype  (HdContext          *context,
                         const HdVaeConfig  *config);

/**
 * hd_vae_load:
 * @weights: opened with the type that hd_vae_dtype() says
 *
 * Returns: (transfer full) (nullable): the VAE with its decoder; %NULL with %HD_ENGINE_ERROR_MODEL naming the
 *   tensor that is missing or of another shape than @config asks for.
 */
HdVae    *hd_vae_load   (HdContext          *context,
                         const HdVaeConfig  *config,
                         HdWeights          *weights,
                         GError            **error);
void      hd_vae_free   (HdVae              *vae);

/**
 * hd_vae_load_encoder:
 * @weights: of the same files, opened with the type that hd_vae_dtype() says; may be those of hd_vae_load()
 *
 * Adds the encoder, which a run from a prompt does without. Nothing happens if it is there already.
 *
 * Returns: %FALSE with @error set as hd_vae_load() sets it; the VAE is as it was then.
 */
gboolean  hd_vae_load_encoder (HdVae      *vae,
                               HdWeights  *weights,
                               GError    **error);

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

/**
 * hd_vae_decode_in_bands:
 * @latent: of one image
 * @bands: how maps are cut
 *
 * What hd_vae_decode() gives, up to the order of sums: of the largest maps two are in memory at once, or with
 * @bands->again one and a small one, and bands of others.
 */
HdTensor *hd_vae_decode_in_bands (HdVae          *vae,
                                  const HdTensor *latent,
                                  const HdBands  *bands);

/**
 * hd_vae_encode:
 * @vae: with its encoder
 * @image: (N, H, W, 3) in [-1, 1]; sides that are no multiple of hd_vae_factor() lose what is left over
 *
 * Returns: (transfer full) (nullable): the posterior's moments (N, H / factor, W / factor, 2 L) in float32: L
 *   channels of means, then L of log-variances, which are still to be clamped; %NULL if the context has failed.
 */
HdTensor *hd_vae_encode (HdVae              *vae,
                         const HdTensor     *image);

/* What hd_vae_encode() gives, as hd_vae_decode_in_bands(); of one image. */
HdTensor *hd_vae_encode_in_bands (HdVae          *vae,
                                  const HdTensor *image,
                                  const HdBands  *bands);

/* The log-variance as the posterior has it: within [-30, 20] (diffusers' DiagonalGaussianDistribution). */
float     hd_vae_clamp_log_variance (float log_variance);

/**
 * hd_vae_sample_posterior:
 * @moments: (array length=count*2): of one image, downloaded from what hd_vae_encode() gave: (2 L, h, w)
 * @count: L * h * w
 * @noise: (array length=count) (nullable): normal; %NULL for the mean
 * @latents: (array length=count): filled: (mean + deviation * noise - shift_factor) * scaling_factor
 */
void      hd_vae_sample_posterior (const HdVaeConfig *config,
                                   const float       *moments,
                                   gsize              count,
                                   const float       *noise,
                                   float             *latents);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdVaeEncoder, hd_vae_encoder_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdVae, hd_vae_free)

G_END_DECLS
