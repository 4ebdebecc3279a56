/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/transformer.h"

#include "kernels/band_map.h"

#define TRANSFORMER_NORM_EPSILON 1e-6f
#define LAYER_NORM_EPSILON       1e-5f
#define FEED_FORWARD_FACTOR      4

static void
block_load (HdTransformerBlock       *block,
            HdWeights                *weights,
            const HdTransformerShape *shape,
            const char               *name)
{
  static const char * const qkv[] = { "to_q", "to_k", "to_v", NULL };
  static const char * const kv[] = { "to_k", "to_v", NULL };
  int c = shape->channels;

  hd_weights_norm (weights, &block->norm1, c, 0, LAYER_NORM_EPSILON, "%s.norm1", name);
  hd_weights_linear_stacked (weights, &block->self_qkv, c, c, FALSE, qkv, "%s.attn1", name);
  hd_weights_linear (weights, &block->self_out, c, c, TRUE, "%s.attn1.to_out.0", name);

  hd_weights_norm (weights, &block->norm2, c, 0, LAYER_NORM_EPSILON, "%s.norm2", name);
  hd_weights_linear (weights, &block->cross_q, c, c, FALSE, "%s.attn2.to_q", name);
  hd_weights_linear_stacked (weights, &block->cross_kv, c, shape->text, FALSE, kv, "%s.attn2", name);
  hd_weights_linear (weights, &block->cross_out, c, c, TRUE, "%s.attn2.to_out.0", name);

  hd_weights_norm (weights, &block->norm3, c, 0, LAYER_NORM_EPSILON, "%s.norm3", name);
  hd_weights_linear (weights, &block->ff_in, 2 * FEED_FORWARD_FACTOR * c, c, TRUE, "%s.ff.net.0.proj", name);
  hd_weights_linear (weights, &block->ff_out, c, FEED_FORWARD_FACTOR * c, TRUE, "%s.ff.net.2", name);
}

static void
block_clear (HdTransformerBlock *block)
{
  hd_norm_clear (&block->norm1);
  hd_linear_clear (&block->self_qkv);
  hd_linear_clear (&block->self_out);
  hd_norm_clear (&block->norm2);
  hd_linear_clear (&block->cross_q);
  hd_linear_clear (&block->cross_kv);
  hd_linear_clear (&block->cross_out);
  hd_norm_clear (&block->norm3);
  hd_linear_clear (&block->ff_in);
  hd_linear_clear (&block->ff_out);
}

void
hd_transformer_load (HdTransformer            *transformer,
                     HdWeights                *weights,
                     const HdTransformerShape *shape,
                     const char               *name)
{
  int c = shape->channels;

  transformer->channels = c;
  transformer->heads = shape->heads;
  transformer->n_blocks = shape->layers;
  transformer->blocks = g_new0 (HdTransformerBlock, shape->layers);

  hd_weights_norm (weights, &transformer->norm, c, shape->groups, TRANSFORMER_NORM_EPSILON, "%s.norm", name);
  hd_weights_linear (weights, &transformer->proj_in, c, c, TRUE, "%s.proj_in", name);
  for (int i = 0; i < shape->layers; i++)
    {
      g_autofree char *block = g_strdup_printf ("%s.transformer_blocks.%d", name, i);

      block_load (&transformer->blocks[i], weights, shape, block);
    }
  hd_weights_linear (weights, &transformer->proj_out, c, c, TRUE, "%s.proj_out", name);
}

void
hd_transformer_clear (HdTransformer *transformer)
{
  hd_norm_clear (&transformer->norm);
  hd_linear_clear (&transformer->proj_in);
  for (int i = 0; i < transformer->n_blocks; i++)
    block_clear (&transformer->blocks[i]);
  g_clear_pointer (&transformer->blocks, g_free);
  transformer->n_blocks = 0;
  hd_linear_clear (&transformer->proj_out);
}

void
hd_transformer_encode_text (HdContext           *context,
                            const HdTransformer *transformer,
                            const HdTensor      *text,
                            GPtrArray           *keys_values)
{
  for (int i = 0; i < transformer->n_blocks; i++)
    g_ptr_array_add (keys_values, hd_linear (context, text, &transformer->blocks[i].cross_kv, NULL));
}

