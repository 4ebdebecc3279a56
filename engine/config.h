/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* The configuration files of a model's components, as diffusers and transformers write them, read into plain
 * structures. The files are untrusted: every value is checked for type and range. A member that is missing or
 * null has the default that its class has; a member that is unknown is ignored; one that asks for a network
 * that the engine does not compute is an error.
 *
 * All functions return FALSE with HD_ENGINE_ERROR_FILE if the file cannot be read or is no JSON object, and
 * with HD_ENGINE_ERROR_MODEL, "FILE: expected ..., found ...", if a value is not usable. */

#define HD_UNET_MAX_LEVELS 8
#define HD_VAE_MAX_LEVELS  8

/* The numbers of SDXL's size conditioning: height and width of the original, top and left of the crop, height and
 * width of the target, all in pixels. */
#define HD_UNET_TIME_IDS 6

typedef enum
{
  HD_BLOCK_PLAIN,            /* DownBlock2D, UpBlock2D */
  HD_BLOCK_CROSS_ATTENTION,  /* CrossAttnDownBlock2D, CrossAttnUpBlock2D */
} HdBlockKind;

/**
 * HdUnetConfig:
 * @sample_size: side of the latents that the model was trained on, in latent pixels; if the file has none,
 *   64, or 128 with @text_time
 * @in_channels: 4; 9 for inpainting
 * @out_channels: channels of the prediction
 * @n_levels: number of resolutions: of @block_out_channels, and of blocks on either side
 * @block_out_channels: channels of each level, from the top
 * @down_blocks: kind of each down block, from the top
 * @up_blocks: kind of each up block, from the bottom
 * @heads: attention heads of each level, from the top ("attention_head_dim", which holds their *number*);
 *   divides @block_out_channels where the level has attention
 * @transformer_layers: transformer blocks in each attention of a level, from the top
 * @layers_per_block: resnets in a down block; an up block has one more
 * @cross_attention_dim: width of the text's hidden states
 * @norm_groups: groups of every GroupNorm; divides every one of @block_out_channels
 * @norm_eps: epsilon of the resnets' GroupNorms
 * @use_linear_projection: proj_in and proj_out are linear layers, not 1x1 convolutions (the same product)
 * @upcast_attention: attention asks for float32 scores
 * @text_time: "addition_embed_type" is "text_time" (SDXL)
 * @addition_time_embed_dim: width of the embedding of each of SDXL's six size numbers; 0 without @text_time
 * @addition_input_dim: "projection_class_embeddings_input_dim", channels of the pooled text and of the embedded
 *   size numbers together; 0 without @text_time
 * @time_cond_proj_dim: width of the guidance embedding of LCM's UNets; 0 without one
 *
 * UNet2DConditionModel.
 */
typedef struct
{
  int         sample_size;
  int         in_channels;
  int         out_channels;
  int         n_levels;
  int         block_out_channels[HD_UNET_MAX_LEVELS];
  HdBlockKind down_blocks[HD_UNET_MAX_LEVELS];
  HdBlockKind up_blocks[HD_UNET_MAX_LEVELS];
  int         heads[HD_UNET_MAX_LEVELS];
  int         transformer_layers[HD_UNET_MAX_LEVELS];
  int         layers_per_block;
  int         cross_attention_dim;
  int         norm_groups;
  float       norm_eps;
  gboolean    use_linear_projection;
  gboolean    upcast_attention;
  gboolean    text_time;
  int         addition_time_embed_dim;
  int         addition_input_dim;
  int         time_cond_proj_dim;
} HdUnetConfig;

gboolean hd_unet_config_read (const char    *path,
                              HdUnetConfig  *config,
                              GError       **error);

/**
 * HdVaeConfig:
 * @sample_size: side of the pictures that it was trained on
 * @in_channels: of the picture that is encoded, 3
 * @out_channels: of the picture that is decoded, 3
 * @latent_channels: channels of the latents
 * @n_levels: number of resolutions; a latent pixel stands for 2^(n_levels - 1) pixels on each side
 * @block_out_channels: channels of each level, from the picture's side
 * @layers_per_block: resnets in a block of the encoder; the decoder's have one more
 * @norm_groups: groups of every GroupNorm
 * @scaling_factor: latents = @scaling_factor * (what the encoder gives - @shift_factor)
 * @shift_factor: 0 for Stable Diffusion
 * @force_upcast: must be computed in a type with float32's range (SDXL's overflows in float16)
 * @use_quant_conv: has quant_conv
 * @use_post_quant_conv: has post_quant_conv
 * @mid_block_attention: the middle block has its attention
 *
 * AutoencoderKL.
 */
