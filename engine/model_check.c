/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model.h"

#include "engine/text_encoder.h"
#include "engine/unet.h"
#include "engine/vae.h"
#include "kernels/dry/dry.h"

static gboolean
check_vae (const HdModel  *model,
           HdContext      *context,
           GError        **error)
{
  g_autoptr (HdWeights) weights = hd_model_open_weights (model, HD_MODEL_VAE, context);
  g_autoptr (HdVae)     vae = hd_vae_load (context, &model->vae, weights, error);

  return vae != NULL && hd_vae_load_encoder (vae, weights, error);
}

static gboolean
check_text_encoder (const HdModel  *model,
                    int             i,
                    HdContext      *context,
                    GError        **error)
{
  g_autoptr (HdWeights)     weights = hd_model_open_weights (model, HD_MODEL_TEXT_ENCODER + i, context);
  g_autoptr (HdTextEncoder) encoder = hd_text_encoder_load (context, &model->text[i], i > 0, weights, error);
  g_autoptr (HdTokenizer)   tokenizer = encoder != NULL ? hd_model_new_tokenizer (model, i, error) : NULL;
  int                       size;

  if (tokenizer == NULL)
    return FALSE;

  size = hd_tokenizer_get_vocabulary_size (tokenizer);
  if (size > model->text[i].vocab_size)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected embeddings for the tokenizer's %d tokens, found %d",
                   hd_model_get_config_path (model, HD_MODEL_TEXT_ENCODER + i), size, model->text[i].vocab_size);
      return FALSE;
    }

  return TRUE;
}

gboolean
hd_model_check (const HdModel  *model,
                GError        **error)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdWeights) weights = hd_model_open_weights (model, HD_MODEL_UNET, context);
  g_autoptr (HdUnet)    unet = hd_unet_load (context, &model->unet, weights, error);

  if (unet == NULL || !check_vae (model, context, error))
    return FALSE;

  for (int i = 0; i < model->n_text; i++)
    if (!check_text_encoder (model, i, context, error))
      return FALSE;

  return TRUE;
}
