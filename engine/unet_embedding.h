/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"
#include "engine/weights.h"

G_BEGIN_DECLS

/* The embedding that every resnet of a U-Net reads (diffusers' time_embedding and add_embedding): of the timestep;
 * in SDXL also of the pooled text and the picture's size; in UNets distilled for few steps also of the guidance
 * scale. */
typedef struct
{
  int      channels;           /* of the timestep's sinusoids */
  HdLinear cond_proj;          /* empty but in LCM's UNets */
  HdLinear linear_1;
  HdLinear linear_2;
  int      guidance_channels;  /* of the guidance scale's sinusoids; 0 without cond_proj */
  HdLinear add_linear_1;       /* empty but in SDXL */
  HdLinear add_linear_2;
  int      size_channels;      /* of the sinusoids of each number of the size; 0 but in SDXL */
} HdUnetEmbedding;

/* Channels of the embedding. */
int       hd_unet_embedding_channels (const HdUnetConfig    *config);

void      hd_unet_embedding_load     (HdUnetEmbedding       *embedding,
                                      HdWeights             *weights,
                                      const HdUnetConfig    *config);
void      hd_unet_embedding_clear    (HdUnetEmbedding       *embedding);

/**
 * hd_unet_embed_size:
 * @pooled: (N, 1, 1, P): the pooled text
 * @time_ids: (array): %HD_UNET_TIME_IDS numbers of each of the N images
 *
 * Returns: (transfer full) (nullable): what SDXL adds to the timestep's embedding, (N, 1, 1, E); the same for all
 *   steps.
 */
HdTensor *hd_unet_embed_size         (HdContext             *context,
                                      const HdUnetEmbedding *embedding,
                                      const HdTensor        *pooled,
                                      const double          *time_ids);

/**
 * hd_unet_embed_guidance:
 * @guidance_scale: that the UNet is to imitate in a single evaluation
 *
 * Returns: (transfer full) (nullable): what LCM's UNets add to the timestep's sinusoids (arXiv 2310.04378,
 *   section 4.2), (@batch, 1, 1, C); the same for all steps.
 */
HdTensor *hd_unet_embed_guidance     (HdContext             *context,
                                      const HdUnetEmbedding *embedding,
                                      double                 guidance_scale,
                                      int                    batch);

/**
 * hd_unet_embed_timestep:
 * @size: (nullable): from hd_unet_embed_size()
 * @guidance: (nullable): from hd_unet_embed_guidance()
 *
 * Returns: (transfer full) (nullable): the embedding after the SiLU that every resnet begins with,
 *   (@batch, 1, 1, E).
 */
HdTensor *hd_unet_embed_timestep     (HdContext             *context,
                                      const HdUnetEmbedding *embedding,
                                      double                 timestep,
                                      int                    batch,
                                      const HdTensor        *size,
                                      const HdTensor        *guidance);

G_END_DECLS
