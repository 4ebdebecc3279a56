/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/memory_plan.h"
#include "engine/msw_msa.h"
#include "engine/rau_net.h"
#include "engine/resnet.h"
#include "engine/transformer.h"

G_BEGIN_DECLS

/* A block of the U-Net's down or up path: pairs of resnet and attention, then a resampling convolution. */
typedef struct
{
  HdResnet      *resnets;
  HdTransformer *attentions;  /* NULL in a block without attention */
  int            n_layers;
  HdConv         sampler;     /* empty in the last block of a path */
} HdUnetBlock;

HdResnetShape      hd_unet_resnet_shape      (const HdUnetConfig *config,
                                              int                 in,
                                              int                 out);
HdTransformerShape hd_unet_transformer_shape (const HdUnetConfig *config,
                                              int                 level);

/* Down block @i counts from the top, up block @i from the bottom. */
void               hd_unet_block_load_down   (HdUnetBlock        *block,
                                              HdWeights          *weights,
                                              const HdUnetConfig *config,
                                              int                 i);
void               hd_unet_block_load_up     (HdUnetBlock        *block,
                                              HdWeights          *weights,
                                              const HdUnetConfig *config,
                                              int                 i);
void               hd_unet_block_clear       (HdUnetBlock        *block);

/* Appends the keys and values of the block's cross-attentions; see hd_transformer_encode_text(). */
void               hd_unet_block_encode_text (HdContext          *context,
                                              const HdUnetBlock  *block,
                                              const HdTensor     *text,
                                              GPtrArray          *keys_values);

/**
 * HdControlResiduals:
 * @skips: (element-type HdTensor): what is added to each of the U-Net's skips, (N, h, w, C), in the order in which
 *   the way down makes them
 * @middle: what is added to the middle block's result
 * @strength: what they are multiplied by first
 *
 * What a ControlNet tells a U-Net in one step; see control_net.h.
 */
typedef struct
{
  GPtrArray *skips;
  HdTensor  *middle;
  double     strength;
} HdControlResiduals;

void               hd_control_residuals_clear (HdControlResiduals *residuals);

/**
 * HdUnetPass:
 * @time_embedding: (N, 1, 1, E), after its SiLU
 * @keys_values: of the text, for the next attention
 * @rau_net: what of RAU-Net is active
 * @msw_msa: (nullable): window attention
 * @control: (nullable): residuals for the skips that are still to come; they are given back as they are used
 * @splits: of #HdSplit: what is split to save memory
 * @latent_height: of the latents
 * @latent_width: of the latents
 * @skips: (element-type HdTensor): a stack
 * @n_pushed: skips so far
 * @pooled_height: of the map before P2 pooled it
 * @pooled_width: of the same
 *
 * One evaluation, as it is handed down through the blocks.
 */
typedef struct
{
  HdContext           *context;
  HdTensor            *time_embedding;
  HdTensor    * const *keys_values;
  HdRauNetTools        rau_net;
  HdMswMsa            *msw_msa;
  HdControlResiduals  *control;
  guint                splits;
  int                  latent_height;
  int                  latent_width;
  GPtrArray           *skips;
  guint                n_pushed;
  int                  pooled_height;
  int                  pooled_width;
} HdUnetPass;

void               hd_unet_pass_init         (HdUnetPass          *pass,
                                              HdContext           *context,
                                              const HdRauNetTools *rau_net,
                                              HdMswMsa            *msw_msa,
                                              HdControlResiduals  *control,
                                              guint                splits);
void               hd_unet_pass_clear        (HdUnetPass          *pass);

/* Pushes @x, with the ControlNet's residual if there is one, as a skip. */
void               hd_unet_pass_push_skip    (HdUnetPass         *pass,
                                              HdTensor           *x);

/**
 * hd_unet_pass_control:
 * @residual: (inout) (nullable): a ControlNet's; given back
 *
 * Returns: (transfer full) (nullable): @x plus the residual times its strength; the residual is resized
 *   bicubically where RAU-Net made another size of @x than the ControlNet knows.
 */
HdTensor          *hd_unet_pass_control      (HdUnetPass         *pass,
                                              HdTensor           *x,
                                              HdTensor          **residual);

/* A resnet of a block, or of the middle; @skip may be NULL. */
HdTensor          *hd_unet_pass_resnet       (HdUnetPass          *pass,
                                              const HdResnet      *resnet,
                                              HdTensor            *x,
                                              HdTensor            *skip);

/* The transformer between the pairs of a block, or in the middle. */
HdTensor          *hd_unet_pass_attend       (HdUnetPass          *pass,
                                              const HdTransformer *attention,
                                              const HdTensor      *x,
                                              HdMswMsa            *msw_msa);

/* The way down through block @i, which pushes its skips; replaces *@x. */
void               hd_unet_block_down        (const HdUnetBlock  *block,
                                              HdUnetPass         *pass,
                                              int                 i,
                                              HdTensor          **x);

/* The way up through block @i, which lies opposite the down block @mirror and pops its skips; replaces *@x. */
void               hd_unet_block_up          (const HdUnetBlock  *block,
                                              HdUnetPass         *pass,
                                              int                 i,
                                              int                 mirror,
                                              HdTensor          **x);

G_END_DECLS
