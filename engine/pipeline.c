/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline.h"

#include <string.h>

#include "engine/guidance.h"
#include "engine/pipeline_start.h"
#include "kernels/i18n.h"

#define MAX_GUIDANCE_BATCH 2

/* What all steps of a run share. */
typedef struct
{
  HdPipeline         *pipeline;
  const HdRun        *run;
  HdSampler          *sampler;
  int                 batch;        /* images of an evaluation: for the negative prompt and the prompt, or one */
  int                 steps;
  HdUnetCondition    *condition;
  HdControlCondition *control;
  HdRauNet            rau_net;
  HdMswMsa            msw_msa;
  HdStart             start;
  float              *input;        /* (I, h, w) for each image of the batch */
  float              *prediction;   /* (L, h, w) for each image of the batch */
} Denoising;

static void
denoising_clear (Denoising *denoising)
{
  g_clear_pointer (&denoising->sampler, hd_sampler_free);
  g_clear_pointer (&denoising->condition, hd_unet_condition_free);
  g_clear_pointer (&denoising->control, hd_control_condition_free);
  hd_start_clear (&denoising->start);
  g_clear_pointer (&denoising->input, g_free);
  g_clear_pointer (&denoising->prediction, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Denoising, denoising_clear)

/* --- what no step changes ------------------------------------------------------- */

/* SDXL's size conditioning: original size, corner of the crop, target size. */
static void
fill_time_ids (const Denoising *denoising,
               double           time_ids[MAX_GUIDANCE_BATCH * HD_UNET_TIME_IDS])
{
  const HdRun *run = denoising->run;
  int          factor = denoising->pipeline->factor;
  double       height = run->shown_height > 0 ? run->shown_height : run->latent_height * factor;
  double       width = run->shown_width > 0 ? run->shown_width : run->latent_width * factor;
  const double ids[HD_UNET_TIME_IDS] = { height, width, 0.0, 0.0, height, width };

  for (int n = 0; n < denoising->batch; n++)
    memcpy (time_ids + n * HD_UNET_TIME_IDS, ids, sizeof ids);
}

static gboolean
encode_control (Denoising             *denoising,
                const HdConditioning  *text,
                const double          *time_ids,
                GError               **error)
{
  HdPipeline           *pipeline = denoising->pipeline;
  const HdRun          *run = denoising->run;
  int                   height = run->latent_height * pipeline->factor;
  int                   width = run->latent_width * pipeline->factor;
  gsize                 count = (gsize) 3 * height * width;
  g_autofree float     *pictures = g_try_new (float, denoising->batch * count);
  g_autoptr (HdTensor)  picture = NULL;

  if (pictures == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for a picture of %d x %d",
                   width, height);
      return FALSE;
    }

  for (int n = 0; n < denoising->batch; n++)
    memcpy (pictures + n * count, run->control->picture, count * sizeof *pictures);
  picture = hd_upload (pipeline->context, hd_context_get_dtype (pipeline->context), denoising->batch, height, width, 3,
                       pictures);
  denoising->control = hd_control_net_encode (run->control->net, picture, text->hidden, text->pooled, time_ids);

  return TRUE;
}

/* What the networks read of the text: of the negative prompt and the prompt, or of the prompt alone. */
static gboolean
encode_text (Denoising  *denoising,
             GError    **error)
{
  HdPipeline             *pipeline = denoising->pipeline;
  const HdRun            *run = denoising->run;
  int                     batch = denoising->batch;
  const char             *prompts[MAX_GUIDANCE_BATCH] = { run->negative_prompt, run->prompt };
  HdConditioningOptions   options = run->text;
  double                  time_ids[MAX_GUIDANCE_BATCH * HD_UNET_TIME_IDS];
  g_auto (HdConditioning) text = { 0 };

  options.n_negative = batch - 1;
  if (!hd_model_check_files (pipeline->model, error)
      || !hd_conditioning_encode (&pipeline->text, prompts + MAX_GUIDANCE_BATCH - batch, batch, &options, &text, error))
    return FALSE;

  fill_time_ids (denoising, time_ids);
  denoising->condition = hd_unet_encode_condition (pipeline->unet, text.hidden, text.pooled, time_ids,
                                                   run->guidance_scale);
  if (run->control != NULL && !encode_control (denoising, &text, time_ids, error))
    return FALSE;

  return hd_context_check (pipeline->context, error);
}

