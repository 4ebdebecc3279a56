/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/unet.h"

#include <math.h>

/* What is handed down through the blocks of one evaluation. */
typedef struct
{
  HdContext           *context;
  HdTensor            *time_embedding;  /* (N, 1, 1, E), after its SiLU */
  HdTensor           **text;            /* keys and values of the next attention */
  const HdRauNetTools *rau_net;
  HdMswMsa            *msw_msa;
  GPtrArray           *skips;           /* of HdTensor, a stack */
  int                  pooled_height;   /* of the map before P2 pooled it */
  int                  pooled_width;
} Evaluation;

GPtrArray *
hd_unet_encode_text (HdUnet         *unet,
                     const HdTensor *text)
{
  GPtrArray *keys_values = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_tensor_unref);
  int        n_levels = unet->config.n_levels;

  for (int i = 0; i < n_levels; i++)
    for (int j = 0; unet->down_blocks[i].attentions != NULL && j < unet->down_blocks[i].n_layers; j++)
      hd_transformer_encode_text (unet->context, &unet->down_blocks[i].attentions[j], text, keys_values);

  hd_transformer_encode_text (unet->context, &unet->mid_attention, text, keys_values);

  for (int i = 0; i < n_levels; i++)
    for (int j = 0; unet->up_blocks[i].attentions != NULL && j < unet->up_blocks[i].n_layers; j++)
      hd_transformer_encode_text (unet->context, &unet->up_blocks[i].attentions[j], text, keys_values);

  return keys_values;
}

/* The sinusoids of @timestep, cosines first (diffusers' Timesteps with flip_sin_to_cos), through two layers. */
static HdTensor *
embed_timestep (HdUnet *unet,
                double  timestep,
                int     batch)
{
  int                  channels = unet->config.block_out_channels[0];
  int                  half = channels / 2;
  g_autofree float    *sinusoids = g_new0 (float, (gsize) batch * channels);
  g_autoptr (HdTensor) e = NULL;

  for (int n = 0; n < batch; n++)
    for (int i = 0; i < half; i++)
      {
        double angle = timestep * exp (-log (10000.0) * i / half);

        sinusoids[n * channels + i] = (float) cos (angle);
        sinusoids[n * channels + half + i] = (float) sin (angle);
      }

  e = hd_upload_rows (unet->context, hd_context_get_dtype (unet->context), batch, 1, 1, channels, sinusoids);
  hd_tensor_take (&e, hd_linear (unet->context, e, &unet->time_embedding_1,
                                 &(HdLinearOptions) { .activation = HD_ACTIVATION_SILU }));

  /* Every resnet begins with SiLU of the embedding: it is done here, once. */
  return hd_linear (unet->context, e, &unet->time_embedding_2,
                    &(HdLinearOptions) { .activation = HD_ACTIVATION_SILU });
}

static HdTensor *
attend (Evaluation          *evaluation,
        const HdTransformer *attention,
        const HdTensor      *x,
        HdMswMsa            *msw_msa)
{
  HdTensor *y = hd_transformer (evaluation->context, attention, x, evaluation->text, msw_msa);

  evaluation->text += attention->n_blocks;

  return y;
}

static void
push_skip (Evaluation *evaluation,
           HdTensor   *x)
{
  g_ptr_array_add (evaluation->skips, hd_tensor_ref (x));
}

static HdTensor *
pop_skip (Evaluation *evaluation)
{
  return g_ptr_array_steal_index (evaluation->skips, evaluation->skips->len - 1);
}

static const HdTensor *
peek_skip (const Evaluation *evaluation)
{
  return g_ptr_array_index (evaluation->skips, evaluation->skips->len - 1);
}

/* P2: the map is halved, and its size kept for the way up. */
static HdTensor *
pool (Evaluation     *evaluation,
      const HdTensor *x)
{
  if (x != NULL)
    {
      evaluation->pooled_height = x->height;
      evaluation->pooled_width = x->width;
    }

  return hd_avg_pool_2x2 (evaluation->context, x);
}

