/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/image.h"

G_BEGIN_DECLS

/**
 * HdFillPlan:
 * @x: left edge of the rectangle in the picture
 * @y: its top edge
 * @width: of the rectangle in the picture's pixels
 * @height: of the rectangle
 * @working_width: of the rectangle as the model sees it
 * @working_height: of the rectangle as the model sees it
 *
 * Which part of a picture the model sees when it fills a masked part, and at what size.
 */
typedef struct
{
  int x;
  int y;
  int width;
  int height;
  int working_width;
  int working_height;
} HdFillPlan;

/**
 * hd_fill_plan_init:
 * @mask: (H, W, 1): where it is 0, the picture stays
 * @native_size: side in pixels of the pictures that the model was trained on
 * @width: asked for as the working size; 0: as suits
 * @height: asked for as the working size; 0: as suits
 *
 * The rectangle is the mask's, with half its sides again around it as context, and as much more as makes it the size
 * that the model was trained on, as far as the picture goes. What is smaller than that is worked on enlarged.
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_REQUEST if the mask is empty.
 */
gboolean hd_fill_plan_init (HdFillPlan     *plan,
                            const HdImage  *mask,
                            int             native_size,
                            int             width,
                            int             height,
                            GError        **error);

G_END_DECLS