static void
init_hidiffusion (Denoising *denoising)
{
  HdPipeline         *pipeline = denoising->pipeline;
  const HdRun        *run = denoising->run;
  const HdUnetConfig *config = &pipeline->unet->config;

  if (run->rau_net)
    hd_rau_net_init (&denoising->rau_net, &(HdRauNetCase) {
                       .family = pipeline->family, .inpainting = pipeline->model->inpainting,
                       .control_net = run->control != NULL, .sample_size = config->sample_size,
                       .latent_height = run->latent_height, .latent_width = run->latent_width,
                       .steps = denoising->steps, .ratios = pipeline->ratios, .own = run->ratios,
                     });
  else
    hd_rau_net_init_off (&denoising->rau_net);

  hd_msw_msa_init (&denoising->msw_msa, pipeline->family, config->n_levels, run->shift, run->user_data);
}

static gboolean
check_run (const HdPipeline  *pipeline,
           const HdRun       *run,
           GError           **error)
{
  if (!pipeline->model->inpainting || (run->image != NULL && run->mask != NULL))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: a model for inpainting: expected a picture with a part to fill, found none; "
                 "choose an ordinary model for this"),
               hd_model_get_config_path (pipeline->model, HD_MODEL_UNET));

  return FALSE;
}

static gboolean
denoising_init (Denoising    *denoising,
                HdPipeline   *pipeline,
                const HdRun  *run,
                GError      **error)
{
  const HdUnetConfig *config = &pipeline->unet->config;
  gsize               pixels = (gsize) run->latent_height * run->latent_width;

  *denoising = (Denoising) {
    .pipeline = pipeline, .run = run, .batch = run->guidance_scale > 1.0 ? MAX_GUIDANCE_BATCH : 1,
  };

  if (!check_run (pipeline, run, error))
    return FALSE;

  denoising->sampler = hd_sampler_new (&pipeline->scheduler, &run->sampler, error);
  if (denoising->sampler == NULL)
    return FALSE;
  denoising->steps = hd_sampler_get_evaluations (denoising->sampler);

  denoising->input = g_try_new (float, denoising->batch * pixels * config->in_channels);
  denoising->prediction = g_try_new (float, denoising->batch * pixels * config->out_channels);
  if (denoising->input == NULL || denoising->prediction == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for latents of %d x %d",
                   run->latent_width, run->latent_height);
      return FALSE;
    }

  init_hidiffusion (denoising);

  return encode_text (denoising, error);
}

/* --- a step --------------------------------------------------------------------- */

/* Whether the ControlNet is applied in step @k (diffusers' controlnet_keep). */
static gboolean
control_applies (const Denoising *denoising,
                 int              k)
{
  const HdControlRun *control = denoising->run->control;

  return control != NULL && (double) k / denoising->steps >= control->start
         && (double) (k + 1) / denoising->steps <= control->end;
}

/* All images of the batch read the same: the latents, and what models for inpainting read beside them. */
static HdTensor *
upload_input (const Denoising *denoising,
              const float     *latents,
              const float     *extra,
              int              channels)
{
  HdContext   *context = denoising->pipeline->context;
  const HdRun *run = denoising->run;
  gsize        image = (gsize) channels * run->latent_height * run->latent_width;
  gsize        count = extra != NULL ? denoising->start.count : image;

  for (int n = 0; n < denoising->batch; n++)
    {
      memcpy (denoising->input + n * image, latents, count * sizeof *latents);
      if (extra != NULL)
        memcpy (denoising->input + n * image + count, extra, (image - count) * sizeof *extra);
    }

  return hd_upload (context, hd_context_get_dtype (context), denoising->batch, run->latent_height, run->latent_width,
                    channels, denoising->input);
}

/* An evaluation. */
typedef struct
{
  Denoising     *denoising;
  const float   *latents;     /* scaled */
  double         timestep;
  HdRauNetTools  tools;
  gboolean       control;     /* the ControlNet is applied */
  guint64        calls;       /* of window attention, when it is over */
} Evaluation;

