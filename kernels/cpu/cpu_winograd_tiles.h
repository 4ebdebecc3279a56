/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/* Winograd's minimal filtering for kernels of 3 x 3 (arXiv 1509.09308): a tile of the result is
 *
 *   A' [ (G w G') * (B' x B) ] A     (* element by element, ' transposes)
 *
 * where the products, one matrix product over the channels for each element of the transformed tile, are fewer than
 * those of the sum itself.
 */

/**
 * HdCpuWinograd:
 * @HD_CPU_WINOGRAD_2: F(2, 3): 2 results of 4 inputs by 4 products instead of 6. Interpolates at 0, 1, -1 and
 *   infinity; all its factors are 1 but for halves in the weights, so that it is nearly as exact as the sum.
 * @HD_CPU_WINOGRAD_4: F(4, 3): 4 results of 6 inputs by 6 products instead of 12. Interpolates at 0, +-3/4, +-3/2
 *   and infinity, whose powers are exact in binary and whose errors are half of those of the usual 0, +-1, +-2.
 * @HD_CPU_WINOGRAD_TWICE: the 2 results around each pixel of an input that is enlarged to twice its size by
 *   repeating every pixel: F(2, 3) reads (a, b, b, c), one of its four products is of b - b = 0, and three remain.
 *
 * What is done along one side.
 */
typedef enum
{
  HD_CPU_WINOGRAD_2,
  HD_CPU_WINOGRAD_4,
  HD_CPU_WINOGRAD_TWICE,
} HdCpuWinograd;

/* The most points and results along a side. */
#define HD_CPU_WINOGRAD_POINTS  6
#define HD_CPU_WINOGRAD_RESULTS 4

/* Channels come in multiples of this. */
#define HD_CPU_WINOGRAD_LANES   16

/* Inputs that are read, and products that are made. */
static inline int
hd_cpu_winograd_points (HdCpuWinograd kind)
{
  return kind == HD_CPU_WINOGRAD_2 ? 4 : kind == HD_CPU_WINOGRAD_4 ? 6 : 3;
}

static inline int
hd_cpu_winograd_results (HdCpuWinograd kind)
{
  return kind == HD_CPU_WINOGRAD_4 ? 4 : 2;
}

/* Inputs from one tile to the next. */
static inline int
hd_cpu_winograd_step (HdCpuWinograd kind)
{
  return kind == HD_CPU_WINOGRAD_TWICE ? 1 : hd_cpu_winograd_results (kind);
}

/**
 * HdCpuWinogradTiles:
 * @vertical: along the height
 * @horizontal: along the width
 * @input: transforms the @channels of one tile
 *   @pixels: its inputs (points x points), one row of channels each
 *   @stride: elements from a transformed pixel to the next in @to
 * @weights: transforms the kernels from one input channel (bf16: from two) to @channels output channels
 *   @kernels: those to the first HD_CPU_WINOGRAD_LANES output channels, which are innermost, before them the taps
 *     and the input channels
 *   @block: elements to those to the next output channels
 *   @stride: elements from a transformed tap to the next in @to; bf16: the two input channels alternate
 * @output: makes @channels of the results of one tile
 *   @products: floats, @stride from one transformed pixel to the next
 *   @bias: added to all of them
 *   @residual: (nullable): rows (results x results) that are added
 *   @to: the rows (results x results) to be written
 *
 * The transforms of one type of elements. Sums are in float32.
 */
typedef struct
{
  HdCpuWinograd vertical;
  HdCpuWinograd horizontal;
  void (* input)   (const void * const *pixels,
                    int                 channels,
                    void               *to,
                    gsize               stride);
  void (* weights) (const void         *kernels,
                    int                 channels,
                    gsize               block,
                    void               *to,
                    gsize               stride);
  void (* output)  (const float        *products,
                    gsize               stride,
                    int                 channels,
                    const float        *bias,
                    const void * const *residual,
                    void * const       *to);
} HdCpuWinogradTiles;

/**
 * hd_cpu_winograd_tiles_f32:
 * @twice: the input is enlarged to twice its size
 *
 * Returns: 4 x 4 results by 36 products, which is 4 times less than 9 each; @twice: 2 x 2 by 9, which is the same.
 */
const HdCpuWinogradTiles *hd_cpu_winograd_tiles_f32  (gboolean twice);

/**
 * hd_cpu_winograd_tiles_bf16:
 * @twice: the input is enlarged to twice its size
 *
 * For processors with AVX-512 BF16 alone, where it is compiled for them. What is transformed is rounded to bf16. That
 * costs a relative error of 0.4 % for tiles of 2 x 2, 0.7 % for 2 x 4 and 1.3 % for 4 x 4, where rounding the result
 * costs 0.2 %: hence the shape.
 *
 * Returns: 2 x 4 results by 24 products, which is 3 times less than 9 each; @twice: 2 x 2 by 9.
 */
const HdCpuWinogradTiles *hd_cpu_winograd_tiles_bf16 (gboolean twice);

G_END_DECLS
