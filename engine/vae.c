/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/vae.h"

HdDtype
hd_vae_dtype (HdContext         *context,
              const HdVaeConfig *config)
{
  HdDtype dtype = hd_context_get_dtype (context);

  return dtype == HD_DTYPE_F16 && config->force_upcast ? HD_DTYPE_BF16 : dtype;
}

static void
load_up_block (HdVae     *vae,
               int        i,
               HdWeights *weights)
{
  const HdVaeConfig *config = &vae->config;
  HdVaeBlock        *block = &vae->up_blocks[i];
  int                level = config->n_levels - 1 - i;
  int                out = config->block_out_channels[level];
  int                in = config->block_out_channels[MIN (level + 1, config->n_levels - 1)];

  block->n_layers = config->layers_per_block + 1;
  block->resnets = g_new0 (HdResnet, block->n_layers);
  for (int j = 0; j < block->n_layers; j++)
    {
      HdResnetShape    shape = hd_vae_resnet_shape (config, j == 0 ? in : out, out);
      g_autofree char *name = g_strdup_printf ("decoder.up_blocks.%d.resnets.%d", i, j);

      hd_resnet_load (&block->resnets[j], weights, &shape, name);
    }

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "decoder.up_blocks.%d.upsamplers.0.conv", i);
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
  vae->dtype = hd_vae_dtype (context, config);

  if (config->use_post_quant_conv)
    hd_weights_linear (weights, &vae->post_quant_conv, latent, latent, TRUE, "post_quant_conv");
  hd_weights_conv (weights, &vae->conv_in, deepest, latent, 3, TRUE, "decoder.conv_in");
  hd_vae_middle_load (&vae->middle, weights, config, "decoder");
  for (int i = 0; i < config->n_levels; i++)
    load_up_block (vae, i, weights);
  hd_weights_norm (weights, &vae->conv_norm_out, first, config->norm_groups, HD_VAE_NORM_EPSILON,
                   "decoder.conv_norm_out");
  hd_weights_conv (weights, &vae->conv_out, config->out_channels, first, 3, TRUE, "decoder.conv_out");

  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&vae);
}

void
hd_vae_block_clear (HdVaeBlock *block)
{
  for (int j = 0; j < block->n_layers; j++)
    hd_resnet_clear (&block->resnets[j]);
  g_clear_pointer (&block->resnets, g_free);
  block->n_layers = 0;
  hd_conv_clear (&block->sampler);
}

void
hd_vae_free (HdVae *vae)
{
  if (vae == NULL)
    return;

  hd_linear_clear (&vae->post_quant_conv);
  hd_conv_clear (&vae->conv_in);
  hd_vae_middle_clear (&vae->middle);
  for (int i = 0; i < vae->config.n_levels; i++)
    hd_vae_block_clear (&vae->up_blocks[i]);
  hd_norm_clear (&vae->conv_norm_out);
  hd_conv_clear (&vae->conv_out);
  hd_vae_encoder_free (vae->encoder);
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

  hd_vae_middle (context, &vae->middle, &x);

  for (int i = 0; i < vae->config.n_levels; i++)
    {
      const HdVaeBlock *block = &vae->up_blocks[i];

      for (int j = 0; j < block->n_layers; j++)
        hd_tensor_take (&x, hd_resnet (context, &block->resnets[j], x, NULL, NULL));
      if (block->sampler.weight != NULL)
        upsample (vae, &block->sampler, &x);
    }

  hd_tensor_take (&x, hd_group_norm (context, x, NULL, &vae->conv_norm_out, HD_ACTIVATION_SILU));

  return hd_conv2d (context, x, &vae->conv_out, &(HdConvOptions) { .padding = 1, .float_result = TRUE });
}