/* The networks' prediction: an HdRepeatFunc. */
static HdTensor *
predict (HdContext *context,
         gpointer   user_data)
{
  Evaluation           *evaluation = user_data;
  Denoising            *denoising = evaluation->denoising;
  const HdRun          *run = denoising->run;
  HdUnet               *unet = denoising->pipeline->unet;
  HdMswMsa              msw_msa = denoising->msw_msa;
  HdControlResiduals    residuals = { 0 };
  HdUnetInputs          inputs = {
    .condition = denoising->condition, .rau_net = &evaluation->tools, .msw_msa = run->msw_msa ? &msw_msa : NULL,
  };
  g_autoptr (HdTensor)  x = NULL;

  if (evaluation->control)
    {
      x = upload_input (denoising, evaluation->latents, NULL, unet->config.out_channels);
      hd_control_net (run->control->net, x, evaluation->timestep, denoising->control, run->control->strength,
                      &residuals);
      inputs.control = &residuals;
    }

  hd_tensor_take (&x, upload_input (denoising, evaluation->latents, denoising->start.extra, unet->config.in_channels));
  hd_tensor_take (&x, hd_unet (unet, x, evaluation->timestep, &inputs));
  hd_control_residuals_clear (&residuals);
  evaluation->calls = msw_msa.call;

  return g_steal_pointer (&x);
}

/* Runs the networks for evaluation @k on the scaled @latents; the guided prediction is then in @denoising. */
static gboolean
evaluate (Denoising    *denoising,
          int           k,
          const float  *latents,
          GError      **error)
{
  HdPipeline           *pipeline = denoising->pipeline;
  const HdRun          *run = denoising->run;
  Evaluation            evaluation = {
    .denoising = denoising, .latents = latents, .timestep = hd_sampler_get_timestep (denoising->sampler, k),
    .tools = hd_rau_net_at (&denoising->rau_net, k), .control = control_applies (denoising, k),
  };
  g_autoptr (HdTensor)  y = NULL;

  y = hd_context_repeat (pipeline->context, hd_rau_net_key (&evaluation.tools, evaluation.control), predict,
                         &evaluation);
  denoising->msw_msa.call = evaluation.calls;
  hd_download (pipeline->context, y, denoising->prediction);
  if (!hd_context_check (pipeline->context, error))
    return FALSE;

  if (denoising->batch == MAX_GUIDANCE_BATCH)
    hd_guide (denoising->prediction, denoising->prediction + denoising->start.count, run->guidance_scale,
              run->guidance_rescale, denoising->start.count);

  return TRUE;
}

/* Weights that a device has not taken over yet are read from the files while it computes. */
static gboolean
check_files (const Denoising  *denoising,
             GError          **error)
{
  const HdControlRun *control = denoising->run->control;

  return hd_model_check_files (denoising->pipeline->model, error)
         && (control == NULL || hd_control_net_check_files (control->net, error));
}

gboolean
hd_pipeline_denoise (HdPipeline   *pipeline,
                     const HdRun  *run,
                     float        *latents,
                     GError      **error)
{
  g_auto (Denoising)  denoising;
  g_autofree float   *scaled = NULL;
  gsize               count;

  if (!denoising_init (&denoising, pipeline, run, error)
      || !hd_start_init (&denoising.start, pipeline, run, denoising.sampler, latents, error))
    return FALSE;

  count = denoising.start.count;
  scaled = g_new (float, count);

  for (int k = 0; k < denoising.steps; k++)
    {
      if (run->step != NULL)
        run->step (k, denoising.steps, run->user_data);

      if (!check_files (&denoising, error))
        return FALSE;

      hd_sampler_scale_input (denoising.sampler, k, latents, scaled, count);
      if (!evaluate (&denoising, k, scaled, error))
        return FALSE;

      if (run->guess != NULL)
        {
          hd_sampler_guess_clean (denoising.sampler, k, latents, denoising.prediction, scaled, count);
          run->guess (scaled, run->user_data);
        }

      hd_sampler_step (denoising.sampler, k, denoising.prediction, latents, count, run->noise, run->user_data);
      hd_start_restore (&denoising.start, denoising.sampler, k + 1, latents);
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

  latent = hd_upload (context, hd_vae_dtype (context, config), 1, latent_height, latent_width,
                      config->latent_channels, scaled);
  decoded = hd_vae_decode (pipeline->vae, latent);
  hd_download (context, decoded, picture);

  return hd_context_check (context, error);
}
