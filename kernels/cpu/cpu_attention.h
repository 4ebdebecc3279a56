/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The row functions of attention: what lies between its two matrix products. They run in one thread each.
 *
 * "Computing type": bf16 if @bf16, else float32. Panels of keys and values are laid out as
 * hd_cpu_gemm_panel_index() says, in panels of @panel columns one after the other. */

/* Copies @n elements; bf16 ones become float32 unless @bf16; @padding zeros follow. */
void hd_cpu_attention_load_row (gboolean    bf16,
                                gboolean    from_bf16,
                                void       *to,
                                const void *from,
                                int         n,
                                int         padding);

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

/* Writes two values, @a and @b (bf16 of @columns elements), as the rows 2 @pair and 2 @pair + 1 of panels of
 * @panel columns and @rows rows. */
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
 * @valid: columns of row 0 that are keys, the rest becomes 0 (may be <= 0: none is)
 * @valid_step: how many more each further row has (1: causal, 0: all the same)
 * @score_stride: elements from a row of scores to the next
 * @weight_stride: the same of @weights
 * @value_columns: columns of @sums, a multiple of 8
 * @factor: log2 (e) / sqrt (head size)
 *
 * One step of the online softmax (Milakov and Gimelshein, arXiv 1805.02867; FlashAttention, arXiv 2205.14135).
 */
typedef struct
{
  int   rows;
  int   columns;
  int   valid;
  int   valid_step;
  int   score_stride;
  int   weight_stride;
  int   value_columns;
  float factor;
} HdCpuSoftmax;

/* Turns scores into weights 2^(factor score - maximum), in place; raises each row's @maximum to the block's, and
 * scales what the row has so far (@total, the sum of weights, and @sums, the weighted sum of values) to the new
 * one. With @weights (bf16) not NULL they are written there instead. */
void hd_cpu_attention_softmax (const HdCpuSoftmax *softmax,
                               float              *scores,
                               guint16            *weights,
                               float              *maximum,
                               float              *total,
                               float              *sums);

/* The result's row: @sums / @total, @n elements, as bf16 or float32. */
void hd_cpu_attention_store_row (gboolean     to_bf16,
                                 void        *to,
                                 const float *sums,
                                 float        total,
                                 int          n);

G_END_DECLS
