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

static gboolean
load_text_encoder (HdPipeline  *pipeline,
                   int          i,
                   GError     **error)
{
  const HdModel          *model = pipeline->model;
  HdModelPart             part = HD_MODEL_TEXT_ENCODER + i;
  g_autoptr (HdWeights)   weights = hd_model_open_weights (model, part, pipeline->context);
  HdTokenizer            *tokenizer;

  /* In a dry run too: the number of windows that a prompt has is the number of its tokens. */
  tokenizer = hd_model_new_tokenizer (model, i, error);
  if (tokenizer == NULL)
    return FALSE;

  return hd_text_models_add (&pipeline->text, pipeline->context, tokenizer, &model->text[i], weights,
                             hd_model_get_config_path (model, part), error);
}

static gboolean
load_networks (HdPipeline  *pipeline,
               GError     **error)
{
  const HdModel         *model = pipeline->model;
  HdContext             *context = pipeline->context;
  g_autoptr (HdWeights)  unet = NULL;
  g_autoptr (HdWeights)  vae = NULL;

  for (int i = 0; i < model->n_text; i++)
    if (!load_text_encoder (pipeline, i, error))
      return FALSE;

  unet = hd_model_open_weights (model, HD_MODEL_UNET, context);
  pipeline->unet = hd_unet_load (context, &model->unet, unet, error);
  if (pipeline->unet == NULL)
    return FALSE;

  vae = hd_model_open_weights (model, HD_MODEL_VAE, context);
  pipeline->vae = hd_vae_load (context, &model->vae, vae, error);

  return pipeline->vae != NULL;
}

HdPipeline *
hd_pipeline_new (HdContext  *context,
                 HdModel    *model,
                 GError    **error)
{
  g_autoptr (HdPipeline) pipeline = g_new0 (HdPipeline, 1);

  if (model->inpainting)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected a model that starts from a prompt, with %d input channels, found %d",
                   hd_model_get_config_path (model, HD_MODEL_UNET), model->unet.out_channels, model->unet.in_channels);
      return NULL;
    }

  pipeline->context = hd_context_ref (context);
  pipeline->model = hd_model_ref (model);
  pipeline->scheduler = model->scheduler;
  pipeline->ratios = model->ratios;
  pipeline->family = model->family;
  pipeline->native_size = model->native_size;
  pipeline->factor = model->factor;

  return load_networks (pipeline, error) ? g_steal_pointer (&pipeline) : NULL;
}

HdPipeline *
hd_pipeline_load (HdContext   *context,
                  const char  *path,
                  GError     **error)
{
  g_autoptr (HdModel) model = hd_model_open (path, NULL, error);

  return model != NULL ? hd_pipeline_new (context, model, error) : NULL;
}
