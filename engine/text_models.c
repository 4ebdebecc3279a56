/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/conditioning.h"

static gboolean
check_config (const HdTextModels  *text,
              HdTokenizer         *tokenizer,
              const HdTextConfig  *config,
              const char          *name,
              GError             **error)
{
  int vocabulary = hd_tokenizer_get_vocabulary_size (tokenizer);

  if (text->n == HD_TEXT_MAX_ENCODERS)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, "%s: expected at most %d text encoders", name,
                 HD_TEXT_MAX_ENCODERS);
  else if (config->max_positions < HD_TOKENIZER_LENGTH)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, "%s: expected at least %d positions, found %d",
                 name, HD_TOKENIZER_LENGTH, config->max_positions);
  else if (vocabulary > config->vocab_size)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 "%s: expected embeddings for the tokenizer's %d tokens, found %d", name, vocabulary,
                 config->vocab_size);
  else
    return TRUE;

  return FALSE;
}

gboolean
hd_text_models_add (HdTextModels        *text,
                    HdContext           *context,
                    HdTokenizer         *tokenizer,
                    const HdTextConfig  *config,
                    HdWeights           *weights,
                    const char          *name,
                    GError             **error)
{
  g_autoptr (HdTokenizer)   owned = tokenizer;
  g_autoptr (HdTextEncoder) encoder = NULL;
  gboolean                  projection = text->n > 0;

  if (!check_config (text, owned, config, name, error))
    return FALSE;

  encoder = hd_text_encoder_load (context, config, projection, weights, error);
  if (encoder == NULL)
    return FALSE;

  if (text->context == NULL)
    text->context = hd_context_ref (context);
  text->tokenizers[text->n] = g_steal_pointer (&owned);
  text->encoders[text->n] = g_steal_pointer (&encoder);
  text->n++;

  return TRUE;
}

void
hd_text_models_clear (HdTextModels *text)
{
  for (int i = 0; i < text->n; i++)
    {
      g_clear_pointer (&text->encoders[i], hd_text_encoder_free);
      g_clear_pointer (&text->tokenizers[i], hd_tokenizer_unref);
    }
  text->n = 0;
  g_clear_pointer (&text->context, hd_context_unref);
}

int
hd_text_models_get_width (const HdTextModels *text)
{
  int width = 0;

  for (int i = 0; i < text->n; i++)
    width += text->encoders[i]->config.hidden_size;

  return width;
}

int
hd_text_models_get_pooled_width (const HdTextModels *text)
{
  return text->n > 1 ? text->encoders[text->n - 1]->config.projection_dim : 0;
}
