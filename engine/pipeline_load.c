/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/pipeline.h"

void
hd_pipeline_free (HdPipeline *pipeline)
{
  if (pipeline == NULL)
    return;

  hd_text_models_clear (&pipeline->text);
  g_clear_pointer (&pipeline->unet, hd_unet_free);
  g_clear_pointer (&pipeline->vae, hd_vae_free);
  g_clear_pointer (&pipeline->model, hd_model_unref);
  g_clear_pointer (&pipeline->context, hd_context_unref);
  g_free (pipeline);
}

static HdWeights *
open_weights (HdPipeline       *pipeline,
              HdModelPart       part,
              HdWeightPatches  *patches,
              HdLoraPart        lora_part)
{
  HdWeights *weights = hd_model_open_weights (pipeline->model, part, pipeline->context);

  hd_weights_set_patches (weights, patches, lora_part);

  return weights;
}

static gboolean
load_text_encoder (HdPipeline       *pipeline,
                   int               i,
                   HdWeightPatches  *patches,
                   GError          **error)
{
  const HdModel          *model = pipeline->model;
  HdModelPart             part = HD_MODEL_TEXT_ENCODER + i;
  g_autoptr (HdWeights)   weights = open_weights (pipeline, part, patches, HD_LORA_TEXT_ENCODER + i);
  HdTokenizer            *tokenizer;

  /* In a dry run too: the number of windows that a prompt has is the number of its tokens. */
  tokenizer = hd_model_new_tokenizer (model, i, error);
  if (tokenizer == NULL)
    return FALSE;

  return hd_text_models_add (&pipeline->text, pipeline->context, tokenizer, &model->text[i], weights,
                             hd_model_get_config_path (model, part), error);
}

static gboolean
load_networks (HdPipeline       *pipeline,
               HdWeightPatches  *patches,
               GError          **error)
{
  const HdModel         *model = pipeline->model;
  HdContext             *context = pipeline->context;
  g_autoptr (HdWeights)  unet = NULL;
  g_autoptr (HdWeights)  vae = NULL;

  for (int i = 0; i < model->n_text; i++)
    if (!load_text_encoder (pipeline, i, patches, error))
      return FALSE;

  unet = open_weights (pipeline, HD_MODEL_UNET, patches, HD_LORA_UNET);
  pipeline->unet = hd_unet_load (context, &model->unet, unet, error);
  if (pipeline->unet == NULL)
    return FALSE;

  vae = hd_model_open_weights (model, HD_MODEL_VAE, context);
  pipeline->vae = hd_vae_load (context, &model->vae, vae, error);
  if (pipeline->vae == NULL)
    return FALSE;

  return patches == NULL || hd_weight_patches_finish (patches, error);
}

HdPipeline *
hd_pipeline_new (HdContext        *context,
                 HdModel          *model,
                 HdWeightPatches  *patches,
                 GError          **error)
{
  g_autoptr (HdPipeline) pipeline = g_new0 (HdPipeline, 1);

  pipeline->context = hd_context_ref (context);
  pipeline->model = hd_model_ref (model);
  pipeline->scheduler = model->scheduler;
  pipeline->ratios = model->ratios;
  pipeline->family = model->family;
  pipeline->native_size = model->native_size;
  pipeline->factor = model->factor;

  return load_networks (pipeline, patches, error) ? g_steal_pointer (&pipeline) : NULL;
}

HdPipeline *
hd_pipeline_load (HdContext   *context,
                  const char  *path,
                  GError     **error)
{
  g_autoptr (HdModel) model = hd_model_open (path, NULL, error);

  return model != NULL ? hd_pipeline_new (context, model, NULL, error) : NULL;
}
