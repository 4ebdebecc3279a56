/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline.h"

#define MAX_GUIDANCE_BATCH 2

HdTensor *
hd_pipeline_encode_prompts (HdPipeline         *pipeline,
                            const char * const *prompts,
                            int                 n_prompts,
                            GError            **error)
{
  g_auto (HdConditioning) conditioning = { 0 };

  if (!hd_model_check_files (pipeline->model, error)
      || !hd_conditioning_encode (&pipeline->text, prompts, n_prompts, NULL, &conditioning, error))
    return NULL;

  return g_steal_pointer (&conditioning.hidden);
}

/* What the UNet reads of the text: of the negative prompt and the prompt, or of the prompt alone. */
static HdUnetCondition *
encode_text (HdPipeline   *pipeline,
             const HdRun  *run,
             int           batch,
             GError      **error)
{
  const char                  *prompts[MAX_GUIDANCE_BATCH] = { run->negative_prompt, run->prompt };
  g_autoptr (HdTensor)         hidden = NULL;
  g_autoptr (HdUnetCondition)  condition = NULL;

  hidden = hd_pipeline_encode_prompts (pipeline, prompts + MAX_GUIDANCE_BATCH - batch, batch, error);
  if (hidden == NULL)
    return NULL;

  condition = hd_unet_encode_condition (pipeline->unet, hidden, NULL, NULL, run->guidance_scale);
  if (!hd_context_check (pipeline->context, error))
    return NULL;

  return g_steal_pointer (&condition);
}

/* Classifier-free guidance (arXiv 2207.12598): prediction = without + scale (with - without), into @without. */
static void
guide (float       *without,
       const float *with,
       double       scale,
       gsize        count)
{
  for (gsize i = 0; i < count; i++)
    without[i] += (float) scale * (with[i] - without[i]);
}

static void
init_hidiffusion (HdPipeline  *pipeline,
                  const HdRun *run,
                  int          steps,
                  HdRauNet    *rau_net,
                  HdMswMsa    *msw_msa)
{
  const HdUnetConfig *config = &pipeline->unet->config;

  if (run->rau_net)
    hd_rau_net_init (rau_net, &(HdRauNetCase) {
                       .family = pipeline->family, .sample_size = config->sample_size,
                       .latent_height = run->latent_height, .latent_width = run->latent_width,
                       .steps = steps, .ratios = pipeline->ratios,
                     });
  else
    hd_rau_net_init_off (rau_net);

  hd_msw_msa_init (msw_msa, pipeline->family, config->n_levels, run->shift, run->user_data);
}

/* One evaluation: @input (L, h, w) goes in, the guided prediction comes out in @prediction, which has room for
 * one of every image of the batch. */
static gboolean
evaluate (HdPipeline          *pipeline,
          const HdRun         *run,
          double               timestep,
          const HdUnetInputs  *inputs,
          int                  batch,
          float               *input,
          float               *prediction,
          GError             **error)
{
  HdContext            *context = pipeline->context;
  int                   channels = pipeline->unet->config.in_channels;
  gsize                 count = (gsize) channels * run->latent_height * run->latent_width;
  g_autoptr (HdTensor)  x = NULL;
  g_autoptr (HdTensor)  y = NULL;

  for (int n = 1; n < batch; n++)
    memcpy (input + n * count, input, count * sizeof *input);

  x = hd_upload (context, hd_context_get_dtype (context), batch, run->latent_height, run->latent_width,
                 channels, input);
  y = hd_unet (pipeline->unet, x, timestep, inputs);
  hd_download (context, y, prediction);
  if (!hd_context_check (context, error))
    return FALSE;

  if (batch == MAX_GUIDANCE_BATCH)
    guide (prediction, prediction + count, run->guidance_scale, count);

  return TRUE;
}

gboolean
hd_pipeline_denoise (HdPipeline   *pipeline,
                     const HdRun  *run,
                     float        *latents,
                     GError      **error)
{
  gsize                        count = (gsize) pipeline->unet->config.in_channels * run->latent_height * run->latent_width;
  int                          batch = run->guidance_scale > 1.0 ? MAX_GUIDANCE_BATCH : 1;
  g_autoptr (HdSampler)        sampler = hd_sampler_new (&pipeline->scheduler, &run->sampler, error);
  g_autoptr (HdUnetCondition)  condition = NULL;
  g_autofree float            *input = g_try_new (float, batch * count);
  g_autofree float            *prediction = g_try_new (float, batch * count);
  HdRauNet                     rau_net;
  HdMswMsa                     msw_msa;
  int                          steps;

  if (sampler == NULL)
    return FALSE;

  if (input == NULL || prediction == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for latents of %d x %d",
                   run->latent_width, run->latent_height);
      return FALSE;
    }

  condition = encode_text (pipeline, run, batch, error);
  if (condition == NULL)
    return FALSE;

  steps = hd_sampler_get_evaluations (sampler);
  init_hidiffusion (pipeline, run, steps, &rau_net, &msw_msa);

  run->noise (latents, count, run->user_data);
  for (gsize i = 0; i < count; i++)
    latents[i] *= (float) hd_sampler_get_initial_sigma (sampler);

  for (int k = 0; k < steps; k++)
    {
      HdRauNetTools tools = hd_rau_net_at (&rau_net, k);
      HdUnetInputs  inputs = {
        .condition = condition, .rau_net = &tools, .msw_msa = run->msw_msa ? &msw_msa : NULL,
      };

      if (run->step != NULL)
        run->step (k, steps, run->user_data);

      /* Weights that a device has not taken over yet are read from the files while it computes. */
      if (!hd_model_check_files (pipeline->model, error))
        return FALSE;

      hd_sampler_scale_input (sampler, k, latents, input, count);
      if (!evaluate (pipeline, run, hd_sampler_get_timestep (sampler, k), &inputs, batch, input, prediction,
                     error))
        return FALSE;

      hd_sampler_step (sampler, k, prediction, latents, count, run->noise, run->user_data);
    }

  return TRUE;
}

gboolean
hd_pipeline_decode (HdPipeline   *pipeline,
                    const float  *latents,
                    int           latent_height,
                    int           latent_width,
                    float        *picture,
                    GError      **error)
{
  HdContext            *context = pipeline->context;
  const HdVaeConfig    *config = &pipeline->vae->config;
  gsize                 count = (gsize) config->latent_channels * latent_height * latent_width;
  g_autofree float     *scaled = g_try_new (float, count);
  g_autoptr (HdTensor)  latent = NULL;
  g_autoptr (HdTensor)  decoded = NULL;

  if (scaled == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for latents of %d x %d",
                   latent_width, latent_height);
      return FALSE;
    }

  if (!hd_model_check_files (pipeline->model, error))
    return FALSE;

  for (gsize i = 0; i < count; i++)
    scaled[i] = latents[i] / config->scaling_factor + config->shift_factor;

  latent = hd_upload (context, hd_context_get_dtype (context), 1, latent_height, latent_width,
                      config->latent_channels, scaled);
  decoded = hd_vae_decode (pipeline->vae, latent);
  hd_download (context, decoded, picture);

  return hd_context_check (context, error);
}
