/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_rows.h"

G_BEGIN_DECLS

/**
 * hd_cpu_weight_packed:
 * @weight: a matrix or a convolution's kernel
 * @kernel: what is wanted of it; a folded kernel needs hd_cpu_weight_keep_bytes() before the first use
 * @first: its first output channel to be used
 * @count: output channels to be used; a convolution takes all of them
 * @layout: how the primitive wants them: oneDNN's dimensions (O, I, KH, KW) of a kernel, (I, O) of a matrix
 *
 * The weight's numbers in that layout, rearranged when it is first asked for; later calls with the same layout
 * return the same memory. Few shapes want different layouts of one weight, so all that was packed of these
 * channels for earlier operations (cpu->operation) is dropped when another layout is packed: memory holds a
 * weight once.
 *
 * Returns: (nullable): the packed numbers, valid until the end of the operation; %NULL with @error set
 */
const void *hd_cpu_weight_packed     (HdCpuContext            *cpu,
                                      HdWeight                *weight,
                                      HdCpuKernel              kernel,
                                      int                      first,
                                      int                      count,
                                      const_dnnl_memory_desc_t layout,
                                      GError                 **error);

/**
 * hd_cpu_weight_keep_bytes:
 *
 * Keeps the checkpoint's bytes, which usually are the mapped file, for good: folded kernels are made from them,
 * and what is folded cannot be unfolded.
 *
 * Returns: %FALSE if it is too late, because a packed form has replaced them
 */
gboolean    hd_cpu_weight_keep_bytes (HdWeight *weight);

G_END_DECLS
