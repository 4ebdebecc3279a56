/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline_stage.h"

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
  int                 batch;        /* images of a step: for the negative prompt and the prompt, or one */
  int                 passes;       /* in which they are evaluated: together, or one after the other */
  int                 steps;
  HdUnetCondition    *conditions[MAX_GUIDANCE_BATCH];   /* of each pass */
  HdControlCondition *controls[MAX_GUIDANCE_BATCH];
  HdRauNet            rau_net;
  HdMswMsa            msw_msa;
  HdStart             start;
  float              *input;        /* (I, h, w) for each image of a pass */
  float              *prediction;   /* (L, h, w) for each image of the batch */
} Denoising;

/* Images of a pass. */
static int
get_pass_batch (const Denoising *denoising)
{
  return denoising->batch / denoising->passes;
}

static void
denoising_clear (Denoising *denoising)
{
  g_clear_pointer (&denoising->sampler, hd_sampler_free);
  for (int pass = 0; pass < MAX_GUIDANCE_BATCH; pass++)
    {
      g_clear_pointer (&denoising->conditions[pass], hd_unet_condition_free);
      g_clear_pointer (&denoising->controls[pass], hd_control_condition_free);
    }
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

/* The ControlNet's picture, which is the same for all images of a pass. */
static gboolean
upload_control_picture (const Denoising  *denoising,
                        HdTensor        **picture,
                        GError          **error)
{
  HdPipeline       *pipeline = denoising->pipeline;
  const HdRun      *run = denoising->run;
  int               batch = get_pass_batch (denoising);
  int               height = run->latent_height * pipeline->factor;
  int               width = run->latent_width * pipeline->factor;
  gsize             count = (gsize) 3 * height * width;
  g_autofree float *pictures = g_try_new (float, batch * count);

  if (pictures == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for a picture of %d x %d",
                   width, height);
      return FALSE;
    }

  for (int n = 0; n < batch; n++)
    memcpy (pictures + n * count, run->control->picture, count * sizeof *pictures);
  *picture = hd_upload (pipeline->context, hd_context_get_dtype (pipeline->context), batch, height, width, 3, pictures);

  return TRUE;
}

/* What the networks make of the text once, for each pass. */
static gboolean
encode_conditions (Denoising             *denoising,
                   const HdConditioning  *text,
                   GError               **error)
{
  HdPipeline           *pipeline = denoising->pipeline;
  const HdRun          *run = denoising->run;
  int                   batch = get_pass_batch (denoising);
  double                time_ids[MAX_GUIDANCE_BATCH * HD_UNET_TIME_IDS];
  g_autoptr (HdTensor)  picture = NULL;

  if (run->control != NULL && !upload_control_picture (denoising, &picture, error))
    return FALSE;

  fill_time_ids (denoising, time_ids);
  for (int pass = 0; pass < denoising->passes; pass++)
    {
      g_autoptr (HdTensor) hidden = hd_tensor_images (text->hidden, pass * batch, batch);
      g_autoptr (HdTensor) pooled = hd_tensor_images (text->pooled, pass * batch, batch);

      denoising->conditions[pass] = hd_unet_encode_condition (pipeline->unet, hidden, pooled, time_ids,
                                                              run->guidance_scale);
      if (run->control != NULL)
        denoising->controls[pass] = hd_control_net_encode (pipeline->control_net, picture, hidden, pooled, time_ids);
    }

  return hd_context_check (pipeline->context, error);
}

/* A matrix on the host while the device's memory is cleared. Its bits stay the same. */
typedef struct
{
  HdDtype  dtype;
  int      batch;
  int      width;
  int      channels;
  float   *rows;
} HostRows;

static HostRows
host_rows_take (HdContext  *context,
                HdTensor  **tensor)
{
  g_autoptr (HdTensor) x = g_steal_pointer (tensor);
  HostRows             host = { 0 };

  if (x == NULL)
    return host;

  host = (HostRows) { .dtype = x->dtype, .batch = x->batch, .width = x->width, .channels = x->channels,
                      .rows = g_new (float, hd_tensor_elements (x)) };
  hd_download_rows (context, x, host.rows);

  return host;
}

