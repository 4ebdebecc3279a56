/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/**
 * HdCpuQuantised:
 * @rows: (O, I * KH * KW), as the checkpoint has them
 * @scales: (O)
 *
 * A weight in 8 bits (kernels/quantise.h). It is unpacked into a primitive's layout by every operation that uses it.
 */
typedef struct
{
  gint8 *rows;
  float *scales;
  gsize  bytes;   /* of both */
} HdCpuQuantised;

/* Quantises weight->parts; FALSE with @error set if there is no memory. */
gboolean              hd_cpu_quantised_init  (HdCpuQuantised *quantised, HdCpuContext *cpu, const HdWeight *weight,
                                              GError **error);
void                  hd_cpu_quantised_clear (HdCpuQuantised *quantised);

/* @n elements from @first on, of output channel @row, as float32. */
void                  hd_cpu_quantised_read  (const HdCpuQuantised *quantised, gsize row_elements, int row,
                                              gsize first, gsize n, float *to);

/* The weight's, or NULL for one that is not in 8 bits (cpu_weight.c). */
const HdCpuQuantised *hd_cpu_weight_quantised (const HdWeight *weight);

G_END_DECLS
