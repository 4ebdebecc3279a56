/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/conditioning.h"
#include "engine/model.h"
#include "engine/sampler.h"
#include "engine/unet.h"
#include "engine/vae.h"

G_BEGIN_DECLS

/**
 * HdPipeline:
 * @context: the device that the networks are on
 * @model: what it was loaded from
 * @scheduler: the model's, for a run to change
 * @ratios: (nullable): the model's own of RAU-Net; owned by it
 * @family: the model's
 * @native_size: side in pixels of the pictures that the UNet was trained on
 * @factor: pixels to a latent pixel, on each side
 *
 * A model, loaded: all its networks, tokenizers and settings.
 */
typedef struct
{
  HdContext                 *context;
  HdModel                   *model;
  HdTextModels               text;
  HdUnet                    *unet;
  HdVae                     *vae;
  HdSchedulerConfig          scheduler;
  const HdHiDiffusionRatios *ratios;
  HdFamily                   family;
  int                        native_size;
  int                        factor;
} HdPipeline;

/**
 * hd_pipeline_new:
 * @context: the device
 * @model: the model, opened
 *
 * Loads its networks.
 *
 * Returns: (transfer full) (nullable): the model; %NULL with an error of %HD_ENGINE_ERROR that names the file,
 *   what was expected and what was found.
 */
HdPipeline *hd_pipeline_new  (HdContext   *context,
                              HdModel     *model,
                              GError     **error);

/* The same for the model at @path, as hd_model_open() takes it. */
HdPipeline *hd_pipeline_load (HdContext   *context,
                              const char  *path,
                              GError     **error);
void        hd_pipeline_free (HdPipeline  *pipeline);

/* Called at the beginning of each step, counted from 0. */
typedef void (* HdStepFunc) (int      step,
                             int      steps,
                             gpointer user_data);

/**
 * HdRun:
 * @prompt: what the picture is to show
 * @negative_prompt: what it is not to show; read if there is guidance
 * @latent_height: in latent pixels
 * @latent_width: in latent pixels
 * @guidance_scale: of classifier-free guidance; <= 1: none, and one evaluation a step instead of two
 * @sampler: its kind, steps and settings
 * @rau_net: whether RAU-Net is on
 * @msw_msa: whether MSW-MSA is on
 * @noise: gives the noise: first the initial latents, then the sampler's draws
 * @shift: draws the window shifts
 * @step: (nullable): told of each step
 * @user_data: for the three functions
 *
 * One passage from prompt to latents. Everything random comes from outside, so that a run can be repeated by
 * whatever means the reference used.
 */
typedef struct
{
  const char       *prompt;
  const char       *negative_prompt;
  int               latent_height;
  int               latent_width;
  double            guidance_scale;
  HdSamplerOptions  sampler;
  gboolean          rau_net;
  gboolean          msw_msa;
  HdNoiseFunc       noise;
  HdShiftFunc       shift;
  HdStepFunc        step;
  gpointer          user_data;
} HdRun;

/**
 * hd_pipeline_encode_prompts:
 * @prompts: (array length=n_prompts): texts, as hd_conditioning_encode() takes them
 *
 * Returns: (transfer full) (nullable): the hidden states (n_prompts, 1, T, D); %NULL with @error set.
 */
HdTensor   *hd_pipeline_encode_prompts (HdPipeline         *pipeline,
                                        const char * const *prompts,
                                        int                 n_prompts,
                                        GError            **error);

/**
 * hd_pipeline_denoise:
 * @latents: room for (L, h, w) float32: filled with the latents of the picture, as the sampler left them (before
 *   division by the scaling factor)
 *
 * From prompt to latents.
 */
gboolean    hd_pipeline_denoise (HdPipeline   *pipeline,
                                 const HdRun  *run,
                                 float        *latents,
                                 GError      **error);

/**
 * hd_pipeline_decode:
 * @latents: (L, h, w) float32, as hd_pipeline_denoise() gives them
 * @picture: room for (3, H, W) float32 with H = h * factor: filled with the picture, nominally in [-1, 1]
 */
gboolean    hd_pipeline_decode  (HdPipeline   *pipeline,
                                 const float  *latents,
                                 int           latent_height,
                                 int           latent_width,
                                 float        *picture,
                                 GError      **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdPipeline, hd_pipeline_free)

G_END_DECLS
