/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_attention_rows.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/cpu/cpu_vector.h"

/* --- in and out --- */

#define DEFINE_LOAD(name, to_type, from_type, load)                                         \
  HD_CPU_CLONES static void                                                                 \
  name (to_type         *restrict to,                                                       \
        gsize            to_stride,                                                         \
        const from_type *restrict from,                                                     \
        gsize            from_stride,                                                       \
        int              rows,                                                              \
        int              n)                                                                 \
  {                                                                                         \
    int padding = to_stride - n;                                                            \
                                                                                            \
    for (; rows > 0; rows--, to += to_stride, from += from_stride)                          \
      {                                                                                     \
        for (int i = 0; i < n; i++)                                                         \
          to[i] = load (from[i]);                                                           \
        for (int i = 0; i < padding; i++)                                                   \
          to[n + i] = 0;                                                                    \
      }                                                                                     \
  }

DEFINE_LOAD (load_f32, float, float, )
DEFINE_LOAD (load_bf16, guint16, guint16, )
DEFINE_LOAD (widen, float, guint16, hd_float_from_bf16)

void
hd_cpu_attention_load (gboolean    bf16,
                       gboolean    from_bf16,
                       void       *to,
                       gsize       to_stride,
                       const void *from,
                       gsize       from_stride,
                       int         rows,
                       int         n)
{
  if (bf16)
    load_bf16 (to, to_stride, from, from_stride, rows, n);
  else if (from_bf16)
    widen (to, to_stride, from, from_stride, rows, n);
  else
    load_f32 (to, to_stride, from, from_stride, rows, n);
}

#define DEFINE_STORE(name, type, store)                                                     \
  HD_CPU_CLONES static void                                                                 \
  name (type        *restrict to,                                                           \
        gsize        to_stride,                                                             \
        const float *restrict sums,                                                         \
        gsize        sums_stride,                                                           \
        const float *restrict totals,                                                       \
        int          rows,                                                                  \
        int          n)                                                                     \
  {                                                                                         \
    for (; rows > 0; rows--, to += to_stride, sums += sums_stride, totals++)                \
      {                                                                                     \
        float factor = 1.0f / *totals;                                                      \
                                                                                            \
        for (int i = 0; i < n; i++)                                                         \
          to[i] = store (sums[i] * factor);                                                 \
      }                                                                                     \
  }

DEFINE_STORE (store_f32, float, )
DEFINE_STORE (store_bf16, guint16, hd_bf16_from_float)

void
hd_cpu_attention_store (gboolean     to_bf16,
                        void        *to,
                        gsize        to_stride,
                        const float *sums,
                        gsize        sums_stride,
                        const float *totals,
                        int          rows,
                        int          n)
{
  if (to_bf16)
    store_bf16 (to, to_stride, sums, sums_stride, totals, rows, n);
  else
    store_f32 (to, to_stride, sums, sums_stride, totals, rows, n);
}

/* --- panels --- */

/* Keys become columns: a transposition of 32-bit words, which are float32 elements or pairs of bf16. */
HD_CPU_CLONES static void
transpose_words (guint32       *restrict to,
                 int            to_stride,
                 const guint32 *restrict from,
                 int            from_stride,
                 int            words)
{
  for (int i = 0; i < words; i++)
    for (int j = 0; j < HD_CPU_ATTENTION_ROWS; j++)
      to[(gsize) i * to_stride + j] = from[(gsize) j * from_stride + i];
}

void
hd_cpu_attention_pack_keys (gboolean    bf16,
                            void       *panels,
                            int         panel,
                            int         column,
                            const void *keys,
                            int         row_stride,
                            int         depth)
{
  int      words = bf16 ? depth / 2 : depth;
  guint32 *to = (guint32 *) panels + (gsize) (column / panel) * panel * words + column % panel;

  transpose_words (to, panel, keys, bf16 ? row_stride / 2 : row_stride, words);
}

HD_CPU_CLONES static void
interleave (guint32       *restrict to,
            const guint16 *restrict a,
            const guint16 *restrict b,
            int            n)
{
  for (int i = 0; i < n; i++)
    to[i] = GUINT32_FROM_LE ((guint32) a[i] | (guint32) b[i] << 16);
}

void
hd_cpu_attention_pack_value_pair (guint16       *panels,
                                  int            panel,
                                  int            rows,
                                  int            pair,
                                  const guint16 *a,
                                  const guint16 *b,
                                  int            columns)
{
  for (int column = 0; column < columns; column += panel)
    interleave ((guint32 *) panels + (gsize) column * (rows / 2) + (gsize) pair * panel,
                a + column, b + column, MIN (panel, columns - column));
}

/* --- softmax --- */

#define LANES 16

