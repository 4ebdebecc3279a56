/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_attention_rows.h"
#include "kernels/cpu/cpu_gemm.h"

G_BEGIN_DECLS

/* Exact attention in blocks (FlashAttention, arXiv 2205.14135): a block of queries meets one block of keys after
 * the other, and only that tile of scores ever exists.
 *
 * A "problem" is what attends within itself: one head of one window of one image. Its keys and values are packed
 * for the matrix products once, by all threads; then every block of queries is an item of work of its own, whose
 * result does not depend on which thread takes it. Windows are runs of pixels that are read and written in place
 * (window.h).
 *
 * Packed keys and values are bounded: problems are taken in groups, and a single problem that is too large goes
 * through its keys in several passes, in which its items keep their running sums.
 */

/* One call's plan. */
typedef struct
{
  HdCpuContext   *cpu;
  HdTensor       *y;
  const HdTensor *q;
  const HdTensor *k;
  const HdTensor *v;
  const HdWindow *window;
  gboolean        causal;
  gboolean        bf16;          /* computing type; else float32 */
  float           factor;

  int             heads;
  int             windows;
  int             head_size;
  int             queries;       /* of a problem */
  int             keys;
  gsize           problems;

  int             depth;         /* head size, even for bf16 */
  int             columns;       /* head size in whole vectors */
  int             query_block;
  int             key_block;
  int             key_panel;
  int             value_panel;
  int             n_query_blocks;
  int             n_key_blocks;
  int             query_stride;  /* elements from one loaded query to the next */
  int             score_stride;
  int             weight_stride;

  gsize           key_bytes;     /* of one block of packed keys */
  gsize           value_bytes;
  gsize           state_bytes;   /* of an item's running sums */
  gsize           query_bytes;
  gsize           score_bytes;
  gsize           weight_bytes;
  gsize           row_bytes;     /* for the keys on their way into panels */
  gsize           gemm_bytes;
  gsize           thread_bytes;

  gsize           n_states;
  gsize           packed_blocks; /* blocks of keys that there is room for */
  char           *packed;
  char           *states;
  char           *threads;

  /* By last block of queries, last block of keys, last panel. */
  const HdCpuGemm *scores[2][2][2];
  const HdCpuGemm *values[2][2][2];
} HdCpuAttention;

/* What one parallel region works at. */
typedef struct
{
  gsize first_problem;
  gsize n_problems;
  int   first_query_block;
  int   n_query_blocks;
  int   first_key_block;
  int   n_key_blocks;
} HdCpuAttentionPass;

static inline gsize
hd_cpu_attention_element_size (const HdCpuAttention *a)
{
  return a->bf16 ? sizeof (guint16) : sizeof (float);
}

/* Keys of a block, and the same in whole vectors. */
static inline int
hd_cpu_attention_block_keys (const HdCpuAttention *a,
                             int                   block)
{
  return MIN (a->key_block, a->keys - block * a->key_block);
}

static inline int
hd_cpu_attention_block_columns (const HdCpuAttention *a,
                                int                   block)
{
  int groups = (hd_cpu_attention_block_keys (a, block) + HD_CPU_ATTENTION_ROWS - 1) / HD_CPU_ATTENTION_ROWS;

  return groups * HD_CPU_ATTENTION_ROWS;
}

static inline int
hd_cpu_attention_block_queries (const HdCpuAttention *a,
                                int                   block)
{
  return MIN (a->query_block, a->queries - block * a->query_block);
}

/* Packs the keys and values of block @block of the pass's @slot-th problem; @thread: the calling thread's room. */
void     hd_cpu_attention_pack   (const HdCpuAttention     *a,
                                  const HdCpuAttentionPass *pass,
                                  gsize                     slot,
                                  int                       block,
                                  char                     *thread);

/* Takes a block of queries through the pass's keys. @state: room for its running sums, which are begun with the first
 * keys and whose result is stored after the last; between passes they stay there. FALSE if the context is cancelled. */
gboolean hd_cpu_attention_attend (const HdCpuAttention     *a,
                                  const HdCpuAttentionPass *pass,
                                  gsize                     slot,
                                  int                       query_block,
                                  char                     *thread,
                                  char                     *state);

G_END_DECLS