/* What the pixels of a map make of each other, over the whole map or, as MSW-MSA, within the windows that it draws. */
static HdTensor *
attend_to_itself (HdContext                *context,
                  const HdTransformer      *transformer,
                  const HdTransformerBlock *block,
                  const HdTensor           *x,
                  HdMswMsa                 *msw_msa)
{
  int                  c = transformer->channels;
  g_autoptr (HdTensor) h = hd_layer_norm (context, x, &block->norm1);
  g_autoptr (HdTensor) qkv = hd_linear (context, h, &block->self_qkv, NULL);
  g_autoptr (HdTensor) q = hd_tensor_channels (qkv, 0, c);
  g_autoptr (HdTensor) k = hd_tensor_channels (qkv, c, c);
  g_autoptr (HdTensor) v = hd_tensor_channels (qkv, 2 * c, c);
  HdWindow             window;
  HdAttentionOptions   options = { .heads = transformer->heads };

  if (hd_msw_msa_next (msw_msa, x, &window))
    options.window = &window;
  hd_tensor_take (&h, NULL);

  return hd_attention (context, q, k, v, &options);
}

/* Self-attention of a block. */
static HdTensor *
self_attention (HdContext                *context,
                const HdTransformer      *transformer,
                const HdTransformerBlock *block,
                const HdTensor           *x,
                HdMswMsa                 *msw_msa)
{
  g_autoptr (HdTensor) h = attend_to_itself (context, transformer, block, x, msw_msa);

  return hd_linear (context, h, &block->self_out, &(HdLinearOptions) { .residual = x });
}

/* Attention of the map's pixels to the text. */
static HdTensor *
cross_attention (HdContext                *context,
                 const HdTransformer      *transformer,
                 const HdTransformerBlock *block,
                 const HdTensor           *x,
                 HdTensor                 *keys_values)
{
  int                  c = transformer->channels;
  g_autoptr (HdTensor) h = hd_layer_norm (context, x, &block->norm2);
  g_autoptr (HdTensor) q = hd_linear (context, h, &block->cross_q, NULL);
  g_autoptr (HdTensor) k = hd_tensor_channels (keys_values, 0, c);
  g_autoptr (HdTensor) v = hd_tensor_channels (keys_values, c, c);

  hd_tensor_take (&h, hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = transformer->heads }));

  return hd_linear (context, h, &block->cross_out, &(HdLinearOptions) { .residual = x });
}

static HdTensor *
feed_forward (HdContext                *context,
              const HdTransformerBlock *block,
              const HdTensor           *x)
{
  g_autoptr (HdTensor) h = hd_layer_norm (context, x, &block->norm3);

  hd_tensor_take (&h, hd_linear (context, h, &block->ff_in,
                                 &(HdLinearOptions) { .activation = HD_ACTIVATION_GEGLU }));

  return hd_linear (context, h, &block->ff_out, &(HdLinearOptions) { .residual = x });
}

/* The same for some rows of the map at a time, in place: what lies between the two layers is four times as wide. */
static void
feed_forward_by_rows (HdContext                *context,
                      const HdTransformerBlock *block,
                      const HdBands            *bands,
                      HdTensor                 *x)
{
  int height;
  int rows;

  if (x == NULL)
    return;

  height = x->batch * x->height;
  rows = hd_bands_rows (bands, height, (gsize) x->width * x->channels * FEED_FORWARD_FACTOR * hd_dtype_size (x->dtype));
  for (gint64 i = 0; i < hd_band_count (height, rows); i++)
    {
      HdBand               band = hd_band_at (height, rows, i);
      g_autoptr (HdTensor) part = hd_tensor_rows (x, (int) band.first, (int) hd_band_length (band));
      g_autoptr (HdTensor) y = feed_forward (context, block, part);

      hd_copy_rows (context, x, (int) band.first, y);
    }
}

HdTensor *
hd_transformer (HdContext           *context,
                const HdTransformer *transformer,
                const HdTensor      *x,
                HdTensor   * const  *keys_values,
                HdMswMsa            *msw_msa,
                const HdBands       *feed_forward_bands)
{
  g_autoptr (HdTensor) h = hd_group_norm (context, x, NULL, &transformer->norm, HD_ACTIVATION_NONE);

  hd_tensor_take (&h, hd_linear (context, h, &transformer->proj_in, NULL));
  for (int i = 0; i < transformer->n_blocks; i++)
    {
      const HdTransformerBlock *block = &transformer->blocks[i];

      hd_tensor_take (&h, self_attention (context, transformer, block, h, msw_msa));
      hd_tensor_take (&h, cross_attention (context, transformer, block, h, keys_values[i]));
      if (feed_forward_bands != NULL)
        feed_forward_by_rows (context, block, feed_forward_bands, h);
      else
        hd_tensor_take (&h, feed_forward (context, block, h));
    }

  return hd_linear (context, h, &transformer->proj_out, &(HdLinearOptions) { .residual = x });
}
