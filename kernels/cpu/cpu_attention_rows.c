/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_attention.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/cpu/cpu_vector.h"

/* --- in and out --- */

HD_CPU_CLONES static void
widen_row (float         *restrict to,
           const guint16 *restrict from,
           int            n)
{
  for (int i = 0; i < n; i++)
    to[i] = hd_float_from_bf16 (from[i]);
}

void
hd_cpu_attention_load_row (gboolean    bf16,
                           gboolean    from_bf16,
                           void       *to,
                           const void *from,
                           int         n,
                           int         padding)
{
  gsize size = bf16 ? sizeof (guint16) : sizeof (float);

  if (from_bf16 && !bf16)
    widen_row (to, from, n);
  else
    memcpy (to, from, n * size);
  memset ((char *) to + n * size, 0, padding * size);
}

HD_CPU_CLONES static void
store_bf16 (guint16     *restrict to,
            const float *restrict sums,
            float        factor,
            int          n)
{
  for (int i = 0; i < n; i++)
    to[i] = hd_bf16_from_float (sums[i] * factor);
}

HD_CPU_CLONES static void
store_f32 (float       *restrict to,
           const float *restrict sums,
           float        factor,
           int          n)
{
  for (int i = 0; i < n; i++)
    to[i] = sums[i] * factor;
}

void
hd_cpu_attention_store_row (gboolean     to_bf16,
                            void        *to,
                            const float *sums,
                            float        total,
                            int          n)
{
  if (to_bf16)
    store_bf16 (to, sums, 1.0f / total, n);
  else
    store_f32 (to, sums, 1.0f / total, n);
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

static inline __attribute__ ((always_inline)) float
row_maximum (const float *restrict scores,
             int          n)
{
  float lane[LANES];
  float maximum;

  for (int j = 0; j < LANES; j++)
    lane[j] = scores[j];
  for (int i = LANES; i < n; i += LANES)
    for (int j = 0; j < LANES; j++)
      lane[j] = scores[i + j] > lane[j] ? scores[i + j] : lane[j];

  maximum = lane[0];
  for (int j = 1; j < LANES; j++)
    maximum = lane[j] > maximum ? lane[j] : maximum;

  return maximum;
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

/* Weights lie between 0 and 1 (or are the processor's NaN), so that rounding needs no care. */
static inline __attribute__ ((always_inline)) float
weigh_bf16 (const float *restrict scores,
            guint16     *restrict weights,
            int          n,
            float        factor,
            float        maximum)
{
  float total = 0.0f;

#pragma omp simd reduction(+ : total)
  for (int i = 0; i < n; i++)
    {
      float weight = hd_exp2_coarse (scores[i] * factor - maximum);

      weights[i] = (guint16) ((hd_bits_from_float (weight) + 0x8000u) >> 16);
      total += weight;
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
      int      valid = MIN (softmax->valid + i * softmax->valid_step, columns);
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
      block_total = weights != NULL ? weigh_bf16 (row, weight_row, columns, softmax->factor, block_maximum)
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
