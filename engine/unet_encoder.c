/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet_encoder.h"

void
hd_unet_encoder_load (HdUnetEncoder      *encoder,
                      HdWeights          *weights,
                      const HdUnetConfig *config)
{
  int                level = config->n_levels - 1;
  int                channels = config->block_out_channels[level];
  HdResnetShape      resnet = hd_unet_resnet_shape (config, channels, channels);
  HdTransformerShape attention = hd_unet_transformer_shape (config, level);

  encoder->n_levels = config->n_levels;
  hd_weights_conv (weights, &encoder->conv_in, config->block_out_channels[0], config->in_channels, 3, TRUE, "conv_in");
  hd_unet_embedding_load (&encoder->embedding, weights, config);

  hd_weights_set_flags (weights, HD_WEIGHT_MAY_QUANTISE | HD_WEIGHT_MAY_STREAM);
  for (int i = 0; i < config->n_levels; i++)
    hd_unet_block_load_down (&encoder->down_blocks[i], weights, config, i);

  hd_resnet_load (&encoder->mid_resnets[0], weights, &resnet, "mid_block.resnets.0");
  if (attention.layers > 0)
    hd_transformer_load (&encoder->mid_attention, weights, &attention, "mid_block.attentions.0");
  hd_resnet_load (&encoder->mid_resnets[1], weights, &resnet, "mid_block.resnets.1");
  hd_weights_set_flags (weights, 0);
}

void
hd_unet_encoder_clear (HdUnetEncoder *encoder)
{
  hd_unet_embedding_clear (&encoder->embedding);
  hd_conv_clear (&encoder->conv_in);
  for (int i = 0; i < encoder->n_levels; i++)
    hd_unet_block_clear (&encoder->down_blocks[i]);
  hd_resnet_clear (&encoder->mid_resnets[0]);
  hd_transformer_clear (&encoder->mid_attention);
  hd_resnet_clear (&encoder->mid_resnets[1]);
}

void
hd_unet_condition_free (HdUnetCondition *condition)
{
  if (condition == NULL)
    return;

  g_ptr_array_unref (condition->keys_values);
  g_clear_pointer (&condition->size, hd_tensor_unref);
  g_clear_pointer (&condition->guidance, hd_tensor_unref);
  g_free (condition);
}

HdUnetCondition *
hd_unet_encoder_encode (HdContext           *context,
                        const HdUnetEncoder *encoder,
                        const HdTensor      *text,
                        const HdTensor      *pooled,
                        const double        *time_ids,
                        double               guidance_scale)
{
  const HdUnetEmbedding *embedding = &encoder->embedding;
  HdUnetCondition       *condition = g_new0 (HdUnetCondition, 1);

  condition->keys_values = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_tensor_unref);
  for (int i = 0; i < encoder->n_levels; i++)
    hd_unet_block_encode_text (context, &encoder->down_blocks[i], text, condition->keys_values);
  hd_transformer_encode_text (context, &encoder->mid_attention, text, condition->keys_values);

  if (embedding->add_linear_1.weight != NULL)
    condition->size = hd_unet_embed_size (context, embedding, pooled, time_ids);
  if (embedding->cond_proj.weight != NULL)
    condition->guidance = hd_unet_embed_guidance (context, embedding, guidance_scale, text != NULL ? text->batch : 1);

  return condition;
}

HdTensor *
hd_unet_encoder (const HdUnetEncoder   *encoder,
                 HdUnetPass            *pass,
                 const HdTensor        *latent,
                 double                 timestep,
                 const HdUnetCondition *condition,
                 const HdTensor        *hint)
{
  HdContext            *context = pass->context;
  g_autoptr (HdTensor)  x = NULL;

  pass->keys_values = (HdTensor * const *) condition->keys_values->pdata;
  pass->time_embedding = hd_unet_embed_timestep (context, &encoder->embedding, timestep,
                                                 latent != NULL ? latent->batch : 1, condition->size,
                                                 condition->guidance);

  if (latent != NULL)
    {
      pass->latent_height = latent->height;
      pass->latent_width = latent->width;
    }

  x = hd_conv2d (context, latent, &encoder->conv_in, &(HdConvOptions) { .padding = 1, .residual = hint });
  hd_unet_pass_push_skip (pass, x);
  for (int i = 0; i < encoder->n_levels; i++)
    hd_unet_block_down (&encoder->down_blocks[i], pass, i, &x);

  hd_tensor_take (&x, hd_unet_pass_resnet (pass, &encoder->mid_resnets[0], x, NULL));
  if (encoder->mid_attention.n_blocks > 0)
    hd_tensor_take (&x, hd_unet_pass_attend (pass, &encoder->mid_attention, x, NULL));
  hd_tensor_take (&x, hd_unet_pass_resnet (pass, &encoder->mid_resnets[1], x, NULL));

  return g_steal_pointer (&x);
}
