/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The row functions of attention: what lies between its two matrix products. They run in one thread each.
 *
 * "Computing type": bf16 if @bf16, else float32. Panels of keys and values are laid out as
 * hd_cpu_gemm_panel_index() says, in panels of @panel columns one after the other. */

/* Copies @rows rows of @n elements; bf16 ones become float32 unless @bf16. Zeros follow up to @to_stride. */
void hd_cpu_attention_load (gboolean    bf16,
                            gboolean    from_bf16,
                            void       *to,
                            gsize       to_stride,
                            const void *from,
                            gsize       from_stride,
                            int         rows,
                            int         n);

/* Keys are packed so many at a time. */
#define HD_CPU_ATTENTION_ROWS 16

/* Writes HD_CPU_ATTENTION_ROWS keys of @depth elements of computing type (even for bf16), @row_stride elements
 * apart, as columns @column... of the panels at @panels, @depth rows each. */
void hd_cpu_attention_pack_keys (gboolean    bf16,
                                 void       *panels,
                                 int         panel,
                                 int         column,
                                 const void *keys,
                                 int         row_stride,
                                 int         depth);

/* bf16 weights lie in pairs of one key of the first half of their block and one of the second, since that is how
 * they are computed fastest; a sum does not mind. The values' panels have the same order: values @a and @b (bf16
 * of @columns elements) of the keys @pair and @pair + @rows / 2 become the rows 2 @pair and 2 @pair + 1 of panels
 * of @panel columns and @rows rows. */
void hd_cpu_attention_pack_value_pair (guint16       *panels,
                                       int            panel,
                                       int            rows,
                                       int            pair,
                                       const guint16 *a,
                                       const guint16 *b,
                                       int            columns);

/**
 * HdCpuSoftmax:
 * @rows: rows of scores: queries
 * @columns: columns of scores, a multiple of 16
 * @keys: columns that are keys; the weights of the others become 0
 * @causal: row i has the keys 0 ... @distance + i only, which may be none
 * @distance: how far the first query's place is behind the first key's
 * @score_stride: elements from a row of scores to the next
 * @weight_stride: the same of @weights
 * @value_columns: columns of @sums, a multiple of 8
 * @factor: log2 (e) / sqrt (head size)
 *
 * One step of the online softmax (Milakov and Gimelshein, arXiv 1805.02867; FlashAttention, arXiv 2205.14135).
 */
typedef struct
{
  int      rows;
  int      columns;
  int      keys;
  gboolean causal;
  int      distance;
  int      score_stride;
  int      weight_stride;
  int      value_columns;
  float    factor;
} HdCpuSoftmax;

/* Turns scores into weights 2^(factor score - maximum), in place; raises each row's @maximum to the block's, and
 * scales what the row has so far (@total, the sum of weights, and @sums, the weighted sum of values) to the new
 * one. With @weights (bf16) not NULL they are written there instead, in the order of
 * hd_cpu_attention_pack_value_pair(). */
void hd_cpu_attention_softmax (const HdCpuSoftmax *softmax,
                               float              *scores,
                               guint16            *weights,
                               float              *maximum,
                               float              *total,
                               float              *sums);

/* The results: @rows rows of @n elements of @sums / @totals, as bf16 or float32. */
void hd_cpu_attention_store (gboolean     to_bf16,
                             void        *to,
                             gsize        to_stride,
                             const float *sums,
                             gsize        sums_stride,
                             const float *totals,
                             int          rows,
                             int          n);

G_END_DECLS