static HdTensor *
host_rows_return (HdContext      *context,
                  const HostRows *host)
{
  return host->rows != NULL ? hd_upload_rows (context, host->dtype, host->batch, 1, host->width, host->channels,
                                              host->rows) : NULL;
}

/* What the networks read of the text: of the negative prompt and the prompt, or of the prompt alone. */
static gboolean
encode_text (Denoising  *denoising,
             GError    **error)
{
  HdPipeline             *pipeline = denoising->pipeline;
  HdContext              *context = pipeline->context;
  const HdRun            *run = denoising->run;
  int                     batch = denoising->batch;
  const char             *prompts[MAX_GUIDANCE_BATCH] = { run->negative_prompt, run->prompt };
  HdConditioningOptions   options = run->text;
  g_auto (HdConditioning) text = { 0 };
  HostRows                hidden;
  HostRows                pooled;
  gboolean                success;

  options.n_negative = batch - 1;
  if (!hd_model_check_files (pipeline->model, error)
      || !hd_pipeline_enter (pipeline, HD_STAGE_TEXT, error)
      || !hd_conditioning_encode (&pipeline->text, prompts + MAX_GUIDANCE_BATCH - batch, batch, &options, &text, error))
    return FALSE;

  hidden = host_rows_take (context, &text.hidden);
  pooled = host_rows_take (context, &text.pooled);
  success = hd_context_check (context, error) && hd_pipeline_enter (pipeline, HD_STAGE_DENOISE, error);
  if (success)
    {
      text.hidden = host_rows_return (context, &hidden);
      text.pooled = host_rows_return (context, &pooled);
      success = encode_conditions (denoising, &text, error);
    }
  g_free (hidden.rows);
  g_free (pooled.rows);

  return success;
}

static void
init_hidiffusion (Denoising *denoising)
{
  HdPipeline         *pipeline = denoising->pipeline;
  const HdRun        *run = denoising->run;
  const HdUnetConfig *config = &pipeline->model->unet;

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
  const HdUnetConfig *config = &pipeline->model->unet;
  gsize               pixels = (gsize) run->latent_height * run->latent_width;

  *denoising = (Denoising) {
    .pipeline = pipeline, .run = run, .batch = run->guidance_scale > 1.0 ? MAX_GUIDANCE_BATCH : 1,
  };
  denoising->passes = (pipeline->plan.splits & HD_SPLIT_GUIDANCE) != 0 ? denoising->batch : 1;

  if (!check_run (pipeline, run, error))
    return FALSE;

  denoising->sampler = hd_sampler_new (&pipeline->scheduler, &run->sampler, error);
  if (denoising->sampler == NULL)
    return FALSE;
  denoising->steps = hd_sampler_get_evaluations (denoising->sampler);

  denoising->input = g_try_new (float, get_pass_batch (denoising) * pixels * config->in_channels);
  denoising->prediction = g_try_new (float, denoising->batch * pixels * config->out_channels);
  if (denoising->input == NULL || denoising->prediction == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for latents of %d x %d",
                   run->latent_width, run->latent_height);
      return FALSE;
    }

  init_hidiffusion (denoising);

  return TRUE;
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

