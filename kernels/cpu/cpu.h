/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* TRUE if oneDNN multiplies bf16 matrices on this processor in hardware (AVX-512 BF16 or AMX; respects
 * ONEDNN_MAX_CPU_ISA). */
gboolean   hd_cpu_has_bf16 (void);

/**
 * hd_cpu_context_new:
 * @precision: bf16 where the processor has it under %HD_PRECISION_AUTO, else float32. Asking for bf16 works,
 *   slowly, on other processors with AVX-512; on the rest it is an error of %HD_KERNEL_ERROR_UNSUPPORTED, as
 *   float16 is everywhere.
 * @threads: the most threads that operators use; 0: one per processor core that this process may use
 *
 * The CPU device, on oneDNN. The context is to be used from one thread at a time.
 */
HdContext *hd_cpu_context_new (HdPrecision   precision,
                               int           threads,
                               GError      **error);

G_END_DECLS