/* The maxima of two halves of @n numbers each, in the first. */
static inline __attribute__ ((always_inline)) void
fold (float *lane,
      int    n)
{
#pragma omp simd
  for (int j = 0; j < n; j++)
    lane[j] = lane[j + n] > lane[j] ? lane[j + n] : lane[j];
}

static inline __attribute__ ((always_inline)) float
row_maximum (const float *restrict scores,
             int          n)
{
  float lane[LANES];

  memcpy (lane, scores, sizeof lane);
  for (int i = LANES; i < n; i += LANES)
#pragma omp simd
    for (int j = 0; j < LANES; j++)
      lane[j] = scores[i + j] > lane[j] ? scores[i + j] : lane[j];
  fold (lane, 8);
  fold (lane, 4);
  fold (lane, 2);

  return lane[1] > lane[0] ? lane[1] : lane[0];
}

static inline __attribute__ ((always_inline)) float
weigh_f32 (float *restrict scores,
           int    n,
           float  factor,
           float  maximum)
{
  float total = 0.0f;

#pragma omp simd reduction(+ : total)
  for (int i = 0; i < n; i++)
    {
      float weight = hd_exp2 (scores[i] * factor - maximum);

      scores[i] = weight;
      total += weight;
    }

  return total;
}

/* Both halves of the row at once, for the order of weights: 32-bit lanes only, no rearranging. Weights lie between 0
 * and 1 (or are the processor's NaN), so that rounding needs no care. */
static inline __attribute__ ((always_inline)) float
weigh_pair (guint32 *weights,
            float    low,
            float    high,
            float    factor,
            float    maximum)
{
  guint32 low_bits;
  guint32 high_bits;

  low = hd_exp2_coarse (low * factor - maximum);
  high = hd_exp2_coarse (high * factor - maximum);
  low_bits = (hd_bits_from_float (low) + 0x8000u) >> 16;
  high_bits = (hd_bits_from_float (high) + 0x8000u) & 0xffff0000u;
  *weights = GUINT32_TO_LE (low_bits | high_bits);

  return low + high;
}

static inline __attribute__ ((always_inline)) float
weigh_bf16 (const float *restrict scores,
            guint32     *restrict weights,
            int          n,
            float        factor,
            float        maximum)
{
  int   half = n / 2;
  int   whole = half / LANES * LANES;
  float total = 0.0f;

#pragma omp simd reduction(+ : total)
  for (int i = 0; i < whole; i++)
    total += weigh_pair (weights + i, scores[i], scores[half + i], factor, maximum);

  /* Half a vector is left at most: @n is a multiple of LANES. */
  if (half > whole)
    {
#pragma omp simd reduction(+ : total)
      for (int i = 0; i < LANES / 2; i++)
        total += weigh_pair (weights + whole + i, scores[whole + i], scores[half + whole + i], factor, maximum);
    }

  return total;
}

/* No key of the block is this row's. */
static inline void
clear_row (float   *scores,
           guint16 *weights,
           int      n)
{
  if (weights != NULL)
    memset (weights, 0, n * sizeof *weights);
  else
    memset (scores, 0, n * sizeof *scores);
}

HD_CPU_CLONES void
hd_cpu_attention_softmax (const HdCpuSoftmax *softmax,
                          float              *scores,
                          guint16            *weights,
                          float              *maximum,
                          float              *total,
                          float              *sums)
{
  int columns = softmax->columns;

  for (int i = 0; i < softmax->rows; i++)
    {
      float   *row = scores + (gsize) i * softmax->score_stride;
      guint16 *weight_row = weights == NULL ? NULL : weights + (gsize) i * softmax->weight_stride;
      int      valid = softmax->causal ? MIN (softmax->distance + i + 1, softmax->keys) : softmax->keys;
      float    block_maximum;
      float    block_total;
      float    scale;

      if (valid <= 0)
        {
          clear_row (row, weight_row, columns);
          continue;
        }
      for (int j = valid; j < columns; j++)
        row[j] = -G_MAXFLOAT;

      block_maximum = row_maximum (row, columns) * softmax->factor;
      if (!(block_maximum > maximum[i]))
        block_maximum = maximum[i];
      block_total = weights != NULL ? weigh_bf16 (row, (guint32 *) weight_row, columns, softmax->factor, block_maximum)
                                    : weigh_f32 (row, columns, softmax->factor, block_maximum);

      if (block_maximum > maximum[i])
        {
          float *restrict sum = sums + (gsize) i * softmax->value_columns;

          scale = hd_exp2 (maximum[i] - block_maximum);
          for (int j = 0; j < softmax->value_columns; j++)
            sum[j] *= scale;
          total[i] *= scale;
          maximum[i] = block_maximum;
        }
      total[i] += block_total;
    }
}
