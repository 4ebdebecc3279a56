/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* Lets the emulated device seem to have @processors processors that do @flops operations a second together, by which
 * work is divided; 0: as it is. */
void test_cuda_pretend (HdContext *context,
                        int        processors,
                        double     flops);

/* What hd_tile_plans() takes to be fastest: the kind of tile (0: large, 1: tall, 2: small, 3: huge), and @parts. */
int  test_cuda_plan    (HdContext *context,
                        int        rows,
                        int        outputs,
                        int        depth,
                        gboolean   gated,
                        int       *parts);

/* How many rows of a product are measured, and into how many parts at most their depth is cut for that. */
int  test_cuda_measured_rows (HdContext *context,
                              int        rows,
                              int        outputs,
                              int        depth,
                              int       *most_parts);

/* hd_tile_parts() */
int  test_cuda_parts   (int        parts,
                        int        rows,
                        int        outputs);

/* Whether the fastest way of computing a product is measured; otherwise, and at first, what should be it is taken. */
void test_cuda_measure (HdContext *context,
                        gboolean   measuring);

/* HdCudaContext.window_shifts; the device's memory is the host's. */
void test_cuda_set_window_shifts (HdContext *context,
                                  const int *shifts);

/* Lets transfers be cut into pieces of @bytes; after the first of them. */
void test_cuda_pretend_staging (HdContext *context,
                                gsize      bytes);

G_END_DECLS
