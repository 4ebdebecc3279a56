/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/weights.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* The residual block of UNet and VAE (diffusers' ResnetBlock2D). */
typedef struct
{
  HdNorm   norm1;
  HdConv   conv1;
  HdLinear time_emb_proj;  /* empty in the VAE */
  HdNorm   norm2;
  HdConv   conv2;
  HdLinear conv_shortcut;  /* 1x1; empty where the number of channels stays */
} HdResnet;

/**
 * HdResnetShape:
 * @in: input channels, a skip's included
 * @out: output channels
 * @time_embedding: width of the timestep's embedding; 0: none
 * @groups: of both GroupNorms
 * @epsilon: of both GroupNorms
 */
typedef struct
{
  int   in;
  int   out;
  int   time_embedding;
  int   groups;
  float epsilon;
} HdResnetShape;

/* Asks @weights for the block called @name. */
void      hd_resnet_load  (HdResnet            *resnet,
                           HdWeights           *weights,
                           const HdResnetShape *shape,
                           const char          *name);
void      hd_resnet_clear (HdResnet            *resnet);

/**
 * hd_resnet:
 * @x: (N, H, W, C)
 * @skip: (nullable): (N, H, W, C2), read as if it were concatenated to @x
 * @time_embedding: (nullable): (N, 1, 1, E), after its SiLU
 *
 * Returns: (N, H, W, O).
 */
HdTensor *hd_resnet       (HdContext           *context,
                           const HdResnet      *resnet,
                           const HdTensor      *x,
                           const HdTensor      *skip,
                           const HdTensor      *time_embedding);

G_END_DECLS