/* The way down through block @i; replaces *@x. */
static void
go_down (Evaluation        *evaluation,
         const HdUnetBlock *block,
         int                i,
         HdTensor         **x)
{
  HdContext     *context = evaluation->context;
  HdMswMsa      *windows = hd_msw_msa_in_down_block (evaluation->msw_msa, i);
  HdConvOptions  plain = { .stride = 2, .padding = 1 };
  HdConvOptions  d4 = { .stride = 4, .padding = 2, .dilation = 2 };

  for (int j = 0; j < block->n_layers; j++)
    {
      hd_tensor_take (x, hd_resnet (context, &block->resnets[j], *x, NULL, evaluation->time_embedding));
      if (block->attentions != NULL)
        hd_tensor_take (x, attend (evaluation, &block->attentions[j], *x, windows));
      if (evaluation->rau_net->p2_block == i && j == 0)
        hd_tensor_take (x, pool (evaluation, *x));
      push_skip (evaluation, *x);
    }

  if (block->sampler.weight != NULL)
    {
      hd_tensor_take (x, hd_conv2d (context, *x, &block->sampler,
                                    evaluation->rau_net->d4_block == i ? &d4 : &plain));
      push_skip (evaluation, *x);
    }
}

static void
go_through_middle (Evaluation    *evaluation,
                   const HdUnet  *unet,
                   HdTensor     **x)
{
  HdContext *context = evaluation->context;

  hd_tensor_take (x, hd_resnet (context, &unet->mid_resnets[0], *x, NULL, evaluation->time_embedding));
  hd_tensor_take (x, attend (evaluation, &unet->mid_attention, *x, NULL));
  hd_tensor_take (x, hd_resnet (context, &unet->mid_resnets[1], *x, NULL, evaluation->time_embedding));
}

/* The way up through block @i, which lies opposite the down block @mirror; replaces *@x. */
static void
go_up (Evaluation        *evaluation,
       const HdUnetBlock *block,
       int                i,
       int                mirror,
       HdTensor         **x)
{
  HdContext *context = evaluation->context;
  HdMswMsa  *windows = hd_msw_msa_in_up_block (evaluation->msw_msa, i);

  for (int j = 0; j < block->n_layers; j++)
    {
      g_autoptr (HdTensor) skip = pop_skip (evaluation);

      hd_tensor_take (x, hd_resnet (context, &block->resnets[j], *x, skip, evaluation->time_embedding));
      if (block->attentions != NULL)
        hd_tensor_take (x, attend (evaluation, &block->attentions[j], *x, windows));
      if (evaluation->rau_net->p2_block == mirror && j == 1)
        hd_tensor_take (x, hd_resize_bicubic (context, *x, evaluation->pooled_height, evaluation->pooled_width));
    }

  /* To the size of the skip that comes next, whatever the way down made of it. */
  if (block->sampler.weight != NULL)
    hd_tensor_take (x, hd_conv2d (context, *x, &block->sampler,
                                  &(HdConvOptions) { .padding = 1, .upsample_like = peek_skip (evaluation) }));
}

HdTensor *
hd_unet (HdUnet              *unet,
         const HdTensor      *latent,
         double               timestep,
         GPtrArray           *text,
         const HdRauNetTools *rau_net,
         HdMswMsa            *msw_msa)
{
  HdContext             *context = unet->context;
  int                    n_levels = unet->config.n_levels;
  g_autoptr (HdTensor)   time_embedding = NULL;
  g_autoptr (GPtrArray)  skips = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_tensor_unref);
  g_autoptr (HdTensor)   x = NULL;
  Evaluation             evaluation = {
    .context = context, .text = (HdTensor **) text->pdata, .rau_net = rau_net, .msw_msa = msw_msa, .skips = skips,
  };

  time_embedding = embed_timestep (unet, timestep, latent != NULL ? latent->batch : 1);
  evaluation.time_embedding = time_embedding;

  x = hd_conv2d (context, latent, &unet->conv_in, &(HdConvOptions) { .padding = 1 });
  push_skip (&evaluation, x);

  for (int i = 0; i < n_levels; i++)
    go_down (&evaluation, &unet->down_blocks[i], i, &x);

  go_through_middle (&evaluation, unet, &x);

  for (int i = 0; i < n_levels; i++)
    go_up (&evaluation, &unet->up_blocks[i], i, n_levels - 1 - i, &x);

  hd_tensor_take (&x, hd_group_norm (context, x, NULL, &unet->conv_norm_out, HD_ACTIVATION_SILU));

  return hd_conv2d (context, x, &unet->conv_out, &(HdConvOptions) { .padding = 1, .float_result = TRUE });
}

int
hd_unet_count_windowed (const HdUnet   *unet,
                        const HdMswMsa *msw_msa)
{
  const HdUnetBlock *blocks[] = { &unet->down_blocks[msw_msa->down_block], &unet->up_blocks[msw_msa->up_block] };
  int                count = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (blocks); i++)
    for (int j = 0; blocks[i]->attentions != NULL && j < blocks[i]->n_layers; j++)
      count += blocks[i]->attentions[j].n_blocks;

  return count;
}
