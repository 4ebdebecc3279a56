/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sizes of pictures by their shape and by how large they are, for a model that was trained on pictures of a known size. */

/**
 * HdShape:
 * @width: of the ratio: 16 of 16:9
 * @height: of it
 */
typedef struct
{
  int width;
  int height;
} HdShape;

/* The shapes to choose from, from wide to high. *@n: how many */
const HdShape *hd_shapes (gsize *n);

/**
 * HdScale:
 * @HD_SCALE_MODEL: as many pixels as the model's own pictures have
 * @HD_SCALE_1K: the longer side has 1024 pixels
 * @HD_SCALE_2K: 2048
 * @HD_SCALE_4K: 4096
 */
typedef enum
{
  HD_SCALE_MODEL,
  HD_SCALE_1K,
  HD_SCALE_2K,
  HD_SCALE_4K,
  HD_N_SCALES,
} HdScale;

/* Whether the scale is larger than the model's own pictures, which are @native_size squared. */
gboolean hd_scale_is_offered (HdScale        scale,
                              int            native_size);

/**
 * hd_size_preset:
 * @native_size: side in pixels of the square pictures that the model was trained on; > 0
 *
 * Sides are multiples of 8. At the model's own scale they are multiples of what the field's models were trained on, 64 for
 * all but tiny ones, and the area is at most the square's: for SDXL those are sizes of its training's buckets.
 */
void     hd_size_preset      (const HdShape *shape,
                              HdScale        scale,
                              int            native_size,
                              int           *width,
                              int           *height);

/* Whether a size is one of the presets; the shape's index in hd_shapes(). */
gboolean hd_size_preset_find (int            width,
                              int            height,
                              int            native_size,
                              gsize         *shape,
                              HdScale       *scale);

G_END_DECLS
