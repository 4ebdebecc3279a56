/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/resnet.h"

G_BEGIN_DECLS

#define HD_VAE_NORM_EPSILON 1e-6f

/* The middle of the VAE's encoder and of its decoder: two resnets, between them attention with one head over all
 * pixels (diffusers' UNetMidBlock2D). */
typedef struct
{
  HdResnet resnets[2];
  HdNorm   group_norm;  /* this and the next two: empty if the VAE has no attention */
  HdLinear to_qkv;
  HdLinear to_out;
  int      channels;
} HdVaeMiddle;

/* The shape of a resnet of the VAE. */
HdResnetShape hd_vae_resnet_shape (const HdVaeConfig *config,
                                   int                in,
                                   int                out);

/* Asks @weights for the block NAME.mid_block, @name being "encoder" or "decoder". */
void          hd_vae_middle_load  (HdVaeMiddle       *middle,
                                   HdWeights         *weights,
                                   const HdVaeConfig *config,
                                   const char        *name);
void          hd_vae_middle_clear (HdVaeMiddle       *middle);

/**
 * hd_vae_middle:
 * @x: (N, h, w, C); replaced by the block's result, of the same shape
 */
void          hd_vae_middle       (HdContext         *context,
                                   const HdVaeMiddle *middle,
                                   HdTensor         **x);

G_END_DECLS
