/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet.h"

#define TIME_EMBEDDING_FACTOR 4

static int
time_embedding_channels (const HdUnetConfig *config)
{
  return TIME_EMBEDDING_FACTOR * config->block_out_channels[0];
}

static HdResnetShape
resnet_shape (const HdUnetConfig *config,
              int                 in,
              int                 out)
{
  return (HdResnetShape) {
    .in = in, .out = out, .time_embedding = time_embedding_channels (config),
    .groups = config->norm_groups, .epsilon = config->norm_eps,
  };
}

static HdTransformerShape
transformer_shape (const HdUnetConfig *config,
                   int                 level)
{
  return (HdTransformerShape) {
    .channels = config->block_out_channels[level], .heads = config->heads[level],
    .layers = config->transformer_layers[level], .text = config->cross_attention_dim,
    .groups = config->norm_groups,
  };
}

static void
block_alloc (HdUnetBlock *block,
             int          n_layers,
             HdBlockKind  kind)
{
  block->n_layers = n_layers;
  block->resnets = g_new0 (HdResnet, n_layers);
  if (kind == HD_BLOCK_CROSS_ATTENTION)
    block->attentions = g_new0 (HdTransformer, n_layers);
}

static void
load_attention (HdUnetBlock        *block,
                int                 layer,
                const HdUnetConfig *config,
                int                 level,
                HdWeights          *weights,
                const char         *path,
                int                 index)
{
  HdTransformerShape shape = transformer_shape (config, level);
  g_autofree char   *name = g_strdup_printf ("%s.%d.attentions.%d", path, index, layer);

  if (block->attentions != NULL)
    hd_transformer_load (&block->attentions[layer], weights, &shape, name);
}

static void
load_down_block (HdUnet    *unet,
                 int        i,
                 HdWeights *weights)
{
  const HdUnetConfig *config = &unet->config;
  HdUnetBlock        *block = &unet->down_blocks[i];
  int                 out = config->block_out_channels[i];
  int                 in = config->block_out_channels[MAX (i - 1, 0)];

  block_alloc (block, config->layers_per_block, config->down_blocks[i]);
  for (int j = 0; j < block->n_layers; j++)
    {
      HdResnetShape    shape = resnet_shape (config, j == 0 ? in : out, out);
      g_autofree char *name = g_strdup_printf ("down_blocks.%d.resnets.%d", i, j);

      hd_resnet_load (&block->resnets[j], weights, &shape, name);
      load_attention (block, j, config, i, weights, "down_blocks", i);
    }

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "down_blocks.%d.downsamplers.0.conv", i);
}

static void
load_middle (HdUnet    *unet,
             HdWeights *weights)
{
  const HdUnetConfig *config = &unet->config;
  int                 level = config->n_levels - 1;
  int                 channels = config->block_out_channels[level];
  HdResnetShape       resnet = resnet_shape (config, channels, channels);
  HdTransformerShape  attention = transformer_shape (config, level);

  hd_resnet_load (&unet->mid_resnets[0], weights, &resnet, "mid_block.resnets.0");
  hd_transformer_load (&unet->mid_attention, weights, &attention, "mid_block.attentions.0");
  hd_resnet_load (&unet->mid_resnets[1], weights, &resnet, "mid_block.resnets.1");
}

/* The up block's resnets read, beside the map, the skips of the level's own layers and, last, the one from the
 * level above. */
static void
load_up_block (HdUnet    *unet,
               int        i,
               HdWeights *weights)
{
  const HdUnetConfig *config = &unet->config;
  HdUnetBlock        *block = &unet->up_blocks[i];
  int                 level = config->n_levels - 1 - i;
  int                 out = config->block_out_channels[level];
  int                 below = config->block_out_channels[MIN (level + 1, config->n_levels - 1)];
  int                 above = config->block_out_channels[MAX (level - 1, 0)];

  block_alloc (block, config->layers_per_block + 1, config->up_blocks[i]);
  for (int j = 0; j < block->n_layers; j++)
    {
      int              skip = j == block->n_layers - 1 ? above : out;
      HdResnetShape    shape = resnet_shape (config, (j == 0 ? below : out) + skip, out);
      g_autofree char *name = g_strdup_printf ("up_blocks.%d.resnets.%d", i, j);

      hd_resnet_load (&block->resnets[j], weights, &shape, name);
      load_attention (block, j, config, level, weights, "up_blocks", i);
    }

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "up_blocks.%d.upsamplers.0.conv", i);
}

HdUnet *
hd_unet_load (HdContext           *context,
              const HdUnetConfig  *config,
              HdWeights           *weights,
              GError             **error)
{
  g_autoptr (HdUnet) unet = g_new0 (HdUnet, 1);
  int                first = config->block_out_channels[0];
  int                embedding = time_embedding_channels (config);

  unet->context = hd_context_ref (context);
  unet->config = *config;

  hd_weights_conv (weights, &unet->conv_in, first, config->in_channels, 3, TRUE, "conv_in");
  hd_weights_linear (weights, &unet->time_embedding_1, embedding, first, TRUE, "time_embedding.linear_1");
  hd_weights_linear (weights, &unet->time_embedding_2, embedding, embedding, TRUE, "time_embedding.linear_2");

  for (int i = 0; i < config->n_levels; i++)
    load_down_block (unet, i, weights);
  load_middle (unet, weights);
  for (int i = 0; i < config->n_levels; i++)
    load_up_block (unet, i, weights);

  hd_weights_norm (weights, &unet->conv_norm_out, first, config->norm_groups, config->norm_eps, "conv_norm_out");
  hd_weights_conv (weights, &unet->conv_out, config->out_channels, first, 3, TRUE, "conv_out");

  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&unet);
}

static void
block_clear (HdUnetBlock *block)
{
  for (int j = 0; j < block->n_layers; j++)
    {
      hd_resnet_clear (&block->resnets[j]);
      if (block->attentions != NULL)
        hd_transformer_clear (&block->attentions[j]);
    }
  g_free (block->resnets);
  g_free (block->attentions);
  hd_conv_clear (&block->sampler);
}

void
hd_unet_free (HdUnet *unet)
{
  if (unet == NULL)
    return;

  hd_linear_clear (&unet->time_embedding_1);
  hd_linear_clear (&unet->time_embedding_2);
  hd_conv_clear (&unet->conv_in);
  for (int i = 0; i < unet->config.n_levels; i++)
    {
      block_clear (&unet->down_blocks[i]);
      block_clear (&unet->up_blocks[i]);
    }
  hd_resnet_clear (&unet->mid_resnets[0]);
  hd_transformer_clear (&unet->mid_attention);
  hd_resnet_clear (&unet->mid_resnets[1]);
  hd_norm_clear (&unet->conv_norm_out);
  hd_conv_clear (&unet->conv_out);
  hd_context_unref (unet->context);
  g_free (unet);
}
