/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cpu/cpu_attention.h"

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
find_place (const HdCpuAttention *a,
            gsize                 problem)
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
find_run (const HdCpuAttention *a,
          int                   window,
          int                   token,
          int                   count,
          int                  *pixel)
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
load_rows (const HdCpuAttention *a,
           const HdTensor       *x,
           gsize                 first_pixel,
           const Place          *place,
           int                   token,
           int                   count,
           int                   rows,
           int                   stride,
           char                 *to)
{
  gsize row_bytes = stride * hd_cpu_attention_element_size (a);
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
store_rows (const HdCpuAttention *a,
            const Place          *place,
            int                   token,
            int                   count,
            const float          *sums,
            const float          *totals)
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
packed_block (const HdCpuAttention     *a,
              const HdCpuAttentionPass *pass,
              gsize                     slot,
              int                       block)
{
  return a->packed + (slot * pass->n_key_blocks + block - pass->first_key_block) * (a->key_bytes + a->value_bytes);
}

static void
pack_keys (const HdCpuAttention *a,
           const Place          *place,
           int                   token,
           int                   count,
           int                   columns,
           char                 *panels,
           char                 *rows)
{
  for (int i = 0; i < columns; i += HD_CPU_ATTENTION_ROWS)
    {
      load_rows (a, a->k, place->key_pixel, place, token + i, CLAMP (count - i, 0, HD_CPU_ATTENTION_ROWS),
                 HD_CPU_ATTENTION_ROWS, a->query_stride, rows);
      hd_cpu_attention_pack_keys (a->bf16, panels, a->key_panel, i, rows, a->query_stride, a->depth);
    }
}

static void
pack_values_f32 (const HdCpuAttention *a,
                 const Place          *place,
                 int                   token,
                 int                   count,
                 int                   columns,
                 float                *panels,
                 float                *row)
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
pack_values_bf16 (const HdCpuAttention *a,
                  const Place          *place,
                  int                   token,
                  int                   count,
                  int                   columns,
                  guint16              *panels,
                  guint16              *rows)
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

void
hd_cpu_attention_pack (const HdCpuAttention     *a,
                       const HdCpuAttentionPass *pass,
                       gsize                     slot,
                       int                       block,
                       char                     *thread)
{
  Place place = find_place (a, pass->first_problem + slot);
  char *keys = packed_block (a, pass, slot, block);
  char *values = keys + a->key_bytes;
  char *rows = thread + a->query_bytes + a->score_bytes + a->weight_bytes;
  int   token = block * a->key_block;
  int   count = hd_cpu_attention_block_keys (a, block);
  int   columns = hd_cpu_attention_block_columns (a, block);

  pack_keys (a, &place, token, count, columns, keys, rows);
  if (a->bf16)
    pack_values_bf16 (a, &place, token, count, columns, (guint16 *) values, (guint16 *) rows);
  else
    pack_values_f32 (a, &place, token, count, columns, (float *) values, (float *) rows);
}

/* --- the tile --- */

/* One block of keys for one block of queries. */
static void
attend_block (const HdCpuAttention *a,
              int                   query_block,
              int                   key_block,
              const char           *keys,
              const char           *values,
              char                 *thread,
              float                *sums,
              float                *maxima,
              float                *totals)
{
  gsize        size = hd_cpu_attention_element_size (a);
  gboolean     last_queries = query_block == a->n_query_blocks - 1;
  gboolean     last_keys = key_block == a->n_key_blocks - 1;
  int          columns = hd_cpu_attention_block_columns (a, key_block);
  float       *scores = (float *) (thread + a->query_bytes);
  guint16     *weights = a->bf16 ? (guint16 *) (thread + a->query_bytes + a->score_bytes) : NULL;
  char        *scratch = thread + a->thread_bytes - a->gemm_bytes;
  HdCpuSoftmax softmax = {
    .rows = hd_cpu_attention_block_queries (a, query_block), .columns = columns,
    .keys = hd_cpu_attention_block_keys (a, key_block), .causal = a->causal,
    .distance = query_block * a->query_block - key_block * a->key_block,
    .score_stride = a->score_stride, .weight_stride = a->weight_stride,
    .value_columns = a->columns, .factor = a->factor
  };

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

gboolean
hd_cpu_attention_attend (const HdCpuAttention     *a,
                         const HdCpuAttentionPass *pass,
                         gsize                     slot,
                         int                       query_block,
                         char                     *thread,
                         char                     *state)
{
  Place  place = find_place (a, pass->first_problem + slot);
  int    token = query_block * a->query_block;
  int    rows = hd_cpu_attention_block_queries (a, query_block);
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
      if (hd_context_is_cancelled (&a->cpu->parent))
        return FALSE;
      attend_block (a, query_block, block, keys, keys + a->key_bytes, thread, sums, maxima, totals);
    }

  if (end == a->n_key_blocks)
    store_rows (a, &place, token, rows, sums, totals);

  return TRUE;
}
