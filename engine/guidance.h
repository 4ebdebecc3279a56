/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/ops.h"

G_BEGIN_DECLS

/**
 * hd_guide:
 * @without: (1, H, W, C): what the UNet predicts for the negative prompt
 * @with: the same: what it predicts for the prompt
 * @scale: of the guidance; 1 is @with
 * @rescale: how far the result goes back to the standard deviation of @with, 0 not at all to 1 all the way
 * @guided: (1, H, W, C) in float32: the guided prediction
 *
 * Classifier-free guidance (arXiv 2207.12598): without + scale (with - without), rescaled against overexposure
 * (arXiv 2305.08891, section 3.4; diffusers' rescale_noise_cfg()), for which the host has to see both.
 */
void hd_guide (HdContext      *context,
               const HdTensor *without,
               const HdTensor *with,
               double          scale,
               double          rescale,
               HdTensor       *guided);

G_END_DECLS
