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
  HdTensor           *latents;      /* (1, h, w, L), float32 */
  HdTensor           *input;        /* (B, h, w, I): of a pass; in the same place in all steps */
  HdTensor           *seen;         /* (B, h, w, L): the latents as the UNet sees them, scaled: part of @input */
  HdTensor           *plain;        /* the same without what models for inpainting read beside: for the ControlNet */
  HdTensor           *guided;       /* (1, h, w, L), float32; NULL: without guidance */
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
  g_clear_pointer (&denoising->latents, hd_tensor_unref);
  g_clear_pointer (&denoising->input, hd_tensor_unref);
  g_clear_pointer (&denoising->seen, hd_tensor_unref);
  g_clear_pointer (&denoising->plain, hd_tensor_unref);
  g_clear_pointer (&denoising->guided, hd_tensor_unref);
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

/* An evaluation. */
typedef struct
{
  Denoising     *denoising;
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
  guint                 splits = pipeline->plan.splits;
  HdMswMsa              msw_msa = denoising->msw_msa;
  HdControlResiduals    residuals = { 0 };
  HdUnetInputs          inputs = {
    .condition = denoising->conditions[evaluation->pass], .rau_net = &evaluation->tools,
    .msw_msa = run->msw_msa ? &msw_msa : NULL, .splits = splits,
  };
  HdTensor             *y;

  if (evaluation->control)
    {
      hd_control_net (pipeline->control_net, denoising->plain, evaluation->timestep,
                      denoising->controls[evaluation->pass], run->control->strength, splits, &residuals);
      inputs.control = &residuals;
    }

  y = hd_unet (pipeline->unet, denoising->input, evaluation->timestep, &inputs);
  hd_control_residuals_clear (&residuals);
  evaluation->calls = msw_msa.call;

  return y;
}

/* What the networks predict in evaluation @k, with guidance; %NULL once the context has failed. */
static HdTensor *
evaluate (Denoising *denoising,
          int        k)
{
  HdContext            *context = denoising->pipeline->context;
  const HdRun          *run = denoising->run;
  HdTensor             *predicted[MAX_GUIDANCE_BATCH] = { NULL };
  g_autoptr (HdTensor)  all = NULL;
  g_autoptr (HdTensor)  without = NULL;
  g_autoptr (HdTensor)  with = NULL;
  Evaluation            evaluation = {
    .denoising = denoising, .timestep = hd_sampler_get_timestep (denoising->sampler, k),
    .tools = hd_rau_net_at (&denoising->rau_net, k), .control = control_applies (denoising, k),
  };

  /* Both halves of the guidance see the same windows. */
  for (int pass = 0; pass < denoising->passes; pass++)
    {
      guint64 key = hd_rau_net_key (&evaluation.tools, evaluation.control) | (guint64) pass << 48;

      evaluation.pass = pass;
      predicted[pass] = hd_context_repeat (context, key, predict, &evaluation);
    }
  denoising->msw_msa.call = evaluation.calls;

  if (denoising->guided == NULL)
    return predicted[0];

  all = predicted[0];
  without = hd_tensor_images (all, 0, 1);
  with = denoising->passes > 1 ? predicted[1] : hd_tensor_images (all, 1, 1);
  hd_guide (context, without, with, run->guidance_scale, run->guidance_rescale, denoising->guided);

  return hd_tensor_ref (denoising->guided);
}

/* What models for inpainting read beside the latents, for all steps. */
static void
place_extra (Denoising *denoising)
{
  HdContext            *context = denoising->pipeline->context;
  const HdRun          *run = denoising->run;
  const HdUnetConfig   *config = &denoising->pipeline->model->unet;
  int                   channels = config->in_channels - config->out_channels;
  g_autoptr (HdTensor)  extra = hd_upload (context, HD_DTYPE_F32, 1, run->latent_height, run->latent_width, channels,
                                           denoising->start.extra);
  g_autoptr (HdTensor)  place = hd_tensor_channels (denoising->input, config->out_channels, channels);

  hd_combine (context, 1.0, extra, 0.0, NULL, place);
}

