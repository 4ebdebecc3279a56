/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * hd_guide:
 * @without: (array length=count): what the UNet predicts for the negative prompt; becomes the guided prediction
 * @with: (array length=count): what it predicts for the prompt
 * @scale: of the guidance; 1 is @with
 * @rescale: how far the result goes back to the standard deviation of @with, 0 not at all to 1 all the way
 * @count: number of elements of one image
 *
 * Classifier-free guidance (arXiv 2207.12598): without + scale (with - without), rescaled against overexposure
 * (arXiv 2305.08891, section 3.4; diffusers' rescale_noise_cfg()).
 */
void hd_guide (float       *without,
               const float *with,
               double       scale,
               double       rescale,
               gsize        count);

G_END_DECLS
