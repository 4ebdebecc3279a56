/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

G_BEGIN_DECLS

/* cuBLASLt, NVIDIA's library of matrix products, which is opened when it is first needed: half a gigabyte that is there
 * where CUDA is installed, or PyTorch (as a Python package), and that nothing depends on. */

typedef struct _HdLt HdLt;

/* How a product is computed. Means something to the version of the library alone that it came from. */
typedef struct
{
  guint64 words[8];
} HdLtAlgorithm;

/**
 * HdLtProduct:
 * @dtype: float16 or bfloat16, of all operands; sums are float32
 * @x: (rows, depth)
 * @weight: (outputs, depth)
 * @bias: (nullable): (outputs)
 * @residual: (nullable): (rows, outputs)
 * @y: (rows, outputs) = x weight^T + bias + residual
 */
typedef struct
{
  HdDtype     dtype;
  int         rows;
  int         outputs;
  int         depth;
  const void *x;
  const void *weight;
  const void *bias;
  const void *residual;
  void       *y;
} HdLtProduct;

/* The most workspace that an algorithm gets. */
#define HD_LT_WORKSPACE ((gsize) 32 << 20)

/**
 * hd_lt_open:
 *
 * Looks for version 13 or 12, the former only with a driver for CUDA 13: as the system's linker does, in CUDA's folder,
 * and among the user's and the system's Python packages. The environment variable HIDIFFUSION_CUBLASLT names one file
 * instead; none if it is empty.
 *
 * Returns: (nullable): the library, ready for @cuda's device, or %NULL, which is no error.
 */
HdLt    *hd_lt_open    (HdCudaContext *cuda);
void     hd_lt_close   (HdLt *lt);

/* As "130002". */
gsize    hd_lt_version (const HdLt *lt);

/**
 * hd_lt_find:
 * @algorithms: (array length=most): filled with algorithms for @product, the most promising first
 *
 * Returns: how many there are; 0 where the library has none.
 */
int      hd_lt_find    (HdLt              *lt,
                        const HdLtProduct *product,
                        HdLtAlgorithm     *algorithms,
                        int                most);

/* Whether the library takes @algorithm for @product, within HD_LT_WORKSPACE. */
gboolean hd_lt_accepts (HdLt                *lt,
                        const HdLtProduct   *product,
                        const HdLtAlgorithm *algorithm);

/* Queues @product. @workspace: HD_LT_WORKSPACE bytes. */
gboolean hd_lt_run     (HdLt                 *lt,
                        HdCudaContext        *cuda,
                        const HdLtProduct    *product,
                        const HdLtAlgorithm  *algorithm,
                        void                 *workspace,
                        GError              **error);

G_END_DECLS
