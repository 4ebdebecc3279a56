/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/vae.h"

#define VAE_NORM_EPSILON 1e-6f

static HdResnetShape
resnet_shape (const HdVaeConfig *config,
              int                in,
              int                out)
{
  return (HdResnetShape) { .in = in, .out = out, .groups = config->norm_groups, .epsilon = VAE_NORM_EPSILON };
}

static void
load_middle (HdVae     *vae,
             HdWeights *weights)
{
  static const char * const qkv[] = { "to_q", "to_k", "to_v", NULL };
  const HdVaeConfig        *config = &vae->config;
  int                       c = config->block_out_channels[config->n_levels - 1];
  HdResnetShape             shape = resnet_shape (config, c, c);

  hd_resnet_load (&vae->mid_resnets[0], weights, &shape, "decoder.mid_block.resnets.0");
  if (config->mid_block_attention)
    {
      HdVaeAttention *attention = &vae->mid_attention;

      hd_weights_norm (weights, &attention->group_norm, c, config->norm_groups, VAE_NORM_EPSILON,
                       "decoder.mid_block.attentions.0.group_norm");
      hd_weights_linear_stacked (weights, &attention->to_qkv, c, c, TRUE, qkv, "decoder.mid_block.attentions.0");
      hd_weights_linear (weights, &attention->to_out, c, c, TRUE, "decoder.mid_block.attentions.0.to_out.0");
    }
  hd_resnet_load (&vae->mid_resnets[1], weights, &shape, "decoder.mid_block.resnets.1");
}

static void
load_up_block (HdVae     *vae,
               int        i,
               HdWeights *weights)
{
  const HdVaeConfig *config = &vae->config;
  HdVaeUpBlock      *block = &vae->up_blocks[i];
  int                level = config->n_levels - 1 - i;
  int                out = config->block_out_channels[level];
  int                in = config->block_out_channels[MIN (level + 1, config->n_levels - 1)];

  block->n_layers = config->layers_per_block + 1;
  block->resnets = g_new0 (HdResnet, block->n_layers);
  for (int j = 0; j < block->n_layers; j++)
    {
      HdResnetShape    shape = resnet_shape (config, j == 0 ? in : out, out);
      g_autofree char *name = g_strdup_printf ("decoder.up_blocks.%d.resnets.%d", i, j);

      hd_resnet_load (&block->resnets[j], weights, &shape, name);
    }

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->upsampler, out, out, 3, TRUE, "decoder.up_blocks.%d.upsamplers.0.conv", i);
}

HdVae *
hd_vae_load (HdContext          *context,
             const HdVaeConfig  *config,
             HdWeights          *weights,
             GError            **error)
{
  g_autoptr (HdVae) vae = g_new0 (HdVae, 1);
  int               latent = config->latent_channels;
  int               deepest = config->block_out_channels[config->n_levels - 1];
  int               first = config->block_out_channels[0];

  vae->context = hd_context_ref (context);
  vae->config = *config;

  if (config->use_post_quant_conv)
    hd_weights_linear (weights, &vae->post_quant_conv, latent, latent, TRUE, "post_quant_conv");
  hd_weights_conv (weights, &vae->conv_in, deepest, latent, 3, TRUE, "decoder.conv_in");
  load_middle (vae, weights);
  for (int i = 0; i < config->n_levels; i++)
    load_up_block (vae, i, weights);
  hd_weights_norm (weights, &vae->conv_norm_out, first, config->norm_groups, VAE_NORM_EPSILON,
                   "decoder.conv_norm_out");
  hd_weights_conv (weights, &vae->conv_out, config->out_channels, first, 3, TRUE, "decoder.conv_out");

  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&vae);
}

