/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/conditioning.h"
#include "engine/control_net.h"
#include "engine/memory_plan.h"
#include "engine/model.h"
#include "engine/sampler.h"
#include "engine/unet.h"
#include "engine/vae.h"

G_BEGIN_DECLS

/**
 * HdPipeline:
 * @context: the device that the networks are on
 * @model: what it was loaded from
 * @text: the text encoders; like all networks: empty where they are not in memory
 * @unet: (nullable): the U-Net
 * @control_net: (nullable): the ControlNet of hd_pipeline_set_control_net()
 * @vae: (nullable): the VAE
 * @scheduler: the model's, for a run to change
 * @ratios: (nullable): the model's own of RAU-Net; owned by it
 * @family: the model's
 * @native_size: side in pixels of the pictures that the UNet was trained on
 * @factor: pixels to a latent pixel, on each side
 * @plan: how runs are carried out: {0} for what needs no plan
 * @need: (nullable): the most that each stage has taken so far is noted here
 *
 * A model on a device: its networks, tokenizers and settings.
 */
typedef struct
{
  HdContext                 *context;
  HdModel                   *model;
  HdTextModels               text;
  HdUnet                    *unet;
  HdControlNet              *control_net;
  HdVae                     *vae;
  HdSchedulerConfig          scheduler;
  const HdHiDiffusionRatios *ratios;
  HdFamily                   family;
  int                        native_size;
  int                        factor;
  HdMemoryPlan               plan;
  HdMemoryNeed              *need;

  /*< private >*/
  HdWeightPatches           *patches;        /* LoRAs, or NULL */
  HdStreaming                streaming;      /* with which the U-Net has been loaded */
  guint                      patched;        /* the kinds of networks that have been loaded with them */
  char                      *control_path;
  char                      *control_stamp;
  HdStage                    stage;          /* that it is in; HD_N_STAGES for none */
} HdPipeline;

/**
 * hd_pipeline_new:
 * @context: the device
 * @model: the model, opened
 * @patches: (nullable): LoRAs to be added to its weights
 *
 * Returns: (transfer full): the model, without any of its networks yet: they are loaded when a run comes to need them,
 *   the VAE's encoder only when one starts from a picture.
 */
HdPipeline *hd_pipeline_new  (HdContext        *context,
                              HdModel          *model,
                              HdWeightPatches  *patches);

/**
 * hd_pipeline_load_networks:
 *
 * Loads text encoders, U-Net and VAE, as far as they are not there.
 *
 * Returns: %FALSE with an error of %HD_ENGINE_ERROR that names the file, what was expected and what was found.
 */
gboolean    hd_pipeline_load_networks (HdPipeline *pipeline,
                                       GError    **error);

/* From now on, the loading of networks and the pipeline's device stop once @cancellable is cancelled. NULL: never. */
void        hd_pipeline_set_cancellable (HdPipeline   *pipeline,
                                         GCancellable *cancellable);

/**
 * hd_pipeline_set_control_net:
 * @path: (nullable): folder or file; %NULL for none
 * @stamp: (nullable): another text if another one is meant, or the file has been exchanged
 *
 * The ControlNet of the runs to come.
 */
void        hd_pipeline_set_control_net (HdPipeline *pipeline,
                                         const char *path,
                                         const char *stamp);

/* The model at @path, as hd_model_open() takes it, with its networks; %NULL with an error as above. */
HdPipeline *hd_pipeline_load (HdContext   *context,
                              const char  *path,
                              GError     **error);
void        hd_pipeline_free (HdPipeline  *pipeline);

/* Called at the beginning of each step, counted from 0. */
typedef void (* HdStepFunc) (int      step,
                             int      steps,
                             gpointer user_data);

/* Called after each evaluation with the picture's latents (L, h, w) as they are guessed by now. */
typedef void (* HdGuessFunc) (const float *latents,
                              gpointer     user_data);

/**
 * HdControlRun:
 * @picture: (3, H, W) in [0, 1]: what the pipeline's ControlNet reads: edges, depths, a pose, ...
 * @strength: what its residuals are multiplied with
 * @start: share of the steps before it is applied
 * @end: share of the steps after which it is not applied any more
 */
typedef struct
{
  const float *picture;
  double       strength;
  double       start;
  double       end;
} HdControlRun;

/**
 * HdRun:
 * @prompt: what the picture is to show
 * @negative_prompt: what it is not to show; read if there is guidance
 * @text: how prompts are read; the number of negative ones is filled in
 * @latent_height: in latent pixels
 * @latent_width: in latent pixels
 * @shown_height: of the picture that SDXL is told it makes, in pixels; 0: that of the latents
 * @shown_width: likewise
 * @guidance_scale: of classifier-free guidance; <= 1: none, and one evaluation a step instead of two
 * @guidance_rescale: how far it is taken back, as hd_guide()
 * @sampler: its kind, steps and settings; of a strength below 1 only with @image
 * @rau_net: whether RAU-Net is on
 * @msw_msa: whether MSW-MSA is on
 * @ratios: (nullable): of RAU-Net, in place of the model's; what is negative is the model's
 * @image: (nullable): (3, H, W) in [-1, 1], of the latents' size times the factor: the picture to start from
 * @mask: (nullable): (H, W): 1 where the picture is made anew, 0 where it stays; with @image. What is 0.5 or more counts
 *   as 1
 * @control: (nullable): a ControlNet
 * @noise: gives the noise: what the run starts with, then the sampler's draws. Starting from a picture these are the
 *   sample of the VAE's posterior of the picture, the noise added to it and, with a mask, the sample of the posterior of
 *   the picture without what the mask marks; the models for inpainting draw no sample of the whole picture when they
 *   start from noise alone
 * @shift: draws the window shifts
 * @step: (nullable): told of each step
 * @guess: (nullable): shown what comes of it
 * @user_data: for these functions
 *
 * One passage from prompt to latents (diffusers' StableDiffusionPipeline, its Img2Img and its Inpaint, and SDXL's).
 * Everything random comes from outside, so that a run can be repeated by whatever means the reference used.
 */
typedef struct
{
  const char                *prompt;
  const char                *negative_prompt;
  HdConditioningOptions      text;
  int                        latent_height;
  int                        latent_width;
  int                        shown_height;
  int                        shown_width;
  double                     guidance_scale;
  double                     guidance_rescale;
  HdSamplerOptions           sampler;
  gboolean                   rau_net;
  gboolean                   msw_msa;
  const HdHiDiffusionRatio  *ratios;
  const float               *image;
  const float               *mask;
  const HdControlRun        *control;
  HdNoiseFunc                noise;
  HdShiftFunc                shift;
  HdStepFunc                 step;
  HdGuessFunc                guess;
  gpointer                   user_data;
} HdRun;

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
