/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <omp.h>

#include "kernels/cpu/cpu_attention.h"
#include "kernels/cpu/cpu_gemm.h"

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

#define QUERY_BLOCK      128
#define KEY_BLOCK        512
#define MAX_PANEL        64
#define PACKED_BYTES     ((gsize) 16 << 20)

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
} Attention;

/* What one parallel region works at. */
typedef struct
{
  gsize first_problem;
  gsize n_problems;
  int   first_query_block;
  int   n_query_blocks;
  int   first_key_block;
  int   n_key_blocks;
} Pass;

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

static gsize
element_size (const Attention *a)
{
  return a->bf16 ? sizeof (guint16) : sizeof (float);
}

/* Keys of a block, and the same in whole vectors. */
static int
block_keys (const Attention *a,
            int              block)
{
  return MIN (a->key_block, a->keys - block * a->key_block);
}

static int
block_key_columns (const Attention *a,
                   int              block)
{
  return round_up (block_keys (a, block), HD_CPU_ATTENTION_ROWS);
}

static int
block_queries (const Attention *a,
               int              block)
{
  return MIN (a->query_block, a->queries - block * a->query_block);
}

/* Large blocks are faster, but every thread should get some. */
static int
choose_query_block (const Attention *a)
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
plan_blocks (Attention *a)
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
plan_bytes (Attention *a)
{
  gsize size = element_size (a);
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
plan_scratch (Attention *a,
              GError   **error)
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
get_gemm (Attention            *a,
          const HdCpuGemmShape *shape,
          const HdCpuGemm     **gemm,
          GError              **error)
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
make_gemms (Attention *a,
            GError   **error)
{
  for (int i = 0; i < 8; i++)
    {
      gboolean       last_queries = i & 4;
      gboolean       last_keys = i & 2;
      gboolean       last_panel = i & 1;
      int            rows = block_queries (a, last_queries ? a->n_query_blocks - 1 : 0);
      int            keys = block_key_columns (a, last_keys ? a->n_key_blocks - 1 : 0);
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

/* --- tokens and pixels --- */

/* Where a problem's rows lie. */
typedef struct
{
  gsize pixel;     /* its image's first */
  gsize key_pixel;
  int   window;
  int   channel;   /* its head's first */
} Place;

static Place
find_place (const Attention *a,
            gsize            problem)
{
  gsize image = problem / ((gsize) a->windows * a->heads);
  Place place = {
    .pixel = image * a->q->height * a->q->width,
    .key_pixel = image * a->k->height * a->k->width,
    .window = problem / a->heads % a->windows,
    .channel = problem % a->heads * a->head_size
  };

  return place;
}

/* Returns how many of the tokens from @token on, @count at most, lie side by side from @pixel on. */
static int
find_run (const Attention *a,
          int              window,
          int              token,
          int              count,
          int             *pixel)
{
  const HdWindow *map = a->window;
  int             column;
  int             x;

  if (map == NULL)
    {
      *pixel = token;
      return count;
    }

  column = token % map->window_width;
  x = hd_window_x (map, window % HD_WINDOWS_PER_SIDE, column);
  *pixel = hd_window_y (map, window / HD_WINDOWS_PER_SIDE, token / map->window_width) * map->width + x;

  return MIN (count, MIN (map->window_width - column, map->width - x));
}

static char *
element (const HdTensor *x,
         gsize           pixel,
         int             channel)
{
  return (char *) x->data + (pixel * x->pixel_stride + channel) * hd_dtype_size (x->dtype);
}

/* Loads the tokens [@token, @token + @count) as rows of @stride elements of computing type, zeros behind
 * @head_size and behind the last token up to @rows. */
static void
load_rows (const Attention *a,
           const HdTensor  *x,
           gsize            first_pixel,
           const Place     *place,
           int              token,
           int              count,
           int              rows,
           int              stride,
           char            *to)
{
  gsize row_bytes = stride * element_size (a);
  int   pixel;
  int   run;

  for (int done = 0; done < count; done += run)
    {
      run = find_run (a, place->window, token + done, count - done, &pixel);
      hd_cpu_attention_load (a->bf16, x->dtype == HD_DTYPE_BF16, to + done * row_bytes, stride,
                             element (x, first_pixel + pixel, place->channel), x->pixel_stride, run, a->head_size);
    }
  if (rows > count)
    memset (to + count * row_bytes, 0, (rows - count) * row_bytes);
}

static void
store_rows (const Attention *a,
            const Place     *place,
            int              token,
            int              count,
            const float     *sums,
            const float     *totals)
{
  int pixel;
  int run;

  for (int done = 0; done < count; done += run)
    {
      run = find_run (a, place->window, token + done, count - done, &pixel);
      hd_cpu_attention_store (a->y->dtype == HD_DTYPE_BF16, element (a->y, place->pixel + pixel, place->channel),
                              a->y->pixel_stride, sums + (gsize) done * a->columns, a->columns, totals + done,
                              run, a->head_size);
    }
}

/* --- packing --- */

/* Block @block of the @slot-th problem's packed keys; its values follow. */
static char *
packed_block (const Attention *a,
              const Pass      *pass,
              gsize            slot,
              int              block)
{
  return a->packed + (slot * pass->n_key_blocks + block - pass->first_key_block) * (a->key_bytes + a->value_bytes);
}

static void
pack_keys (const Attention *a,
           const Place     *place,
           int              token,
           int              count,
           int              columns,
           char            *panels,
           char            *rows)
{
  for (int i = 0; i < columns; i += HD_CPU_ATTENTION_ROWS)
    {
      load_rows (a, a->k, place->key_pixel, place, token + i, CLAMP (count - i, 0, HD_CPU_ATTENTION_ROWS),
                 HD_CPU_ATTENTION_ROWS, a->query_stride, rows);
      hd_cpu_attention_pack_keys (a->bf16, panels, a->key_panel, i, rows, a->query_stride, a->depth);
    }
}

static void
pack_values_f32 (const Attention *a,
                 const Place     *place,
                 int              token,
                 int              count,
                 int              columns,
                 float           *panels,
                 float           *row)
{
  for (int i = 0; i < columns; i++)
    {
      load_rows (a, a->v, place->key_pixel, place, token + i, i < count, 1, a->columns, (char *) row);
      for (int column = 0; column < a->columns; column += a->value_panel)
        memcpy (panels + (gsize) column * columns + (gsize) i * a->value_panel, row + column,
                MIN (a->value_panel, a->columns - column) * sizeof (float));
    }
}

static void
pack_values_bf16 (const Attention *a,
                  const Place     *place,
                  int              token,
                  int              count,
                  int              columns,
                  guint16         *panels,
                  guint16         *rows)
{
  enum { PAIRS = HD_CPU_ATTENTION_ROWS / 2 };
  int      half = columns / 2;
  guint16 *second = rows + (gsize) PAIRS * a->columns;

  for (int i = 0; i < half; i += PAIRS)
    {
      load_rows (a, a->v, place->key_pixel, place, token + i, CLAMP (count - i, 0, PAIRS), PAIRS,
                 a->columns, (char *) rows);
      load_rows (a, a->v, place->key_pixel, place, token + half + i, CLAMP (count - half - i, 0, PAIRS), PAIRS,
                 a->columns, (char *) second);
      for (int j = 0; j < PAIRS; j++)
        hd_cpu_attention_pack_value_pair (panels, a->value_panel, columns, i + j, rows + (gsize) j * a->columns,
                                          second + (gsize) j * a->columns, a->columns);
    }
}

static void
pack_block (const Attention *a,
            const Pass      *pass,
            gsize            slot,
            int              block,
            char            *thread)
{
  Place place = find_place (a, pass->first_problem + slot);
  char *keys = packed_block (a, pass, slot, block);
  char *values = keys + a->key_bytes;
  char *rows = thread + a->query_bytes + a->score_bytes + a->weight_bytes;
  int   token = block * a->key_block;
  int   count = block_keys (a, block);
  int   columns = block_key_columns (a, block);

  pack_keys (a, &place, token, count, columns, keys, rows);
  if (a->bf16)
    pack_values_bf16 (a, &place, token, count, columns, (guint16 *) values, (guint16 *) rows);
  else
    pack_values_f32 (a, &place, token, count, columns, (float *) values, (float *) rows);
}

/* --- the tile --- */

/* One block of keys for one block of queries. */
static void
attend_block (const Attention *a,
              int              query_block,
              int              key_block,
              const char      *keys,
              const char      *values,
              char            *thread,
              float           *sums,
              float           *maxima,
              float           *totals)
{
  gsize        size = element_size (a);
  gboolean     last_queries = query_block == a->n_query_blocks - 1;
  gboolean     last_keys = key_block == a->n_key_blocks - 1;
  int          columns = block_key_columns (a, key_block);
  float       *scores = (float *) (thread + a->query_bytes);
  guint16     *weights = a->bf16 ? (guint16 *) (thread + a->query_bytes + a->score_bytes) : NULL;
  char        *scratch = thread + a->thread_bytes - a->gemm_bytes;
  HdCpuSoftmax softmax = {
    .rows = block_queries (a, query_block), .columns = columns,
    .valid = block_keys (a, key_block), .valid_step = 0,
    .score_stride = a->score_stride, .weight_stride = a->weight_stride,
    .value_columns = a->columns, .factor = a->factor
  };

  if (a->causal)
    {
      softmax.valid = query_block * a->query_block - key_block * a->key_block + 1;
      softmax.valid_step = 1;
    }

  for (int column = 0; column < columns; column += a->key_panel)
    {
      const HdCpuGemm *gemm = a->scores[last_queries][last_keys][column + a->key_panel >= columns];

      if (column == 0 || column + a->key_panel >= columns)
        hd_cpu_gemm_select (gemm);
      hd_cpu_gemm_run (gemm, thread, keys + (gsize) column * a->depth * size, scores + column, scratch);
    }

  hd_cpu_attention_softmax (&softmax, scores, weights, maxima, totals, sums);

  for (int column = 0; column < a->columns; column += a->value_panel)
    {
      const HdCpuGemm *gemm = a->values[last_queries][last_keys][column + a->value_panel >= a->columns];

      if (column == 0 || column + a->value_panel >= a->columns)
        hd_cpu_gemm_select (gemm);
      hd_cpu_gemm_run (gemm, a->bf16 ? (const void *) weights : scores, values + (gsize) column * columns * size,
                       sums + column, scratch);
    }
}

/* One block of queries against the pass's keys. */
static void
attend (const Attention *a,
        const Pass      *pass,
        gsize            slot,
        int              query_block,
        char            *thread,
        char            *state,
        gint            *cancelled)
{
  Place  place = find_place (a, pass->first_problem + slot);
  int    token = query_block * a->query_block;
  int    rows = block_queries (a, query_block);
  int    end = pass->first_key_block + pass->n_key_blocks;
  float *sums = (float *) state;
  float *maxima = sums + (gsize) a->query_block * a->columns;
  float *totals = maxima + a->query_block;

  load_rows (a, a->q, place.pixel, &place, token, rows, rows, a->query_stride, thread);
  if (pass->first_key_block == 0)
    {
      memset (state, 0, a->state_bytes);
      for (int i = 0; i < rows; i++)
        maxima[i] = -INFINITY;
    }

  for (int block = pass->first_key_block; block < end; block++)
    {
      const char *keys = packed_block (a, pass, slot, block);

      if (a->causal && block * a->key_block >= token + rows)
        break;
      if (g_atomic_int_get (cancelled) || hd_context_is_cancelled (&a->cpu->parent))
        {
          g_atomic_int_set (cancelled, TRUE);
          return;
        }
      attend_block (a, query_block, block, keys, keys + a->key_bytes, thread, sums, maxima, totals);
    }

  if (end == a->n_key_blocks)
    store_rows (a, &place, token, rows, sums, totals);
}

/* --- the whole --- */

static gboolean
run_pass (const Attention *a,
          const Pass      *pass,
          GError         **error)
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
      if (!g_atomic_int_get (&cancelled))
        {
          pack_block (a, pass, i / pass->n_key_blocks, pass->first_key_block + i % pass->n_key_blocks, thread);
          if (hd_context_is_cancelled (&a->cpu->parent))
            g_atomic_int_set (&cancelled, TRUE);
        }

#pragma omp for schedule (dynamic)
    for (gint64 i = 0; i < n_items; i++)
      {
        gsize state = pass->n_key_blocks == a->n_key_blocks ? (gsize) number : (gsize) i;

        if (!g_atomic_int_get (&cancelled))
          attend (a, pass, i / pass->n_query_blocks, pass->first_query_block + i % pass->n_query_blocks, thread,
                  a->states + state * a->state_bytes, &cancelled);
      }

    hd_cpu_gemm_leave ();
  }

  if (cancelled)
    hd_context_set_cancelled_error (error);

  return !cancelled;
}

/* Several problems at once, all keys of each. */
static gboolean
run_groups (const Attention *a,
            GError         **error)
{
  Pass  pass = { .n_query_blocks = a->n_query_blocks, .n_key_blocks = a->n_key_blocks };
  gsize group = a->packed_blocks / a->n_key_blocks;

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
run_split (const Attention *a,
           GError         **error)
{
  Pass pass = { .n_problems = 1 };

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
hd_cpu_attention (HdContext                *context,
                  HdTensor                 *y,
                  const HdTensor           *q,
                  const HdTensor           *k,
                  const HdTensor           *v,
                  const HdAttentionOptions *options,
                  GError                  **error)
{
  Attention a = {
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
