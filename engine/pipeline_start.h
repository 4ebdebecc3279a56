/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline.h"

G_BEGIN_DECLS

/**
 * HdStart:
 * @pixels: h * w
 * @count: L * h * w
 * @clean: (nullable): (L, h, w): latents of the picture that the run starts from
 * @noise: (nullable): (L, h, w): what was added to them
 * @mask: (nullable): (h, w): 1 where the picture is made anew, else 0
 * @extra: (nullable): (1 + L, h, w): what models for inpainting read beside the latents: the mask, and the latents of
 *   the picture without what it marks
 *
 * What a run starts from, and what of it is to stay.
 */
typedef struct
{
  gsize  pixels;
  gsize  count;
  float *clean;
  float *noise;
  float *mask;
  float *extra;

  /*< private >*/
  float *kept;
} HdStart;

/**
 * hd_start_init:
 * @latents: room for (L, h, w): filled with the latents before the first step
 *
 * Encodes the run's picture, if it has one, and draws the noise that the run starts with.
 */
gboolean hd_start_init    (HdStart          *start,
                           HdPipeline       *pipeline,
                           const HdRun      *run,
                           const HdSampler  *sampler,
                           float            *latents,
                           GError          **error);
void     hd_start_clear   (HdStart          *start);

/* Whether hd_start_restore() has anything to do. */
gboolean hd_start_restores (const HdStart    *start);

/* Ordinary models do not know of a mask: before evaluation @k, the latents where the picture stays are put back, at the
 * level of noise that evaluation @k expects. */
void     hd_start_restore (const HdStart    *start,
                           const HdSampler  *sampler,
                           int               k,
                           float            *latents);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HdStart, hd_start_clear)

G_END_DECLS
