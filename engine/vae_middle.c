/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/vae_middle.h"

HdResnetShape
hd_vae_resnet_shape (const HdVaeConfig *config,
                     int                in,
                     int                out)
{
  return (HdResnetShape) { .in = in, .out = out, .groups = config->norm_groups, .epsilon = HD_VAE_NORM_EPSILON };
}

void
hd_vae_middle_load (HdVaeMiddle       *middle,
                    HdWeights         *weights,
                    const HdVaeConfig *config,
                    const char        *name)
{
  static const char * const qkv[] = { "to_q", "to_k", "to_v", NULL };
  int                       c = config->block_out_channels[config->n_levels - 1];
  HdResnetShape             shape = hd_vae_resnet_shape (config, c, c);
  g_autofree char          *first = g_strdup_printf ("%s.mid_block.resnets.0", name);
  g_autofree char          *second = g_strdup_printf ("%s.mid_block.resnets.1", name);

  middle->channels = c;
  hd_resnet_load (&middle->resnets[0], weights, &shape, first);
  if (config->mid_block_attention)
    {
      hd_weights_norm (weights, &middle->group_norm, c, config->norm_groups, HD_VAE_NORM_EPSILON,
                       "%s.mid_block.attentions.0.group_norm", name);
      hd_weights_linear_stacked (weights, &middle->to_qkv, c, c, TRUE, qkv, "%s.mid_block.attentions.0", name);
      hd_weights_linear (weights, &middle->to_out, c, c, TRUE, "%s.mid_block.attentions.0.to_out.0", name);
    }
  hd_resnet_load (&middle->resnets[1], weights, &shape, second);
}

void
hd_vae_middle_clear (HdVaeMiddle *middle)
{
  hd_resnet_clear (&middle->resnets[0]);
  hd_norm_clear (&middle->group_norm);
  hd_linear_clear (&middle->to_qkv);
  hd_linear_clear (&middle->to_out);
  hd_resnet_clear (&middle->resnets[1]);
}

/* What the pixels make of each other. */
static HdTensor *
attend_to_itself (HdContext         *context,
                  const HdVaeMiddle *middle,
                  const HdTensor    *x)
{
  int                   c = middle->channels;
  g_autoptr (HdTensor)  h = hd_group_norm (context, x, NULL, &middle->group_norm, HD_ACTIVATION_NONE);
  g_autoptr (HdTensor)  qkv = hd_linear (context, h, &middle->to_qkv, NULL);
  g_autoptr (HdTensor)  q = hd_tensor_channels (qkv, 0, c);
  g_autoptr (HdTensor)  k = hd_tensor_channels (qkv, c, c);
  g_autoptr (HdTensor)  v = hd_tensor_channels (qkv, 2 * c, c);

  hd_tensor_take (&h, NULL);

  return hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = 1 });
}

static HdTensor *
attend (HdContext         *context,
        const HdVaeMiddle *middle,
        const HdTensor    *x)
{
  g_autoptr (HdTensor) h = attend_to_itself (context, middle, x);

  return hd_linear (context, h, &middle->to_out, &(HdLinearOptions) { .residual = x });
}

void
hd_vae_middle (HdContext          *context,
               const HdVaeMiddle  *middle,
               HdTensor          **x)
{
  hd_tensor_take (x, hd_resnet (context, &middle->resnets[0], *x, NULL, NULL));
  if (middle->to_qkv.weight != NULL)
    hd_tensor_take (x, attend (context, middle, *x));
  hd_tensor_take (x, hd_resnet (context, &middle->resnets[1], *x, NULL, NULL));
}
