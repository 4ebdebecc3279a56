/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <omp.h>

#include "kernels/cpu/cpu_attention.h"

/* The plan of a call, and its passes. */

/* A tile of scores is to fit the second cache, with its weights; a panel of keys or values the first. */
#define QUERY_BLOCK  128
#define KEY_BLOCK    512
#define MAX_PANEL    64
#define PACKED_BYTES ((gsize) 16 << 20)

/* --- sizes --- */

static int
round_up (int value,
          int multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

static gsize
round_up_bytes (gsize bytes)
{
  return (bytes + 63) / 64 * 64;
}

/* Large blocks are faster, but every thread should get some. */
static int
choose_query_block (const HdCpuAttention *a)
{
  int block = QUERY_BLOCK;

  while (block > 32 && a->problems * ((a->queries + block - 1) / block) < 4 * (gsize) a->cpu->threads)
    block /= 2;

  return MIN (block, a->queries);
}

/* Panels of about one width, since products of few columns are slow: 80 columns are 48 and 32, not 64 and 16. */
static int
choose_panel (int columns,
              int lanes)
{
  int n = (columns + MAX_PANEL - 1) / MAX_PANEL;

  return round_up ((columns + n - 1) / n, lanes);
}

static void
plan_blocks (HdCpuAttention *a)
{
  int lanes = hd_cpu_gemm_lanes (a->cpu);

  a->depth = a->bf16 ? round_up (a->head_size, 2) : a->head_size;
  a->columns = round_up (a->head_size, lanes);
  a->query_block = choose_query_block (a);
  a->key_block = MIN (KEY_BLOCK, round_up (a->keys, HD_CPU_ATTENTION_ROWS));
  a->key_panel = choose_panel (a->key_block, HD_CPU_ATTENTION_ROWS);
  a->value_panel = choose_panel (a->columns, lanes);
  a->n_query_blocks = (a->queries + a->query_block - 1) / a->query_block;
  a->n_key_blocks = (a->keys + a->key_block - 1) / a->key_block;

  /* Rows begin on cache lines; a line more than a power of two keeps them out of each other's way there. */
  a->query_stride = round_up (a->depth, a->bf16 ? 32 : 16);
  a->score_stride = a->key_block + 16;
  a->weight_stride = a->key_block + 32;
}

static void
plan_bytes (HdCpuAttention *a)
{
  gsize size = hd_cpu_attention_element_size (a);
  gsize rows = a->query_block;

  a->key_bytes = round_up_bytes (size * a->depth * round_up (a->key_block, a->key_panel));
  a->value_bytes = round_up_bytes (size * a->key_block * round_up (a->columns, a->value_panel));
  a->state_bytes = round_up_bytes (sizeof (float) * rows * (a->columns + 2));
  a->query_bytes = round_up_bytes (size * rows * a->query_stride);
  a->score_bytes = round_up_bytes (sizeof (float) * rows * a->score_stride);
  a->weight_bytes = a->bf16 ? round_up_bytes (sizeof (guint16) * rows * a->weight_stride) : 0;
  a->row_bytes = round_up_bytes (size * HD_CPU_ATTENTION_ROWS * MAX (a->query_stride, a->columns));
  a->thread_bytes = a->query_bytes + a->score_bytes + a->weight_bytes + a->row_bytes + a->gemm_bytes;
}

static gboolean
plan_scratch (HdCpuAttention  *a,
              GError         **error)
{
  gsize block_bytes = a->key_bytes + a->value_bytes;
  gsize most_bytes = a->cpu->attention_bytes > 0 ? a->cpu->attention_bytes : PACKED_BYTES;
  gsize most_blocks = MAX (most_bytes / block_bytes, 1);
  gsize n_blocks = a->problems * a->n_key_blocks;
  gsize packed_bytes;
  gsize states_bytes;

  if (most_blocks >= (gsize) a->n_key_blocks)
    {
      a->packed_blocks = MIN (n_blocks, most_blocks / a->n_key_blocks * a->n_key_blocks);
      a->n_states = a->cpu->threads;
    }
  else
    {
      a->packed_blocks = most_blocks;
      a->n_states = MIN ((gsize) a->n_query_blocks,
                         MAX (most_bytes / 2 / a->state_bytes, 2 * (gsize) a->cpu->threads));
    }

  packed_bytes = a->packed_blocks * block_bytes;
  states_bytes = a->n_states * a->state_bytes;
  a->packed = hd_cpu_scratch (a->cpu, packed_bytes + states_bytes + a->cpu->threads * a->thread_bytes, error);
  if (a->packed == NULL)
    return FALSE;
  a->states = a->packed + packed_bytes;
  a->threads = a->states + states_bytes;

  return TRUE;
}

/* --- the matrix products --- */

static gboolean
get_gemm (HdCpuAttention        *a,
          const HdCpuGemmShape  *shape,
          const HdCpuGemm      **gemm,
          GError               **error)
{
  *gemm = hd_cpu_gemm_get (a->cpu, shape, error);
  if (*gemm == NULL)
    return FALSE;
  a->gemm_bytes = MAX (a->gemm_bytes, round_up_bytes (hd_cpu_gemm_scratch (*gemm)));

  return TRUE;
}

/* The width of a panel out of @columns columns: of all but the last, or of the last. */
static int
panel_width (int      columns,
             int      panel,
             gboolean last)
{
  return last ? columns - (columns - 1) / panel * panel : MIN (panel, columns);
}

static gboolean
make_gemms (HdCpuAttention  *a,
            GError         **error)
{
  for (int i = 0; i < 8; i++)
    {
      gboolean       last_queries = i & 4;
      gboolean       last_keys = i & 2;
      gboolean       last_panel = i & 1;
      int            rows = hd_cpu_attention_block_queries (a, last_queries ? a->n_query_blocks - 1 : 0);
      int            keys = hd_cpu_attention_block_columns (a, last_keys ? a->n_key_blocks - 1 : 0);
      HdCpuGemmShape scores = {
        .m = rows, .n = panel_width (keys, a->key_panel, last_panel), .k = a->depth,
        .lda = a->query_stride, .ldb = a->key_panel, .ldc = a->score_stride,
        .bf16 = a->bf16, .accumulate = FALSE
      };
      HdCpuGemmShape values = {
        .m = rows, .n = panel_width (a->columns, a->value_panel, last_panel), .k = keys,
        .lda = a->bf16 ? a->weight_stride : a->score_stride, .ldb = a->value_panel, .ldc = a->columns,
        .bf16 = a->bf16, .accumulate = TRUE
      };

      if (!get_gemm (a, &scores, &a->scores[last_queries != 0][last_keys != 0][last_panel != 0], error)
          || !get_gemm (a, &values, &a->values[last_queries != 0][last_keys != 0][last_panel != 0], error))
        return FALSE;
    }

  return TRUE;
}

/* --- the whole --- */

static gboolean
run_pass (const HdCpuAttention      *a,
          const HdCpuAttentionPass  *pass,
          GError                   **error)
{
  gint   cancelled = FALSE;
  gint64 n_blocks = pass->n_problems * pass->n_key_blocks;
  gint64 n_items = pass->n_problems * pass->n_query_blocks;

#pragma omp parallel num_threads (a->cpu->threads)
  {
    int   number = omp_get_thread_num ();
    char *thread = a->threads + number * a->thread_bytes;

#pragma omp for schedule (dynamic)
    for (gint64 i = 0; i < n_blocks; i++)
      if (!hd_context_is_cancelled (&a->cpu->parent))
        hd_cpu_attention_pack (a, pass, i / pass->n_key_blocks, pass->first_key_block + i % pass->n_key_blocks, thread);

#pragma omp for schedule (dynamic)
    for (gint64 i = 0; i < n_items; i++)
      {
        gsize state = pass->n_key_blocks == a->n_key_blocks ? (gsize) number : (gsize) i;

        if (!g_atomic_int_get (&cancelled)
            && !hd_cpu_attention_attend (a, pass, i / pass->n_query_blocks,
                                         pass->first_query_block + i % pass->n_query_blocks, thread,
                                         a->states + state * a->state_bytes))
          g_atomic_int_set (&cancelled, TRUE);
      }

    hd_cpu_gemm_leave ();
  }

  if (cancelled)
    hd_context_set_cancelled_error (error);

  return !cancelled;
}

/* Several problems at once, all keys of each. */
static gboolean
run_groups (const HdCpuAttention  *a,
            GError               **error)
{
  HdCpuAttentionPass pass = { .n_query_blocks = a->n_query_blocks, .n_key_blocks = a->n_key_blocks };
  gsize              group = a->packed_blocks / a->n_key_blocks;

  for (gsize problem = 0; problem < a->problems; problem += group)
    {
      pass.first_problem = problem;
      pass.n_problems = MIN (group, a->problems - problem);
      if (!run_pass (a, &pass, error))
        return FALSE;
    }

  return TRUE;
}

/* One problem after the other, in passes over its keys. */
static gboolean
run_split (const HdCpuAttention  *a,
           GError               **error)
{
  HdCpuAttentionPass pass = { .n_problems = 1 };

  for (gsize problem = 0; problem < a->problems; problem++)
    for (int query = 0; query < a->n_query_blocks; query += a->n_states)
      for (int key = 0; key < a->n_key_blocks; key += a->packed_blocks)
        {
          pass.first_problem = problem;
          pass.first_query_block = query;
          pass.n_query_blocks = MIN ((int) a->n_states, a->n_query_blocks - query);
          pass.first_key_block = key;
          pass.n_key_blocks = MIN ((int) a->packed_blocks, a->n_key_blocks - key);
          if (!run_pass (a, &pass, error))
            return FALSE;
        }

  return TRUE;
}

gboolean
hd_cpu_attention (HdContext                 *context,
                  HdTensor                  *y,
                  const HdTensor            *q,
                  const HdTensor            *k,
                  const HdTensor            *v,
                  const HdAttentionOptions  *options,
                  GError                   **error)
{
  HdCpuAttention a = {
    .cpu = (HdCpuContext *) context, .y = y, .q = q, .k = k, .v = v,
    .window = options->window, .causal = options->causal, .heads = options->heads
  };

  a.windows = options->window == NULL ? 1 : HD_WINDOWS_PER_SIDE * HD_WINDOWS_PER_SIDE;
  a.head_size = q->channels / options->heads;
  a.queries = q->height * q->width / a.windows;
  a.keys = k->height * k->width / a.windows;
  a.problems = (gsize) q->batch * a.windows * a.heads;
  a.bf16 = q->dtype == HD_DTYPE_BF16 && hd_cpu_gemm_has_bf16 (a.cpu);
  a.factor = M_LOG2E / sqrt (a.head_size);

  plan_blocks (&a);
  if (!make_gemms (&a, error))
    return FALSE;
  plan_bytes (&a);
  if (!plan_scratch (&a, error))
    return FALSE;

  return a.packed_blocks >= (gsize) a.n_key_blocks ? run_groups (&a, error) : run_split (&a, error);
}