void
hd_vae_free (HdVae *vae)
{
  if (vae == NULL)
    return;

  hd_linear_clear (&vae->post_quant_conv);
  hd_conv_clear (&vae->conv_in);
  hd_resnet_clear (&vae->mid_resnets[0]);
  hd_norm_clear (&vae->mid_attention.group_norm);
  hd_linear_clear (&vae->mid_attention.to_qkv);
  hd_linear_clear (&vae->mid_attention.to_out);
  hd_resnet_clear (&vae->mid_resnets[1]);
  for (int i = 0; i < vae->config.n_levels; i++)
    {
      for (int j = 0; j < vae->up_blocks[i].n_layers; j++)
        hd_resnet_clear (&vae->up_blocks[i].resnets[j]);
      g_free (vae->up_blocks[i].resnets);
      hd_conv_clear (&vae->up_blocks[i].upsampler);
    }
  hd_norm_clear (&vae->conv_norm_out);
  hd_conv_clear (&vae->conv_out);
  hd_context_unref (vae->context);
  g_free (vae);
}

int
hd_vae_factor (const HdVaeConfig *config)
{
  return 1 << (config->n_levels - 1);
}

/* An empty tensor in the place of one that is to be resized to: only its sides are read. */
static HdTensor
twice_the_size_of (const HdTensor *x)
{
  return (HdTensor) { .height = 2 * x->height, .width = 2 * x->width };
}

static HdTensor *
attend (HdVae          *vae,
        const HdTensor *x)
{
  HdContext            *context = vae->context;
  const HdVaeAttention *attention = &vae->mid_attention;
  int                   c = vae->config.block_out_channels[vae->config.n_levels - 1];
  g_autoptr (HdTensor)  h = hd_group_norm (context, x, NULL, &attention->group_norm, HD_ACTIVATION_NONE);
  g_autoptr (HdTensor)  qkv = hd_linear (context, h, &attention->to_qkv, NULL);
  g_autoptr (HdTensor)  q = hd_tensor_channels (qkv, 0, c);
  g_autoptr (HdTensor)  k = hd_tensor_channels (qkv, c, c);
  g_autoptr (HdTensor)  v = hd_tensor_channels (qkv, 2 * c, c);

  hd_tensor_take (&h, hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = 1 }));

  return hd_linear (context, h, &attention->to_out, &(HdLinearOptions) { .residual = x });
}

static void
upsample (HdVae         *vae,
          const HdConv  *conv,
          HdTensor     **x)
{
  HdTensor size;

  if (*x == NULL)
    return;

  size = twice_the_size_of (*x);
  hd_tensor_take (x, hd_conv2d (vae->context, *x, conv, &(HdConvOptions) { .padding = 1, .upsample_like = &size }));
}

HdTensor *
hd_vae_decode (HdVae          *vae,
               const HdTensor *latent)
{
  HdContext            *context = vae->context;
  g_autoptr (HdTensor)  x = NULL;

  if (vae->post_quant_conv.weight != NULL)
    x = hd_linear (context, latent, &vae->post_quant_conv, NULL);
  hd_tensor_take (&x, hd_conv2d (context, x != NULL ? x : latent, &vae->conv_in, &(HdConvOptions) { .padding = 1 }));

  hd_tensor_take (&x, hd_resnet (context, &vae->mid_resnets[0], x, NULL, NULL));
  if (vae->mid_attention.to_qkv.weight != NULL)
    hd_tensor_take (&x, attend (vae, x));
  hd_tensor_take (&x, hd_resnet (context, &vae->mid_resnets[1], x, NULL, NULL));

  for (int i = 0; i < vae->config.n_levels; i++)
    {
      const HdVaeUpBlock *block = &vae->up_blocks[i];

      for (int j = 0; j < block->n_layers; j++)
        hd_tensor_take (&x, hd_resnet (context, &block->resnets[j], x, NULL, NULL));
      if (block->upsampler.weight != NULL)
        upsample (vae, &block->upsampler, &x);
    }

  hd_tensor_take (&x, hd_group_norm (context, x, NULL, &vae->conv_norm_out, HD_ACTIVATION_SILU));

  return hd_conv2d (context, x, &vae->conv_out, &(HdConvOptions) { .padding = 1, .float_result = TRUE });
}
