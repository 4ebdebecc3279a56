/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"

G_BEGIN_DECLS

/* RAU-Net, the resolution-aware U-Net (arXiv 2311.17528, section 3.2): which of the U-Net's blocks change the
 * feature map's resolution, and in which steps.
 *
 * Two tools, each active for a range of steps:
 *   D4, the resolution-aware downsampler: a downsampler's convolution runs with stride 4 and dilation 2 on its
 *       unchanged weights; the upsampler opposite comes back to the size of the skip it is joined with.
 *   P2, pooling: the map is halved after a down block's first pair of resnet and attention, and comes back by
 *       bicubic interpolation after the second pair of the up block opposite. */

#define HD_NO_BLOCK (-1)

typedef enum
{
  HD_FAMILY_SD1,
  HD_FAMILY_SD2,
  HD_FAMILY_SDXL,
  HD_FAMILY_SDXL_TURBO,
} HdFamily;

/**
 * HdRauNetCase:
 * @family: of the model
 * @inpainting: the model is one for inpainting (9 input channels)
 * @control_net: the run is guided by a ControlNet
 * @sample_size: side of the latents that the model was trained on
 * @latent_height: of this run, in latent pixels
 * @latent_width: of this run
 * @steps: evaluations of the UNet in this run
 * @ratios: (nullable): T1 (D4) and T2 (P2) as shares of the steps in place of the family's
 * @own: (nullable): the user's, in place of both; what is negative is not the user's
 *
 * What RAU-Net's schedule depends on.
 */
typedef struct
{
  HdFamily                   family;
  gboolean                   inpainting;
  gboolean                   control_net;
  int                        sample_size;
  int                        latent_height;
  int                        latent_width;
  int                        steps;
  const HdHiDiffusionRatios *ratios;
  const HdHiDiffusionRatio  *own;
} HdRauNetCase;

/**
 * HdRauNet:
 * @d4_block: index of the down block whose downsampler is D4's
 * @d4_until: the first step without D4
 * @p2_block: index of the down block that pools
 * @p2_from: the first step with P2
 * @p2_until: the first step without it again
 *
 * The schedule of a run.
 */
typedef struct
{
  int d4_block;
  int d4_until;
  int p2_block;
  int p2_from;
  int p2_until;
} HdRauNet;

/**
 * HdRauNetTools:
 * @d4_block: down block whose downsampler is D4's in this step, or %HD_NO_BLOCK
 * @p2_block: down block that pools in this step, or %HD_NO_BLOCK
 */
typedef struct
{
  int d4_block;
  int p2_block;
} HdRauNetTools;

/* The paper's and the authors' schedule for @run: thresholds and ratios of hidiffusion 0.1.10. */
void          hd_rau_net_init (HdRauNet           *rau_net,
                               const HdRauNetCase *run);

/* A schedule without RAU-Net. */
void          hd_rau_net_init_off (HdRauNet *rau_net);

/* What is active in @step, counted from 0. */
HdRauNetTools hd_rau_net_at   (const HdRauNet     *rau_net,
                               int                 step);

/* A number for what a step does, the same for the steps of a phase: hd_context_repeat()'s key of the networks with these
 * tools, with or without a ControlNet. */
guint64       hd_rau_net_key  (const HdRauNetTools *tools,
                               gboolean             control);

G_END_DECLS
