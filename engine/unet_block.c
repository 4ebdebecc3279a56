/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet_block.h"

void
hd_control_residuals_clear (HdControlResiduals *residuals)
{
  g_clear_pointer (&residuals->skips, g_ptr_array_unref);
  g_clear_pointer (&residuals->middle, hd_tensor_unref);
}

void
hd_unet_block_encode_text (HdContext         *context,
                           const HdUnetBlock *block,
                           const HdTensor    *text,
                           GPtrArray         *keys_values)
{
  for (int j = 0; block->attentions != NULL && j < block->n_layers; j++)
    hd_transformer_encode_text (context, &block->attentions[j], text, keys_values);
}

/* --- what the blocks hand on -------------------------------------------------- */

void
hd_unet_pass_init (HdUnetPass          *pass,
                   HdContext           *context,
                   const HdRauNetTools *rau_net,
                   HdMswMsa            *msw_msa,
                   HdControlResiduals  *control,
                   guint                splits)
{
  const HdRauNetTools off = { .d4_block = HD_NO_BLOCK, .p2_block = HD_NO_BLOCK };

  *pass = (HdUnetPass) {
    .context = context, .rau_net = rau_net != NULL ? *rau_net : off, .msw_msa = msw_msa, .control = control, .splits = splits,
    .skips = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_tensor_unref),
  };
}

void
hd_unet_pass_clear (HdUnetPass *pass)
{
  g_clear_pointer (&pass->time_embedding, hd_tensor_unref);
  g_clear_pointer (&pass->skips, g_ptr_array_unref);
}

/* Small maps are not worth being cut. */
static gboolean
is_large (const HdUnetPass *pass,
          const HdTensor   *x)
{
  return x->batch == 1 && 2 * x->height >= pass->latent_height && 2 * x->width >= pass->latent_width;
}

HdTensor *
hd_unet_pass_resnet (HdUnetPass     *pass,
                     const HdResnet *resnet,
                     HdTensor       *x,
                     HdTensor       *skip)
{
  const HdBands         bands = { .rows = 0 };
  g_auto (HdBandSource) source = { 0 };

  if (x == NULL || (pass->splits & HD_SPLIT_RESNETS) == 0 || !is_large (pass, x))
    return hd_resnet (pass->context, resnet, x, skip, pass->time_embedding);

  source = (HdBandSource) { .x = hd_tensor_ref (x), .skip = hd_tensor_ref (skip) };

  return hd_resnet_in_bands (pass->context, resnet, &source, pass->time_embedding, &bands);
}

HdTensor *
hd_unet_pass_attend (HdUnetPass          *pass,
                     const HdTransformer *attention,
                     const HdTensor      *x,
                     HdMswMsa            *msw_msa)
{
  const HdBands  bands = { .rows = 0 };
  HdTensor      *y = hd_transformer (pass->context, attention, x, pass->keys_values, msw_msa,
                                     (pass->splits & HD_SPLIT_FEED_FORWARD) != 0 ? &bands : NULL);

  pass->keys_values += attention->n_blocks;

  return y;
}

HdTensor *
hd_unet_pass_control (HdUnetPass  *pass,
                      HdTensor    *x,
                      HdTensor   **residual)
{
  g_autoptr (HdTensor) r = g_steal_pointer (residual);

  if (x != NULL && r != NULL && (x->height != r->height || x->width != r->width))
    hd_tensor_take (&r, hd_resize_bicubic (pass->context, r, x->height, x->width));

  return hd_add_scaled (pass->context, x, r, pass->control->strength);
}

void
hd_unet_pass_push_skip (HdUnetPass *pass,
                        HdTensor   *x)
{
  guint      i = pass->n_pushed++;
  HdTensor **residual = pass->control != NULL ? (HdTensor **) &pass->control->skips->pdata[i] : NULL;

  g_ptr_array_add (pass->skips, residual != NULL ? hd_unet_pass_control (pass, x, residual) : hd_tensor_ref (x));
}

static HdTensor *
pop_skip (HdUnetPass *pass)
{
  return g_ptr_array_steal_index (pass->skips, pass->skips->len - 1);
}

static const HdTensor *
peek_skip (const HdUnetPass *pass)
{
  return g_ptr_array_index (pass->skips, pass->skips->len - 1);
}

/* P2: the map is halved, and its size kept for the way up. */
static HdTensor *
pool (HdUnetPass     *pass,
      const HdTensor *x)
{
  if (x != NULL)
    {
      pass->pooled_height = x->height;
      pass->pooled_width = x->width;
    }

  return hd_avg_pool_2x2 (pass->context, x);
}

/* --- down and up -------------------------------------------------------------- */

void
hd_unet_block_down (const HdUnetBlock  *block,
                    HdUnetPass         *pass,
                    int                 i,
                    HdTensor          **x)
{
  HdContext     *context = pass->context;
  HdMswMsa      *windows = hd_msw_msa_in_down_block (pass->msw_msa, i);
  HdConvOptions  plain = { .stride = 2, .padding = 1 };
  HdConvOptions  d4 = { .stride = 4, .padding = 2, .dilation = 2 };

  for (int j = 0; j < block->n_layers; j++)
    {
      hd_tensor_take (x, hd_unet_pass_resnet (pass, &block->resnets[j], *x, NULL));
      if (block->attentions != NULL)
        hd_tensor_take (x, hd_unet_pass_attend (pass, &block->attentions[j], *x, windows));
      if (pass->rau_net.p2_block == i && j == 0)
        hd_tensor_take (x, pool (pass, *x));
      hd_unet_pass_push_skip (pass, *x);
    }

  if (block->sampler.weight != NULL)
    {
      hd_tensor_take (x, hd_conv2d (context, *x, &block->sampler, pass->rau_net.d4_block == i ? &d4 : &plain));
      hd_unet_pass_push_skip (pass, *x);
    }
}

void
hd_unet_block_up (const HdUnetBlock  *block,
                  HdUnetPass         *pass,
                  int                 i,
                  int                 mirror,
                  HdTensor          **x)
{
  HdContext *context = pass->context;
  HdMswMsa  *windows = hd_msw_msa_in_up_block (pass->msw_msa, i);

  for (int j = 0; j < block->n_layers; j++)
    {
      g_autoptr (HdTensor) skip = pop_skip (pass);

      hd_tensor_take (x, hd_unet_pass_resnet (pass, &block->resnets[j], *x, skip));
      if (block->attentions != NULL)
        hd_tensor_take (x, hd_unet_pass_attend (pass, &block->attentions[j], *x, windows));
      if (pass->rau_net.p2_block == mirror && j == 1)
        hd_tensor_take (x, hd_resize_bicubic (context, *x, pass->pooled_height, pass->pooled_width));
    }

  /* To the size of the skip that comes next, whatever the way down made of it. */
  if (block->sampler.weight != NULL)
    hd_tensor_take (x, hd_conv2d (context, *x, &block->sampler,
                                  &(HdConvOptions) { .padding = 1, .upsample_like = peek_skip (pass) }));
}
