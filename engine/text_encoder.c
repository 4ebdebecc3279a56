/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/text_encoder.h"

#include <string.h>

static void
load_layer (HdTextEncoder *encoder,
            int            i,
            HdWeights     *weights)
{
  static const char * const qkv[] = { "q_proj", "k_proj", "v_proj", NULL };
  const HdTextConfig       *config = &encoder->config;
  HdTextLayer              *layer = &encoder->layers[i];
  int                       c = config->hidden_size;
  g_autofree char          *name = g_strdup_printf ("text_model.encoder.layers.%d", i);

  hd_weights_norm (weights, &layer->layer_norm1, c, 0, config->norm_eps, "%s.layer_norm1", name);
  hd_weights_linear_stacked (weights, &layer->qkv, c, c, TRUE, qkv, "%s.self_attn", name);
  hd_weights_linear (weights, &layer->out_proj, c, c, TRUE, "%s.self_attn.out_proj", name);
  hd_weights_norm (weights, &layer->layer_norm2, c, 0, config->norm_eps, "%s.layer_norm2", name);
  hd_weights_linear (weights, &layer->fc1, config->intermediate_size, c, TRUE, "%s.mlp.fc1", name);
  hd_weights_linear (weights, &layer->fc2, c, config->intermediate_size, TRUE, "%s.mlp.fc2", name);
}

HdTextEncoder *
hd_text_encoder_load (HdContext           *context,
                      const HdTextConfig  *config,
                      gboolean             projection,
                      HdWeights           *weights,
                      GError             **error)
{
  g_autoptr (HdTextEncoder) encoder = g_new0 (HdTextEncoder, 1);
  int                       c = config->hidden_size;

  encoder->context = hd_context_ref (context);
  encoder->config = *config;
  encoder->layers = g_new0 (HdTextLayer, config->layers);

  hd_weights_table (weights, &encoder->token_embedding, config->vocab_size, c,
                    "text_model.embeddings.token_embedding");
  hd_weights_table (weights, &encoder->position_embedding, config->max_positions, c,
                    "text_model.embeddings.position_embedding");
  hd_weights_set_flags (weights, HD_WEIGHT_MAY_QUANTISE);
  for (int i = 0; i < config->layers; i++)
    load_layer (encoder, i, weights);
  hd_weights_set_flags (weights, 0);
  hd_weights_norm (weights, &encoder->final_layer_norm, c, 0, config->norm_eps, "text_model.final_layer_norm");
  if (projection)
    hd_weights_linear (weights, &encoder->text_projection, config->projection_dim, c, FALSE, "text_projection");

  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&encoder);
}

void
hd_text_encoder_free (HdTextEncoder *encoder)
{
  if (encoder == NULL)
    return;

  hd_weight_unref (encoder->token_embedding);
  hd_weight_unref (encoder->position_embedding);
  for (int i = 0; i < encoder->config.layers; i++)
    {
      HdTextLayer *layer = &encoder->layers[i];

      hd_norm_clear (&layer->layer_norm1);
      hd_linear_clear (&layer->qkv);
      hd_linear_clear (&layer->out_proj);
      hd_norm_clear (&layer->layer_norm2);
      hd_linear_clear (&layer->fc1);
      hd_linear_clear (&layer->fc2);
    }
  g_free (encoder->layers);
  hd_norm_clear (&encoder->final_layer_norm);
  hd_linear_clear (&encoder->text_projection);
  hd_context_unref (encoder->context);
  g_free (encoder);
}

static HdTensor *
attend (HdTextEncoder     *encoder,
        const HdTextLayer *layer,
        const HdTensor    *x)
{
  HdContext            *context = encoder->context;
  int                   c = encoder->config.hidden_size;
  g_autoptr (HdTensor)  h = hd_layer_norm (context, x, &layer->layer_norm1);
  g_autoptr (HdTensor)  qkv = hd_linear (context, h, &layer->qkv, NULL);
  g_autoptr (HdTensor)  q = hd_tensor_channels (qkv, 0, c);
  g_autoptr (HdTensor)  k = hd_tensor_channels (qkv, c, c);
  g_autoptr (HdTensor)  v = hd_tensor_channels (qkv, 2 * c, c);

  hd_tensor_take (&h, hd_attention (context, q, k, v,
                                    &(HdAttentionOptions) { .heads = encoder->config.heads, .causal = TRUE }));

  return hd_linear (context, h, &layer->out_proj, &(HdLinearOptions) { .residual = x });
}