/* The latents, and room for what is made of them in each step. */
static void
prepare_latents (Denoising   *denoising,
                 const float *latents)
{
  HdContext          *context = denoising->pipeline->context;
  const HdRun        *run = denoising->run;
  const HdUnetConfig *config = &denoising->pipeline->model->unet;
  HdDtype             dtype = hd_context_get_dtype (context);
  int                 batch = get_pass_batch (denoising);
  int                 height = run->latent_height;
  int                 width = run->latent_width;
  int                 channels = config->out_channels;

  denoising->latents = hd_upload (context, HD_DTYPE_F32, 1, height, width, channels, latents);
  hd_sampler_begin (denoising->sampler, context, denoising->latents);
  if (denoising->batch > 1)
    denoising->guided = hd_tensor_new (context, HD_DTYPE_F32, 1, height, width, channels);

  denoising->input = hd_tensor_new (context, dtype, batch, height, width, config->in_channels);
  denoising->seen = hd_tensor_channels (denoising->input, 0, channels);
  if (denoising->start.extra != NULL)
    place_extra (denoising);
  if (run->control == NULL)
    return;

  if (denoising->start.extra != NULL)
    denoising->plain = hd_tensor_new (context, dtype, batch, height, width, channels);
  else if (denoising->input != NULL)
    denoising->plain = hd_tensor_ref (denoising->input);
}

/* The latents as the networks are to see them in evaluation @k. */
static void
scale_input (Denoising *denoising,
             int        k)
{
  hd_sampler_scale_input (denoising->sampler, k, denoising->latents, denoising->seen);
  if (denoising->start.extra != NULL && denoising->plain != NULL)
    hd_sampler_scale_input (denoising->sampler, k, denoising->latents, denoising->plain);
}

/* Shows the picture as it is guessed in evaluation @k; @latents: room on the host. */
static gboolean
show_guess (Denoising       *denoising,
            int              k,
            const HdTensor  *prediction,
            float           *latents,
            GError         **error)
{
  HdContext            *context = denoising->pipeline->context;
  const HdRun          *run = denoising->run;
  const HdTensor       *x = denoising->latents;
  g_autoptr (HdTensor)  clean = NULL;

  if (run->guess == NULL)
    return TRUE;

  clean = hd_tensor_new (context, HD_DTYPE_F32, 1, x->height, x->width, x->channels);
  hd_sampler_guess_clean (denoising->sampler, k, x, prediction, clean);
  hd_download (context, clean, latents);
  if (!hd_context_check (context, error))
    return FALSE;

  run->guess (latents, run->user_data);

  return TRUE;
}

/* Before evaluation @k, what is not to be filled is put back, on the host; @latents: room there. */
static void
restore (Denoising *denoising,
         int        k,
         float     *latents)
{
  HdContext            *context = denoising->pipeline->context;
  HdTensor             *x = denoising->latents;
  g_autoptr (HdTensor)  restored = NULL;

  if (!hd_start_restores (&denoising->start))
    return;

  hd_download (context, x, latents);
  hd_start_restore (&denoising->start, denoising->sampler, k, latents);
  restored = hd_upload (context, HD_DTYPE_F32, 1, x->height, x->width, x->channels, latents);
  hd_combine (context, 1.0, restored, 0.0, NULL, x);
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
  HdContext          *context = pipeline->context;
  g_auto (Denoising)  denoising;

  if (!denoising_init (&denoising, pipeline, run, error)
      || !hd_start_init (&denoising.start, pipeline, run, denoising.sampler, latents, error)
      || !encode_text (&denoising, error))
    return FALSE;

  prepare_latents (&denoising, latents);
  if (!hd_context_check (context, error))
    return FALSE;

  for (int k = 0; k < denoising.steps; k++)
    {
      g_autoptr (HdTensor) prediction = NULL;

      if (run->step != NULL)
        run->step (k, denoising.steps, run->user_data);

      if (!check_files (&denoising, error))
        return FALSE;

      scale_input (&denoising, k);
      prediction = evaluate (&denoising, k);
      if (!hd_context_check (context, error) || !show_guess (&denoising, k, prediction, latents, error))
        return FALSE;

      hd_sampler_step (denoising.sampler, k, prediction, denoising.latents, run->noise, run->user_data);
      restore (&denoising, k + 1, latents);
    }

  hd_download (context, denoising.latents, latents);

  return hd_context_check (context, error);
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
