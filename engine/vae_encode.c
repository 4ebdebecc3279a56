/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/vae.h"

#include <math.h>

/* What the reference implementation bounds the posterior's log-variance by. */
#define LOG_VARIANCE_MIN (-30.0f)
#define LOG_VARIANCE_MAX 20.0f

static void
load_down_block (HdVaeEncoder      *encoder,
                 int                i,
                 const HdVaeConfig *config,
                 HdWeights         *weights)
{
  HdVaeBlock *block = &encoder->down_blocks[i];
  int         out = config->block_out_channels[i];
  int         in = config->block_out_channels[MAX (i - 1, 0)];

  block->n_layers = config->layers_per_block;
  block->resnets = g_new0 (HdResnet, block->n_layers);
  for (int j = 0; j < block->n_layers; j++)
    {
      HdResnetShape    shape = hd_vae_resnet_shape (config, j == 0 ? in : out, out);
      g_autofree char *name = g_strdup_printf ("encoder.down_blocks.%d.resnets.%d", i, j);

      hd_resnet_load (&block->resnets[j], weights, &shape, name);
    }

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "encoder.down_blocks.%d.downsamplers.0.conv", i);
}

void
hd_vae_encoder_free (HdVaeEncoder *encoder)
{
  if (encoder == NULL)
    return;

  hd_conv_clear (&encoder->conv_in);
  for (int i = 0; i < HD_VAE_MAX_LEVELS; i++)
    hd_vae_block_clear (&encoder->down_blocks[i]);
  hd_vae_middle_clear (&encoder->middle);
  hd_norm_clear (&encoder->conv_norm_out);
  hd_conv_clear (&encoder->conv_out);
  hd_conv_clear (&encoder->quant_conv);
  g_free (encoder);
}

gboolean
hd_vae_load_encoder (HdVae      *vae,
                     HdWeights  *weights,
                     GError    **error)
{
  const HdVaeConfig        *config = &vae->config;
  g_autoptr (HdVaeEncoder)  encoder = NULL;
  int                       moments = 2 * config->latent_channels;
  int                       deepest = config->block_out_channels[config->n_levels - 1];

  if (vae->encoder != NULL)
    return TRUE;

  encoder = g_new0 (HdVaeEncoder, 1);
  hd_weights_conv (weights, &encoder->conv_in, config->block_out_channels[0], config->in_channels, 3, TRUE,
                   "encoder.conv_in");
  for (int i = 0; i < config->n_levels; i++)
    load_down_block (encoder, i, config, weights);
  hd_vae_middle_load (&encoder->middle, weights, config, "encoder");
  hd_weights_norm (weights, &encoder->conv_norm_out, deepest, config->norm_groups, HD_VAE_NORM_EPSILON,
                   "encoder.conv_norm_out");
  hd_weights_conv (weights, &encoder->conv_out, moments, deepest, 3, TRUE, "encoder.conv_out");
  if (config->use_quant_conv)
    hd_weights_conv (weights, &encoder->quant_conv, moments, moments, 1, TRUE, "quant_conv");

  if (!hd_weights_finish (weights, error))
    return FALSE;

  vae->encoder = g_steal_pointer (&encoder);

  return TRUE;
}

HdTensor *
hd_vae_encode (HdVae          *vae,
               const HdTensor *image)
{
  HdContext            *context = vae->context;
  const HdVaeEncoder   *encoder = vae->encoder;
  gboolean              quant_conv;
  g_autoptr (HdTensor)  x = NULL;

  g_return_val_if_fail (encoder != NULL, NULL);

  quant_conv = encoder->quant_conv.weight != NULL;
  x = hd_conv2d (context, image, &encoder->conv_in, &(HdConvOptions) { .padding = 1 });
  for (int i = 0; i < vae->config.n_levels; i++)
    {
      const HdVaeBlock *block = &encoder->down_blocks[i];

      for (int j = 0; j < block->n_layers; j++)
        hd_tensor_take (&x, hd_resnet (context, &block->resnets[j], x, NULL, NULL));
      if (block->sampler.weight != NULL)
        hd_tensor_take (&x, hd_conv2d (context, x, &block->sampler,
                                       &(HdConvOptions) { .stride = 2, .padding_end = 1 }));
    }

  hd_vae_middle (context, &encoder->middle, &x);
  hd_tensor_take (&x, hd_group_norm (context, x, NULL, &encoder->conv_norm_out, HD_ACTIVATION_SILU));
  hd_tensor_take (&x, hd_conv2d (context, x, &encoder->conv_out,
                                 &(HdConvOptions) { .padding = 1, .float_result = !quant_conv }));
  if (quant_conv)
    hd_tensor_take (&x, hd_conv2d (context, x, &encoder->quant_conv, &(HdConvOptions) { .float_result = TRUE }));

  return g_steal_pointer (&x);
}

float
hd_vae_clamp_log_variance (float log_variance)
{
  return CLAMP (log_variance, LOG_VARIANCE_MIN, LOG_VARIANCE_MAX);
}

void
hd_vae_sample_posterior (const HdVaeConfig *config,
                         const float       *moments,
                         gsize              count,
                         const float       *noise,
                         float             *latents)
{
  const float *log_variance = moments + count;

  for (gsize i = 0; i < count; i++)
    {
      float deviation = expf (0.5f * hd_vae_clamp_log_variance (log_variance[i]));
      float sample = noise != NULL ? moments[i] + deviation * noise[i] : moments[i];

      latents[i] = config->scaling_factor * (sample - config->shift_factor);
    }
}
