/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline_stage.h"

static HdWeights *
open_weights (HdPipeline  *pipeline,
              HdModelPart  part,
              HdLoraPart   lora_part)
{
  HdWeights *weights = hd_model_open_weights (pipeline->model, part, pipeline->context);

  hd_weights_set_patches (weights, pipeline->patches, lora_part);

  return weights;
}

/* A LoRA must have changed something, once all networks that it could change have been loaded. */
static gboolean
check_patches (HdPipeline  *pipeline,
               guint        part,
               GError     **error)
{
  const guint all = 1u << HD_MODEL_TEXT_ENCODER | 1u << HD_MODEL_UNET;

  pipeline->patched |= 1u << part;

  return pipeline->patches == NULL || pipeline->patched != all || hd_weight_patches_finish (pipeline->patches, error);
}

/* --- the text encoders ------------------------------------------------------------ */

static gboolean
load_text_encoder (HdPipeline  *pipeline,
                   int          i,
                   GError     **error)
{
  const HdModel         *model = pipeline->model;
  HdModelPart            part = HD_MODEL_TEXT_ENCODER + i;
  g_autoptr (HdWeights)  weights = open_weights (pipeline, part, HD_LORA_TEXT_ENCODER + i);
  HdTokenizer           *tokenizer;

  /* In a dry run too: the number of windows that a prompt has is the number of its tokens. */
  tokenizer = hd_model_new_tokenizer (model, i, error);
  if (tokenizer == NULL)
    return FALSE;

  return hd_text_models_add (&pipeline->text, pipeline->context, tokenizer, &model->text[i], weights,
                             hd_model_get_config_path (model, part), error);
}

gboolean
hd_pipeline_load_text (HdPipeline  *pipeline,
                       GError     **error)
{
  int n = pipeline->model->n_text;

  if (pipeline->text.n == n)
    return TRUE;

  hd_text_models_clear (&pipeline->text);
  for (int i = 0; i < n; i++)
    if (!load_text_encoder (pipeline, i, error))
      {
        hd_text_models_clear (&pipeline->text);
        return FALSE;
      }

  return check_patches (pipeline, HD_MODEL_TEXT_ENCODER, error);
}

void
hd_pipeline_drop_text (HdPipeline *pipeline)
{
  hd_text_models_clear (&pipeline->text);
}

/* --- U-Net and ControlNet ---------------------------------------------------------- */

gboolean
hd_pipeline_load_unet (HdPipeline  *pipeline,
                       GError     **error)
{
  g_autoptr (HdWeights) weights = NULL;

  if (pipeline->unet != NULL)
    return TRUE;

  weights = open_weights (pipeline, HD_MODEL_UNET, HD_LORA_UNET);
  pipeline->unet = hd_unet_load (pipeline->context, &pipeline->model->unet, weights, error);

  return pipeline->unet != NULL && check_patches (pipeline, HD_MODEL_UNET, error);
}

void
hd_pipeline_drop_unet (HdPipeline *pipeline)
{
  g_clear_pointer (&pipeline->unet, hd_unet_free);
}

void
hd_pipeline_set_control_net (HdPipeline *pipeline,
                             const char *path,
                             const char *stamp)
{
  if (g_strcmp0 (pipeline->control_stamp, stamp) == 0)
    return;

  hd_pipeline_drop_control_net (pipeline);
  g_free (pipeline->control_path);
  pipeline->control_path = g_strdup (path);
  g_free (pipeline->control_stamp);
  pipeline->control_stamp = g_strdup (stamp);
}

gboolean
hd_pipeline_load_control_net (HdPipeline  *pipeline,
                              GError     **error)
{
  if (pipeline->control_net != NULL || pipeline->control_path == NULL)
    return TRUE;

  pipeline->control_net = hd_control_net_load (pipeline->context, pipeline->control_path, &pipeline->model->unet,
                                               pipeline->factor, error);

  return pipeline->control_net != NULL;
}

void
hd_pipeline_drop_control_net (HdPipeline *pipeline)
{
  g_clear_pointer (&pipeline->control_net, hd_control_net_free);
}

/* --- the VAE ---------------------------------------------------------------------- */

gboolean
hd_pipeline_load_vae (HdPipeline  *pipeline,
                      GError     **error)
{
  g_autoptr (HdWeights) weights = NULL;

  if (pipeline->vae != NULL)
    return TRUE;

  weights = hd_model_open_weights (pipeline->model, HD_MODEL_VAE, pipeline->context);
  pipeline->vae = hd_vae_load (pipeline->context, &pipeline->model->vae, weights, error);

  return pipeline->vae != NULL;
}

void
hd_pipeline_drop_vae (HdPipeline *pipeline)
{
  g_clear_pointer (&pipeline->vae, hd_vae_free);
}

/* --- the whole -------------------------------------------------------------------- */

HdPipeline *
hd_pipeline_new (HdContext       *context,
                 HdModel         *model,
                 HdWeightPatches *patches)
{
  HdPipeline *pipeline = g_new0 (HdPipeline, 1);

  pipeline->context = hd_context_ref (context);
  pipeline->model = hd_model_ref (model);
  pipeline->patches = patches != NULL ? hd_weight_patches_ref (patches) : NULL;
  pipeline->scheduler = model->scheduler;
  pipeline->ratios = model->ratios;
  pipeline->family = model->family;
  pipeline->native_size = model->native_size;
  pipeline->factor = model->factor;
  pipeline->stage = HD_N_STAGES;

  return pipeline;
}

void
hd_pipeline_free (HdPipeline *pipeline)
{
  if (pipeline == NULL)
    return;

  hd_pipeline_drop_text (pipeline);
  hd_pipeline_drop_unet (pipeline);
  hd_pipeline_drop_control_net (pipeline);
  hd_pipeline_drop_vae (pipeline);
  g_free (pipeline->control_path);
  g_free (pipeline->control_stamp);
  g_clear_pointer (&pipeline->patches, hd_weight_patches_unref);
  g_clear_pointer (&pipeline->model, hd_model_unref);
  g_clear_pointer (&pipeline->context, hd_context_unref);
  g_free (pipeline);
}

void
hd_pipeline_set_cancellable (HdPipeline   *pipeline,
                             GCancellable *cancellable)
{
  hd_context_set_cancellable (pipeline->context, cancellable);
  if (pipeline->patches != NULL)
    hd_weight_patches_set_cancellable (pipeline->patches, cancellable);
}

gboolean
hd_pipeline_load_networks (HdPipeline  *pipeline,
                           GError     **error)
{
  return hd_pipeline_load_text (pipeline, error)
         && hd_pipeline_load_unet (pipeline, error)
         && hd_pipeline_load_vae (pipeline, error);
}

HdPipeline *
hd_pipeline_load (HdContext   *context,
                  const char  *path,
                  GError     **error)
{
  g_autoptr (HdModel)    model = hd_model_open (path, NULL, error);
  g_autoptr (HdPipeline) pipeline = model != NULL ? hd_pipeline_new (context, model, NULL) : NULL;

  return pipeline != NULL && hd_pipeline_load_networks (pipeline, error) ? g_steal_pointer (&pipeline) : NULL;
}
