/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/image.h"
#include "engine/pipeline.h"

G_BEGIN_DECLS

#define HD_PREVIEW_MAX_CHANNELS 16

/**
 * HdPreview:
 * @channels: of the latents
 * @matrix: of red, green and blue: the weights of the latents' channels, and a constant
 *
 * What a latent pixel looks like, roughly: a colour that is linear in its channels.
 */
typedef struct
{
  int   channels;
  float matrix[3][HD_PREVIEW_MAX_CHANNELS + 1];
} HdPreview;

/**
 * hd_preview_fit:
 * @side: of the latents to decode, in latent pixels; the device's room for tensors must do for them
 *
 * Finds the colours that fit a VAE best: lets it decode patches of random latents, and solves for the least squares of
 * the differences between what comes out and what is linear in them. Every VAE has its own, so none is written down here.
 */
gboolean hd_preview_fit  (HdPreview        *preview,
                          HdPipeline       *pipeline,
                          int               side,
                          GError          **error);

/**
 * hd_preview_make:
 * @latents: (L, h, w) as hd_pipeline_decode() takes them
 *
 * Returns: (transfer full) (nullable): a picture of @width x @height pixels, one for each of the latents'; %NULL without
 *   memory.
 */
HdImage *hd_preview_make (const HdPreview  *preview,
                          const float      *latents,
                          int               height,
                          int               width);

G_END_DECLS
