/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/**
 * hd_cpu_weight_packed:
 * @weight: a matrix or a convolution's kernel
 * @first: its first output channel to be used
 * @count: output channels to be used; a convolution takes all of them
 * @layout: how the primitive wants them: oneDNN's dimensions (O, I, KH, KW) of a kernel, (I, O) of a matrix
 *
 * The weight's numbers in that layout, rearranged when it is first asked for; later calls with the same layout
 * return the same memory. Few shapes want different layouts of one weight, so all that was packed for earlier
 * operations (cpu->operation) is dropped when another layout of the same channels is packed: memory holds a
 * weight once.
 *
 * Returns: (nullable): the packed numbers, valid until the end of the operation; %NULL with @error set
 */
const void *hd_cpu_weight_packed (HdCpuContext            *cpu,
                                  HdWeight                *weight,
                                  int                      first,
                                  int                      count,
                                  const_dnnl_memory_desc_t layout,
                                  GError                 **error);

G_END_DECLS
