/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/image.h"

G_BEGIN_DECLS

/* Canny's edges (A Computational Approach to Edge Detection, 1986), the picture that most ControlNets for edges were
 * trained with. Those were made by OpenCV from 8-bit pictures; so thresholds, roundings and the choice among equal
 * neighbours follow it. */

#define HD_CANNY_LOW  100.0
#define HD_CANNY_HIGH 200.0

/**
 * HdCannyOptions:
 * @low: an edge goes on as long as the gradient is above this: |dx| + |dy| by Sobel's operator on values 0 to 255
 * @high: an edge begins where the gradient is above this
 * @sigma: of the Gaussian blur before, in pixels; 0 for none, as the ControlNets were trained
 *
 * All zero except for the thresholds is what ControlNets expect: %HD_CANNY_LOW and %HD_CANNY_HIGH.
 */
typedef struct
{
  double low;
  double high;
  double sigma;
} HdCannyOptions;

/**
 * hd_canny:
 * @image: a picture of 1 or 3 channels; of several, the one with the steepest gradient counts at each pixel
 * @options: (nullable): %NULL for what ControlNets expect
 *
 * Returns: (transfer full) (nullable): the edges, white on black, a pixel wide, of the same size with 3 channels; %NULL
 *   with %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdImage *hd_canny (const HdImage         *image,
                   const HdCannyOptions  *options,
                   GError               **error);

G_END_DECLS