/* All images of a pass read the same: the latents, and what models for inpainting read beside them. */
static HdTensor *
upload_input (const Denoising *denoising,
              const float     *latents,
              const float     *extra,
              int              channels)
{
  HdContext   *context = denoising->pipeline->context;
  const HdRun *run = denoising->run;
  int          batch = get_pass_batch (denoising);
  gsize        image = (gsize) channels * run->latent_height * run->latent_width;
  gsize        count = extra != NULL ? denoising->start.count : image;

  for (int n = 0; n < batch; n++)
    {
      memcpy (denoising->input + n * image, latents, count * sizeof *latents);
      if (extra != NULL)
        memcpy (denoising->input + n * image + count, extra, (image - count) * sizeof *extra);
    }

  return hd_upload (context, hd_context_get_dtype (context), batch, run->latent_height, run->latent_width,
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
  int            pass;
  guint64        calls;       /* of window attention, when it is over */
} Evaluation;

/* The networks' prediction for the images of a pass: an HdRepeatFunc. */
static HdTensor *
predict (HdContext *context,
         gpointer   user_data)
{
  Evaluation           *evaluation = user_data;
  Denoising            *denoising = evaluation->denoising;
  HdPipeline           *pipeline = denoising->pipeline;
  const HdRun          *run = denoising->run;
  const HdUnetConfig   *config = &pipeline->model->unet;
  guint                 splits = pipeline->plan.splits;
  HdMswMsa              msw_msa = denoising->msw_msa;
  HdControlResiduals    residuals = { 0 };
  HdUnetInputs          inputs = {
    .condition = denoising->conditions[evaluation->pass], .rau_net = &evaluation->tools,
    .msw_msa = run->msw_msa ? &msw_msa : NULL, .splits = splits,
  };
  g_autoptr (HdTensor)  x = NULL;

  if (evaluation->control)
    {
      x = upload_input (denoising, evaluation->latents, NULL, config->out_channels);
      hd_control_net (pipeline->control_net, x, evaluation->timestep, denoising->controls[evaluation->pass],
                      run->control->strength, splits, &residuals);
      inputs.control = &residuals;
    }

  hd_tensor_take (&x, upload_input (denoising, evaluation->latents, denoising->start.extra, config->in_channels));
  hd_tensor_take (&x, hd_unet (pipeline->unet, x, evaluation->timestep, &inputs));
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
  HdContext   *context = denoising->pipeline->context;
  const HdRun *run = denoising->run;
  gsize        count = (gsize) get_pass_batch (denoising) * denoising->start.count;
  Evaluation   evaluation = {
    .denoising = denoising, .latents = latents, .timestep = hd_sampler_get_timestep (denoising->sampler, k),
    .tools = hd_rau_net_at (&denoising->rau_net, k), .control = control_applies (denoising, k),
  };

  /* Both halves of the guidance see the same windows. */
  for (int pass = 0; pass < denoising->passes; pass++)
    {
      guint64              key = hd_rau_net_key (&evaluation.tools, evaluation.control) | (guint64) pass << 48;
      g_autoptr (HdTensor) y = NULL;

      evaluation.pass = pass;
      y = hd_context_repeat (context, key, predict, &evaluation);
      hd_download (context, y, denoising->prediction + pass * count);
    }
  denoising->msw_msa.call = evaluation.calls;
  if (!hd_context_check (context, error))
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
  HdPipeline *pipeline = denoising->pipeline;

  return hd_model_check_files (pipeline->model, error)
         && (pipeline->control_net == NULL || hd_control_net_check_files (pipeline->control_net, error));
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
      || !hd_start_init (&denoising.start, pipeline, run, denoising.sampler, latents, error)
      || !encode_text (&denoising, error))
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
  const HdVaeConfig    *config = &pipeline->model->vae;
  guint                 splits = pipeline->plan.splits;
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

  if (!hd_model_check_files (pipeline->model, error) || !hd_pipeline_enter (pipeline, HD_STAGE_DECODE, error))
    return FALSE;

  for (gsize i = 0; i < count; i++)
    scaled[i] = latents[i] / config->scaling_factor + config->shift_factor;

  latent = hd_upload (context, hd_vae_dtype (context, config), 1, latent_height, latent_width,
                      config->latent_channels, scaled);
  if ((splits & HD_SPLIT_VAE) != 0)
    decoded = hd_vae_decode_in_bands (pipeline->vae, latent,
                                      &(HdBands) { .again = (splits & HD_SPLIT_VAE_AGAIN) != 0 });
  else
    decoded = hd_vae_decode (pipeline->vae, latent);
  hd_download (context, decoded, picture);

  return hd_context_check (context, error);
}
