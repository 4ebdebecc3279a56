/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/* The rows of a weight, one for each output channel, as the checkpoint has them: converted, stacked from its parts,
 * and folded where a convolution wants that. */

/**
 * HdCpuKernel:
 * @HD_CPU_KERNEL_WHOLE: as it is
 * @HD_CPU_KERNEL_FOLDED: plus 3 y + x, with y and x of #HdCpuFold: a kernel 3 x 3 with equal taps added up
 *
 * What a primitive wants of a weight. Where the convolution's input is enlarged by repeating pixels, neighbouring
 * taps read the same pixel: one tap with the sum of their weights does.
 */
typedef enum
{
  HD_CPU_KERNEL_WHOLE,
  HD_CPU_KERNEL_FOLDED,
  HD_CPU_KERNEL_LAST_FOLDED = HD_CPU_KERNEL_FOLDED + 8,
} HdCpuKernel;

/**
 * HdCpuFold:
 * @HD_CPU_FOLD_FIRST: the first repetition of a pixel: taps (0), (1 + 2); the first reads the pixel before
 * @HD_CPU_FOLD_MIDDLE: neither first nor last: one tap (0 + 1 + 2)
 * @HD_CPU_FOLD_LAST: the last repetition: taps (0 + 1), (2); the second reads the pixel after
 *
 * How three taps fold along one side.
 */
typedef enum
{
  HD_CPU_FOLD_FIRST,
  HD_CPU_FOLD_MIDDLE,
  HD_CPU_FOLD_LAST,
} HdCpuFold;

static inline int
hd_cpu_fold_taps (HdCpuFold fold)
{
  return fold == HD_CPU_FOLD_MIDDLE ? 1 : 2;
}

static inline HdCpuFold
hd_cpu_kernel_fold_y (HdCpuKernel kernel)
{
  return (kernel - HD_CPU_KERNEL_FOLDED) / 3;
}

static inline HdCpuFold
hd_cpu_kernel_fold_x (HdCpuKernel kernel)
{
  return (kernel - HD_CPU_KERNEL_FOLDED) % 3;
}

/* Elements of one row. */
gsize   hd_cpu_rows_elements (const HdWeight *weight, HdCpuKernel kernel);

/* Their type: weight->dtype, but float32 for folded kernels, so that sums are rounded once, when they are packed. */
HdDtype hd_cpu_rows_type     (const HdWeight *weight, HdCpuKernel kernel);

/* Copies the rows [first, first + count) out of weight->parts, or of what was quantised of them. */
void    hd_cpu_rows_copy     (HdCpuContext *cpu, const HdWeight *weight, HdCpuKernel kernel,
                              int first, int count, void *to);

/* @n elements from @first on, of output channel @row of weight->parts, as float32. */
void    hd_cpu_rows_read     (const HdWeight *weight, int row, gsize first, gsize n, float *to);

G_END_DECLS
