/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/tensor.h"

G_BEGIN_DECLS

/* Arithmetic on the host in float32, whatever the device: for weights that are changed before a device gets them. */

/* @count elements of @dtype at @from, aligned to the size of one, as float32. */
void        hd_host_to_float    (HdDtype      dtype,
                                 const void  *from,
                                 gsize        count,
                                 float       *to);

/* @count floats as @dtype, rounded to nearest, ties to even; what is too large becomes infinite. */
void        hd_host_from_float  (HdDtype      dtype,
                                 const float *from,
                                 gsize        count,
                                 void        *to);

/* Whether none of @count floats is infinite or not a number. */
gboolean    hd_host_is_finite   (const float *values,
                                 gsize        count);

/**
 * HdLowRank:
 *
 * A matrix (O, N) given as the product of two thin ones, up (O, R) and down (R, N).
 */
typedef struct _HdLowRank HdLowRank;

/**
 * hd_low_rank_new:
 * @rows: O
 * @rank: R
 * @columns: N
 * @up: (O, R), row-major
 * @down: (R, N), row-major
 *
 * Returns: (transfer full): the product, in a form of its own that multiplies fast; %NULL with
 *   %HD_KERNEL_ERROR_NO_MEMORY, or %HD_KERNEL_ERROR_SHAPE if a side is < 1.
 */
HdLowRank  *hd_low_rank_new     (int           rows,
                                 int           rank,
                                 gsize         columns,
                                 const float  *up,
                                 const float  *down,
                                 GError      **error);
void        hd_low_rank_free    (HdLowRank    *product);

/**
 * hd_low_rank_add:
 * @first: the first row of the product
 * @count: rows
 * @to: (@count, N): what the product's rows, times @scale, are added to
 *
 * Sums in float32 over R in its order. Safe in any thread.
 */
void        hd_low_rank_add     (const HdLowRank *product,
                                 float            scale,
                                 int              first,
                                 int              count,
                                 float           *to);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdLowRank, hd_low_rank_free)

/**
 * hd_host_bytes_new:
 * @length: bytes, > 0
 * @purpose: what they are for, for the message, as "the model's weights"
 * @address: where they are, to be written
 *
 * Returns: (transfer full): pages of their own, which go back to the system as soon as they are freed: a heap with
 *   holes would keep them. %NULL with %HD_KERNEL_ERROR_NO_MEMORY.
 */
GBytes     *hd_host_bytes_new   (gsize         length,
                                 const char   *purpose,
                                 void        **address,
                                 GError      **error);

/**
 * HdHostLoopFunc:
 * @index: which step of the loop
 * @thread: number of the calling thread, from 0 on
 *
 * One step: at most some milliseconds of work.
 */
typedef void (* HdHostLoopFunc) (gpointer data,
                                 gint64   index,
                                 int      thread);

/* How many threads there are for @threads that a user asked for: 0 is one per processor. */
int         hd_host_threads     (int             threads);

/* Calls @func for all of 0 ... @n - 1, in no particular order, on at most @threads threads. */
void        hd_host_loop        (int             threads,
                                 gint64          n,
                                 HdHostLoopFunc  func,
                                 gpointer        data);

G_END_DECLS