typedef struct
{
  int      sample_size;
  int      in_channels;
  int      out_channels;
  int      latent_channels;
  int      n_levels;
  int      block_out_channels[HD_VAE_MAX_LEVELS];
  int      layers_per_block;
  int      norm_groups;
  float    scaling_factor;
  float    shift_factor;
  gboolean force_upcast;
  gboolean use_quant_conv;
  gboolean use_post_quant_conv;
  gboolean mid_block_attention;
} HdVaeConfig;

gboolean hd_vae_config_read (const char   *path,
                             HdVaeConfig  *config,
                             GError      **error);

/**
 * HdTextConfig:
 * @vocab_size: rows of the token embedding
 * @hidden_size: width of the hidden states; a multiple of @heads
 * @intermediate_size: width of the feed-forward's middle
 * @layers: transformer layers
 * @heads: attention heads
 * @max_positions: rows of the position embedding
 * @activation: of the feed-forward: %HD_ACTIVATION_QUICK_GELU or %HD_ACTIVATION_GELU
 * @norm_eps: epsilon of the LayerNorms
 * @projection_dim: width of the pooled embedding, if the weights have text_projection
 * @eos_token_id: as the file has it; hub files say 2 where 49407 is meant, so pool at the tokenizer's end token
 *
 * CLIPTextModel and CLIPTextModelWithProjection.
 */
typedef struct
{
  int          vocab_size;
  int          hidden_size;
  int          intermediate_size;
  int          layers;
  int          heads;
  int          max_positions;
  HdActivation activation;
  float        norm_eps;
  int          projection_dim;
  int          eos_token_id;
} HdTextConfig;

gboolean hd_text_config_read (const char    *path,
                              HdTextConfig  *config,
                              GError       **error);

typedef enum
{
  HD_BETA_SCHEDULE_LINEAR,
  HD_BETA_SCHEDULE_SCALED_LINEAR,
  HD_BETA_SCHEDULE_SQUARED_COSINE,  /* "squaredcos_cap_v2" */
} HdBetaSchedule;

typedef enum
{
  HD_PREDICTION_EPSILON,
  HD_PREDICTION_V,
  HD_PREDICTION_SAMPLE,
} HdPrediction;

typedef enum
{
  HD_TIMESTEPS_LEADING,
  HD_TIMESTEPS_LINSPACE,
  HD_TIMESTEPS_TRAILING,
} HdTimestepSpacing;

/**
 * HdSchedulerConfig:
 * @train_steps: number of timesteps in training
 * @beta_start: first beta
 * @beta_end: last beta, >= @beta_start
 * @beta_schedule: how the betas go from the first to the last
 * @prediction: what the UNet predicts
 * @spacing: as the file has it; each sampler has its own usual one
 * @steps_offset: added to the timesteps of leading spacing
 * @set_alpha_to_one: DDIM's last step goes to alpha 1 instead of the first training step's
 * @zero_terminal_snr: "rescale_betas_zero_snr"
 *
 * The part of a scheduler's configuration that is the model's, whichever sampler runs.
 */
typedef struct
{
  int               train_steps;
  double            beta_start;
  double            beta_end;
  HdBetaSchedule    beta_schedule;
  HdPrediction      prediction;
  HdTimestepSpacing spacing;
  int               steps_offset;
  gboolean          set_alpha_to_one;
  gboolean          zero_terminal_snr;
} HdSchedulerConfig;

/* What Stable Diffusion models are trained with, for a model that comes without a scheduler's configuration. */
void     hd_scheduler_config_default (HdSchedulerConfig  *config);
gboolean hd_scheduler_config_read    (const char         *path,
                                      HdSchedulerConfig  *config,
                                      GError            **error);

/**
 * HdHiDiffusionRatios:
 * @normal: at ordinary sizes
 * @large: when both sides of the latents are at least 4 * sample_size
 *
 * The shares of a run's steps, 0 to 1, that RAU-Net's tools are active for, as a model's folder recommends them:
 * {"schema_version": 1, "normal": {"d4": 0.4, "p2": 0}, "large": {"d4": 0.7, "p2": 0.3}}.
 */
typedef struct
{
  double d4;
  double p2;
} HdHiDiffusionRatio;

typedef struct
{
  HdHiDiffusionRatio normal;
  HdHiDiffusionRatio large;
} HdHiDiffusionRatios;

gboolean hd_hidiffusion_ratios_read (const char           *path,
                                     HdHiDiffusionRatios  *ratios,
                                     GError              **error);

G_END_DECLS
