/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet.h"

HdUnet *
hd_unet_load (HdContext           *context,
              const HdUnetConfig  *config,
              HdWeights           *weights,
              GError             **error)
{
  g_autoptr (HdUnet) unet = g_new0 (HdUnet, 1);
  int                first = config->block_out_channels[0];

  unet->context = hd_context_ref (context);
  unet->config = *config;

  /* Of what is read and written, of embeddings and norms, every digit counts, and there is little of them. */
  hd_unet_encoder_load (&unet->encoder, weights, config);
  hd_weights_set_flags (weights, HD_WEIGHT_MAY_QUANTISE | HD_WEIGHT_MAY_STREAM);
  for (int i = 0; i < config->n_levels; i++)
    hd_unet_block_load_up (&unet->up_blocks[i], weights, config, i);
  hd_weights_set_flags (weights, 0);
  hd_weights_norm (weights, &unet->conv_norm_out, first, config->norm_groups, config->norm_eps, "conv_norm_out");
  hd_weights_conv (weights, &unet->conv_out, config->out_channels, first, 3, TRUE, "conv_out");

  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&unet);
}

void
hd_unet_free (HdUnet *unet)
{
  if (unet == NULL)
    return;

  hd_unet_encoder_clear (&unet->encoder);
  for (int i = 0; i < unet->config.n_levels; i++)
    hd_unet_block_clear (&unet->up_blocks[i]);
  hd_norm_clear (&unet->conv_norm_out);
  hd_conv_clear (&unet->conv_out);
  hd_context_unref (unet->context);
  g_free (unet);
}

int
hd_unet_pooled_channels (const HdUnetConfig *config)
{
  return config->text_time ? config->addition_input_dim - HD_UNET_TIME_IDS * config->addition_time_embed_dim : 0;
}

HdUnetCondition *
hd_unet_encode_condition (HdUnet         *unet,
                          const HdTensor *text,
                          const HdTensor *pooled,
                          const double   *time_ids,
                          double          guidance_scale)
{
  HdUnetCondition *condition = hd_unet_encoder_encode (unet->context, &unet->encoder, text, pooled, time_ids,
                                                       guidance_scale);

  for (int i = 0; i < unet->config.n_levels; i++)
    hd_unet_block_encode_text (unet->context, &unet->up_blocks[i], text, condition->keys_values);

  return condition;
}

HdTensor *
hd_unet (HdUnet             *unet,
         const HdTensor     *latent,
         double              timestep,
         const HdUnetInputs *inputs)
{
  HdContext            *context = unet->context;
  int                   n_levels = unet->config.n_levels;
  HdControlResiduals   *control = inputs->control;
  g_autoptr (HdTensor)  x = NULL;
  HdUnetPass            pass;

  hd_unet_pass_init (&pass, context, inputs->rau_net, inputs->msw_msa, control, inputs->splits);

  x = hd_unet_encoder (&unet->encoder, &pass, latent, timestep, inputs->condition, NULL);
  if (control != NULL)
    hd_tensor_take (&x, hd_unet_pass_control (&pass, x, &control->middle));
  for (int i = 0; i < n_levels; i++)
    hd_unet_block_up (&unet->up_blocks[i], &pass, i, n_levels - 1 - i, &x);
  hd_unet_pass_clear (&pass);

  hd_tensor_take (&x, hd_group_norm (context, x, NULL, &unet->conv_norm_out, HD_ACTIVATION_SILU));

  return hd_conv2d (context, x, &unet->conv_out, &(HdConvOptions) { .padding = 1, .float_result = TRUE });
}

int
hd_unet_count_windowed (const HdUnet   *unet,
                        const HdMswMsa *msw_msa)
{
  const HdUnetBlock *blocks[] = {
    &unet->encoder.down_blocks[msw_msa->down_block], &unet->up_blocks[msw_msa->up_block],
  };
  int                count = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (blocks); i++)
    for (int j = 0; blocks[i]->attentions != NULL && j < blocks[i]->n_layers; j++)
      count += blocks[i]->attentions[j].n_blocks;

  return count;
}
