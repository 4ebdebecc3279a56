/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/* Small matrix products within one thread, for operators that keep their intermediate results in cache.
 *
 * C (m x n, float32) = A (m x k) B (k x n), or C += A B. A and C are row-major. B is a panel as
 * hd_cpu_gemm_panel_index() describes. They are oneDNN's micro-kernels where the library has them and the
 * processor is one they support; otherwise, in float32, a loop of our own.
 */

/**
 * HdCpuGemmShape:
 * @m: rows of A and C
 * @n: columns of B and C, a multiple of hd_cpu_gemm_lanes()
 * @k: columns of A, rows of B; even for bf16
 * @lda: elements from a row of A to the next
 * @ldb: columns of B's panel that are stored, >= @n
 * @ldc: elements from a row of C to the next
 * @bf16: A and B are bf16 (hd_cpu_gemm_has_bf16() only), else float32
 * @accumulate: C += A B
 */
typedef struct
{
  int      m;
  int      n;
  int      k;
  int      lda;
  int      ldb;
  int      ldc;
  gboolean bf16;
  gboolean accumulate;
} HdCpuGemmShape;

typedef struct _HdCpuGemm HdCpuGemm;

/* TRUE if there are products of bf16 panels. */
gboolean         hd_cpu_gemm_has_bf16 (HdCpuContext *cpu);

/* float32 numbers in a vector register: what n is to be a multiple of. */
int              hd_cpu_gemm_lanes    (HdCpuContext *cpu);

/* Element (row, column) of B in its panel: row-major for float32; for bf16 the rows 2 i and 2 i + 1 alternate. */
static inline gsize
hd_cpu_gemm_panel_index (gboolean bf16,
                         int      ldb,
                         int      row,
                         int      column)
{
  return bf16 ? ((gsize) (row / 2) * ldb + column) * 2 + row % 2 : (gsize) row * ldb + column;
}

/* The product of @shape, made once and kept in the context. NULL with @error set if oneDNN fails. To be called
 * outside parallel regions. */
const HdCpuGemm *hd_cpu_gemm_get      (HdCpuContext *cpu, const HdCpuGemmShape *shape, GError **error);

/* For the beginning of an operator whose shapes depend on the size of maps: empties the cache if it has grown large. */
void             hd_cpu_gemms_trim    (HdCpuContext *cpu);

/* Bytes that each thread is to give hd_cpu_gemm_run() as @scratch, aligned to 64. */
gsize            hd_cpu_gemm_scratch  (const HdCpuGemm *gemm);

/* Prepares the calling thread for runs of @gemm; before runs of another product this is to be called again. */
void             hd_cpu_gemm_select   (const HdCpuGemm *gemm);

/* Safe in any thread. */
void             hd_cpu_gemm_run      (const HdCpuGemm *gemm, const void *a, const void *b, float *c, void *scratch);

/* Ends a thread's runs. */
void             hd_cpu_gemm_leave    (void);

G_END_DECLS
