/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet_block.h"
#include "engine/unet_embedding.h"

HdResnetShape
hd_unet_resnet_shape (const HdUnetConfig *config,
                      int                 in,
                      int                 out)
{
  return (HdResnetShape) {
    .in = in, .out = out, .time_embedding = hd_unet_embedding_channels (config),
    .groups = config->norm_groups, .epsilon = config->norm_eps,
  };
}

HdTransformerShape
hd_unet_transformer_shape (const HdUnetConfig *config,
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

/* The pair of resnet and attention number @j of the block @name, with @in channels. */
static void
load_pair (HdUnetBlock        *block,
           HdWeights          *weights,
           const HdUnetConfig *config,
           int                 level,
           int                 in,
           const char         *name,
           int                 j)
{
  HdResnetShape      resnet = hd_unet_resnet_shape (config, in, config->block_out_channels[level]);
  HdTransformerShape attention = hd_unet_transformer_shape (config, level);
  g_autofree char   *resnet_name = g_strdup_printf ("%s.resnets.%d", name, j);
  g_autofree char   *attention_name = g_strdup_printf ("%s.attentions.%d", name, j);

  hd_resnet_load (&block->resnets[j], weights, &resnet, resnet_name);
  if (block->attentions != NULL)
    hd_transformer_load (&block->attentions[j], weights, &attention, attention_name);
}

void
hd_unet_block_load_down (HdUnetBlock        *block,
                         HdWeights          *weights,
                         const HdUnetConfig *config,
                         int                 i)
{
  g_autofree char *name = g_strdup_printf ("down_blocks.%d", i);
  int              out = config->block_out_channels[i];
  int              above = config->block_out_channels[MAX (i - 1, 0)];

  block_alloc (block, config->layers_per_block, config->down_blocks[i]);
  for (int j = 0; j < block->n_layers; j++)
    load_pair (block, weights, config, i, j == 0 ? above : out, name, j);

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "%s.downsamplers.0.conv", name);
}

/* The up block's resnets read, beside the map, the skips of the level's own layers and, last, the one from the
 * level above. */
void
hd_unet_block_load_up (HdUnetBlock        *block,
                       HdWeights          *weights,
                       const HdUnetConfig *config,
                       int                 i)
{
  g_autofree char *name = g_strdup_printf ("up_blocks.%d", i);
  int              level = config->n_levels - 1 - i;
  int              out = config->block_out_channels[level];
  int              below = config->block_out_channels[MIN (level + 1, config->n_levels - 1)];
  int              above = config->block_out_channels[MAX (level - 1, 0)];

  block_alloc (block, config->layers_per_block + 1, config->up_blocks[i]);
  for (int j = 0; j < block->n_layers; j++)
    load_pair (block, weights, config, level,
               (j == 0 ? below : out) + (j == block->n_layers - 1 ? above : out), name, j);

  if (i < config->n_levels - 1)
    hd_weights_conv (weights, &block->sampler, out, out, 3, TRUE, "%s.upsamplers.0.conv", name);
}

void
hd_unet_block_clear (HdUnetBlock *block)
{
  for (int j = 0; j < block->n_layers; j++)
    {
      hd_resnet_clear (&block->resnets[j]);
      if (block->attentions != NULL)
        hd_transformer_clear (&block->attentions[j]);
    }
  g_clear_pointer (&block->resnets, g_free);
  g_clear_pointer (&block->attentions, g_free);
  block->n_layers = 0;
  hd_conv_clear (&block->sampler);
}
