/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Gaussian noise as PyTorch's CUDA generator draws it, so that a seed means what it means in Automatic1111 ("NV")
 * and stable-diffusion.cpp ("cuda"): Philox 4x32-10 with the seed as key, counter (draw, 0, element, 0), and the
 * first two words of its result through Box and Muller's transform. */

/**
 * hd_noise_fill:
 * @seed: the request's
 * @draw: number of the draw in this run, from 0
 * @values: @count numbers, in the order (C, H, W) whatever the layout that they end up in
 */
void hd_noise_fill  (guint64 seed,
                     guint32 draw,
                     float  *values,
                     gsize   count);

/**
 * hd_noise_shift:
 * @call: number of an attention call in this run
 *
 * Another stream of the same seed: one of four shifts for window attention, with equal odds.
 *
 * Returns: 0 to 3
 */
int  hd_noise_shift (guint64 seed,
                     guint64 call);

G_END_DECLS