static HdTensor *
feed_forward (HdTextEncoder     *encoder,
              const HdTextLayer *layer,
              const HdTensor    *x)
{
  HdContext            *context = encoder->context;
  g_autoptr (HdTensor)  h = hd_layer_norm (context, x, &layer->layer_norm2);

  hd_tensor_take (&h, hd_linear (context, h, &layer->fc1,
                                 &(HdLinearOptions) { .activation = encoder->config.activation }));

  return hd_linear (context, h, &layer->fc2, &(HdLinearOptions) { .residual = x });
}

/* Rows of the vocabulary's table and of the other one, each plus its position. */
static HdTensor *
embed (HdTextEncoder     *encoder,
       const HdTextInput *input)
{
  HdContext            *context = encoder->context;
  gsize                 n = (gsize) input->batch * input->length;
  gsize                 c = encoder->config.hidden_size;
  gint32                vocabulary = encoder->config.vocab_size;
  g_autofree gint32    *places = NULL;
  g_autofree float     *rows = NULL;
  g_autofree float     *vector_rows = NULL;
  g_autoptr (HdTensor)  tokens = NULL;
  g_autoptr (HdTensor)  vectors = NULL;

  if (input->vectors == NULL)
    return hd_embed_tokens (context, encoder->token_embedding, encoder->position_embedding,
                            input->ids, input->batch, input->length);

  places = g_new (gint32, n);
  rows = g_new0 (float, n * c);
  vector_rows = g_new0 (float, n * c);

  for (gsize i = 0; i < n; i++)
    places[i] = input->ids[i] < vocabulary ? input->ids[i] : 0;
  tokens = hd_embed_tokens (context, encoder->token_embedding, encoder->position_embedding,
                            places, input->batch, input->length);
  for (gsize i = 0; i < n; i++)
    places[i] = input->ids[i] < vocabulary ? 0 : input->ids[i] - vocabulary;
  vectors = hd_embed_tokens (context, input->vectors, encoder->position_embedding,
                             places, input->batch, input->length);

  /* A handful of rows: not worth an operator. */
  hd_download_rows (context, tokens, rows);
  hd_download_rows (context, vectors, vector_rows);
  for (gsize i = 0; i < n; i++)
    if (input->ids[i] >= vocabulary)
      memcpy (rows + i * c, vector_rows + i * c, c * sizeof *rows);

  return hd_upload_rows (context, encoder->token_embedding->dtype, input->batch, 1, input->length, (int) c, rows);
}

HdTensor *
hd_text_encoder_encode (HdTextEncoder     *encoder,
                        const HdTextInput *input,
                        int                skip,
                        HdTensor         **last)
{
  g_autoptr (HdTensor) x = embed (encoder, input);
  g_autoptr (HdTensor) hidden = NULL;
  int                  taken = encoder->config.layers - skip;
  int                  layers = last != NULL ? encoder->config.layers : taken;

  for (int i = 0; i < layers; i++)
    {
      hd_tensor_take (&x, attend (encoder, &encoder->layers[i], x));
      hd_tensor_take (&x, feed_forward (encoder, &encoder->layers[i], x));
      if (i + 1 == taken && x != NULL)
        hidden = hd_tensor_ref (x);
    }
  if (last != NULL)
    *last = g_steal_pointer (&x);

  return g_steal_pointer (&hidden);
}

HdTensor *
hd_text_encoder_finish (HdTextEncoder  *encoder,
                        const HdTensor *hidden)
{
  return hd_layer_norm (encoder->context, hidden, &encoder->final_layer_norm);
}

HdTensor *
hd_text_encoder_pool (HdTextEncoder  *encoder,
                      const HdTensor *last,
                      const int      *ends)
{
  HdContext            *context = encoder->context;
  gsize                 c = encoder->config.hidden_size;
  g_autofree float     *rows = NULL;
  g_autofree float     *picked = NULL;
  g_autoptr (HdTensor)  x = NULL;

  if (last == NULL)
    return NULL;

  /* One row of each text is all that is needed of them. */
  rows = g_new0 (float, (gsize) hd_tensor_elements (last));
  picked = g_new (float, last->batch * c);
  hd_download_rows (context, last, rows);
  for (int n = 0; n < last->batch; n++)
    memcpy (picked + n * c, rows + ((gsize) n * last->width + ends[n]) * c, c * sizeof *picked);

  x = hd_upload_rows (context, last->dtype, last->batch, 1, 1, (int) c, picked);
  hd_tensor_take (&x, hd_layer_norm (context, x, &encoder->final_layer_norm));

  return hd_linear (context, x, &encoder->text_projection, NULL);
}
