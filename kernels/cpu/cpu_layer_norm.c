/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cpu/cpu_parallel.h"
#include "kernels/cpu/cpu_vector.h"

typedef struct
{
  HdTensor       *y;
  const HdTensor *x;
  const float    *gamma;
  const float    *beta;
  float           epsilon;
  gint64          rows;        /* pixels */
  gint64          step_rows;
} LayerNorm;

/* So many rows go through each step together: what one's sums wait for, another's fill. */
#define BLOCK_ROWS 8

/* Rows are read three times, twice of them from cache: the variance is that of the differences from the mean, so a
 * large mean costs no digits. */
#define DEFINE_NORMALISE(name, type, load, store)                                           \
  static inline __attribute__ ((always_inline)) float                                       \
  name ## _sum (const type *restrict x,                                                     \
                int         n)                                                              \
  {                                                                                         \
    float lane[HD_SUM_LANES] = { 0 };                                                       \
    float rest = 0.0f;                                                                      \
    int   i = 0;                                                                            \
                                                                                            \
    for (; i + HD_SUM_LANES <= n; i += HD_SUM_LANES)                                        \
      for (int j = 0; j < HD_SUM_LANES; j++)                                                \
        lane[j] += load (x[i + j]);                                                         \
    for (; i < n; i++)                                                                      \
      rest += load (x[i]);                                                                  \
                                                                                            \
    return hd_sum_lanes (lane) + rest;                                                      \
  }                                                                                         \
                                                                                            \
  static inline __attribute__ ((always_inline)) float                                       \
  name ## _squares (const type *restrict x,                                                 \
                    float       mean,                                                       \
                    int         n)                                                          \
  {                                                                                         \
    float lane[HD_SUM_LANES] = { 0 };                                                       \
    float rest = 0.0f;                                                                      \
    int   i = 0;                                                                            \
                                                                                            \
    for (; i + HD_SUM_LANES <= n; i += HD_SUM_LANES)                                        \
      for (int j = 0; j < HD_SUM_LANES; j++)                                                \
        lane[j] += (load (x[i + j]) - mean) * (load (x[i + j]) - mean);                     \
    for (; i < n; i++)                                                                      \
      rest += (load (x[i]) - mean) * (load (x[i]) - mean);                                  \
                                                                                            \
    return hd_sum_lanes (lane) + rest;                                                      \
  }                                                                                         \
                                                                                            \
  HD_CPU_CLONES static void                                                                 \
  name (type        *restrict y,                                                            \
        const type  *restrict x,                                                            \
        gsize        stride,                                                                \
        int          rows,                                                                  \
        const float *restrict gamma,                                                        \
        const float *restrict beta,                                                         \
        float        epsilon,                                                               \
        int          n)                                                                     \
  {                                                                                         \
    float mean[BLOCK_ROWS];                                                                 \
    float scale[BLOCK_ROWS];                                                                \
                                                                                            \
    for (int row = 0; row < rows; row++)                                                    \
      mean[row] = name ## _sum (x + row * stride, n) / n;                                   \
    for (int row = 0; row < rows; row++)                                                    \
      scale[row] = 1.0f / sqrtf (name ## _squares (x + row * stride, mean[row], n) / n + epsilon); \
                                                                                            \
    for (int row = 0; row < rows; row++, x += stride, y += n)                               \
      for (int i = 0; i < n; i++)                                                           \
        y[i] = store ((load (x[i]) - mean[row]) * scale[row] * gamma[i] + beta[i]);         \
  }

DEFINE_NORMALISE (normalise_f32, float, , )
DEFINE_NORMALISE (normalise_bf16, guint16, hd_float_from_bf16, hd_bf16_from_float)

static void
normalise_step (gpointer data,
                gint64   index,
                int      thread)
{
  const LayerNorm *norm = data;
  int              channels = norm->x->channels;
  gint64           row = index * norm->step_rows;
  gint64           end = MIN (row + norm->step_rows, norm->rows);

  for (; row < end; row += BLOCK_ROWS)
    {
      int rows = MIN (BLOCK_ROWS, end - row);

      if (norm->x->dtype == HD_DTYPE_BF16)
        normalise_bf16 ((guint16 *) norm->y->data + row * channels,
                        (const guint16 *) norm->x->data + row * norm->x->pixel_stride, norm->x->pixel_stride, rows,
                        norm->gamma, norm->beta, norm->epsilon, channels);
      else
        normalise_f32 ((float *) norm->y->data + row * channels,
                       (const float *) norm->x->data + row * norm->x->pixel_stride, norm->x->pixel_stride, rows,
                       norm->gamma, norm->beta, norm->epsilon, channels);
    }
}

gboolean
hd_cpu_layer_norm (HdContext      *context,
                   HdTensor       *y,
                   const HdTensor *x,
                   const HdNorm   *norm,
                   GError        **error)
{
  LayerNorm work = {
    .y = y, .x = x, .gamma = hd_cpu_vector (norm->gamma), .beta = hd_cpu_vector (norm->beta),
    .epsilon = norm->epsilon, .rows = hd_tensor_pixels (x)
  };

  work.step_rows = MAX (HD_CPU_STEP_ELEMENTS / x->channels, 1);

  return hd_cpu_loop ((HdCpuContext *) context, (work.rows + work.step_rows - 1) / work.step_rows,
                      normalise_step, &work, error);
}
