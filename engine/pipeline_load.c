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
  g_clear_pointer (&pipeline->opened, g_ptr_array_unref);
  g_clear_pointer (&pipeline->files, hd_model_files_free);
  g_clear_pointer (&pipeline->context, hd_context_unref);
  g_free (pipeline->ratios);
  g_free (pipeline);
}

/* Opens a component's files, keeps them in the pipeline, and gives their weights. */
static HdWeights *
open_weights (HdPipeline              *pipeline,
              const HdModelComponent  *component,
              GError                 **error)
{
  g_autoptr (GPtrArray) files = hd_model_component_open (component, error);
  HdWeights            *weights;

  if (files == NULL)
    return NULL;

  weights = hd_weights_new (pipeline->context, hd_context_get_dtype (pipeline->context),
                            (HdSafetensors **) files->pdata, files->len);
  for (guint i = 0; i < files->len; i++)
    g_ptr_array_add (pipeline->opened, hd_safetensors_ref (g_ptr_array_index (files, i)));

  return weights;
}

static gboolean
load_text_encoder (HdPipeline  *pipeline,
                   GError     **error)
{
  const HdModelComponent *component = &pipeline->files->text_encoder;
  g_autoptr (HdTokenizer) tokenizer = NULL;
  g_autoptr (HdWeights)   weights = NULL;
  HdTextConfig            config;

  if (!hd_text_config_read (component->config, &config, error))
    return FALSE;

  /* In a dry run too: the number of windows that a prompt has is the number of its tokens. */
  tokenizer = hd_tokenizer_new (pipeline->files->tokenizer, error);
  if (tokenizer == NULL)
    return FALSE;

  weights = open_weights (pipeline, component, error);
  if (weights == NULL)
    return FALSE;

  return hd_text_models_add (&pipeline->text, pipeline->context, g_steal_pointer (&tokenizer), &config, weights,
                             component->config, error);
}

static gboolean
load_unet (HdPipeline  *pipeline,
           GError     **error)
{
  const HdModelComponent *component = &pipeline->files->unet;
  g_autoptr (HdWeights)   weights = NULL;
  HdUnetConfig            config;

  if (!hd_unet_config_read (component->config, &config, error))
    return FALSE;

  if (config.cross_attention_dim != hd_text_models_get_width (&pipeline->text))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected the text encoder's %d channels for cross-attention, found %d",
                   component->config, hd_text_models_get_width (&pipeline->text), config.cross_attention_dim);
      return FALSE;
    }

  weights = open_weights (pipeline, component, error);
  if (weights == NULL)
    return FALSE;

  pipeline->unet = hd_unet_load (pipeline->context, &config, weights, error);

  return pipeline->unet != NULL;
}

static gboolean
load_vae (HdPipeline  *pipeline,
          GError     **error)
{
  const HdModelComponent *component = &pipeline->files->vae;
  g_autoptr (HdWeights)   weights = NULL;
  HdVaeConfig             config;

  if (!hd_vae_config_read (component->config, &config, error))
    return FALSE;

  if (config.latent_channels != pipeline->unet->config.out_channels || config.out_channels != 3)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected %d latent channels and 3 of the picture, found %d and %d", component->config,
                   pipeline->unet->config.out_channels, config.latent_channels, config.out_channels);
      return FALSE;
    }

  weights = open_weights (pipeline, component, error);
  if (weights == NULL)
    return FALSE;

  pipeline->vae = hd_vae_load (pipeline->context, &config, weights, error);

  return pipeline->vae != NULL;
}

static gboolean
load_settings (HdPipeline  *pipeline,
               GError     **error)
{
  const HdModelFiles *files = pipeline->files;

  hd_scheduler_config_default (&pipeline->scheduler);
  if (files->scheduler != NULL && !hd_scheduler_config_read (files->scheduler, &pipeline->scheduler, error))
    return FALSE;

  if (files->hidiffusion != NULL)
    {
      pipeline->ratios = g_new0 (HdHiDiffusionRatios, 1);
      if (!hd_hidiffusion_ratios_read (files->hidiffusion, pipeline->ratios, error))
        return FALSE;
    }

  return TRUE;
}

HdPipeline *
hd_pipeline_load (HdContext   *context,
                  const char  *path,
                  GError     **error)
{
  g_autoptr (HdPipeline) pipeline = g_new0 (HdPipeline, 1);

  pipeline->context = hd_context_ref (context);
  pipeline->opened = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_safetensors_unref);
  pipeline->files = hd_model_files_find (path, error);
  if (pipeline->files == NULL || !load_settings (pipeline, error))
    return NULL;

  if (!load_text_encoder (pipeline, error) || !load_unet (pipeline, error) || !load_vae (pipeline, error))
    return NULL;

  if (pipeline->unet->config.in_channels != pipeline->unet->config.out_channels)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected a model that starts from a prompt, with %d input channels, found %d",
                   pipeline->files->unet.config, pipeline->unet->config.out_channels,
                   pipeline->unet->config.in_channels);
      return NULL;
    }

  pipeline->factor = hd_vae_factor (&pipeline->vae->config);
  pipeline->native_size = pipeline->unet->config.sample_size * pipeline->factor;
  pipeline->family = HD_FAMILY_SD1;

  return g_steal_pointer (&pipeline);
}
