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

/* The row is read three times, twice of them from the nearest cache: the variance is that of the differences from
 * the mean, so a large mean costs no digits. */
HD_CPU_CLONES static void
normalise_f32 (float       *restrict y,
               const float *restrict x,
               const float *restrict gamma,
               const float *restrict beta,
               float        epsilon,
               int          n)
{
  float sum = 0.0f;
  float squares = 0.0f;
  float mean;
  float scale;

#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < n; i++)
    sum += x[i];
  mean = sum / n;

#pragma omp simd reduction(+ : squares)
  for (int i = 0; i < n; i++)
    squares += (x[i] - mean) * (x[i] - mean);
  scale = 1.0f / sqrtf (squares / n + epsilon);

  for (int i = 0; i < n; i++)
    y[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
}

HD_CPU_CLONES static void
normalise_bf16 (guint16       *restrict y,
                const guint16 *restrict x,
                const float   *restrict gamma,
                const float   *restrict beta,
                float          epsilon,
                int            n)
{
  float sum = 0.0f;
  float squares = 0.0f;
  float mean;
  float scale;

#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < n; i++)
    sum += hd_float_from_bf16 (x[i]);
  mean = sum / n;

#pragma omp simd reduction(+ : squares)
  for (int i = 0; i < n; i++)
    {
      float difference = hd_float_from_bf16 (x[i]) - mean;

      squares += difference * difference;
    }
  scale = 1.0f / sqrtf (squares / n + epsilon);

  for (int i = 0; i < n; i++)
    y[i] = hd_bf16_from_float ((hd_float_from_bf16 (x[i]) - mean) * scale * gamma[i] + beta[i]);
}

static void
normalise_step (gpointer data,
                gint64   index,
                int      thread)
{
  const LayerNorm *norm = data;
  int              channels = norm->x->channels;
  gint64           row = index * norm->step_rows;
  gint64           end = MIN (row + norm->step_rows, norm->rows);

  for (; row < end; row++)
    if (norm->x->dtype == HD_DTYPE_BF16)
      normalise_bf16 ((guint16 *) norm->y->data + row * channels,
                      (const guint16 *) norm->x->data + row * norm->x->pixel_stride,
                      norm->gamma, norm->beta, norm->epsilon, channels);
    else
      normalise_f32 ((float *) norm->y->data + row * channels,
                     (const float *) norm->x->data + row * norm->x->pixel_stride,
                     norm->gamma, norm->beta, norm->epsilon, channels);
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
