/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_winograd_tiles.h"

/* The transforms of HdCpuWinogradTiles on vectors of channels, for the files that compile them for a type: these
 * define Element, load_lanes() and store_lanes() between this and cpu_winograd_loops.h. Kinds are constants wherever
 * these functions are inlined. */

/* Channels of one pixel: one AVX-512 register, two of AVX2. */
typedef float Lanes __attribute__ ((vector_size (4 * HD_CPU_WINOGRAD_LANES), aligned (4), may_alias));

#define HD_INLINE static inline __attribute__ ((always_inline))

#define POINTS    HD_CPU_WINOGRAD_POINTS
#define RESULTS   HD_CPU_WINOGRAD_RESULTS

/* F(4, 3)'s points are 0, +-P, +-Q and infinity. */
#define P 0.75f
#define Q 1.5f

/* B' @x; the elements of @x and @y are @x_step and @y_step apart. */
HD_INLINE void
transform_input (HdCpuWinograd kind,
                 const Lanes  *x,
                 int           x_step,
                 Lanes        *y,
                 int           y_step)
{
  const Lanes a = x[0], b = x[x_step], c = x[2 * x_step];

  if (kind == HD_CPU_WINOGRAD_TWICE)
    {
      y[0] = a - b;
      y[y_step] = b;
      y[2 * y_step] = b - c;
    }
  else if (kind == HD_CPU_WINOGRAD_2)
    {
      y[0] = a - c;
      y[y_step] = b + c;
      y[2 * y_step] = c - b;
      y[3 * y_step] = b - x[3 * x_step];
    }
  else
    {
      const Lanes d = x[3 * x_step], e = x[4 * x_step], f = x[5 * x_step];
      const Lanes even_p = e - Q * Q * c, odd_p = P * (d - Q * Q * b);
      const Lanes even_q = e - P * P * c, odd_q = Q * (d - P * P * b);

      y[0] = P * P * Q * Q * a - (P * P + Q * Q) * c + e;
      y[y_step] = even_p + odd_p;
      y[2 * y_step] = even_p - odd_p;
      y[3 * y_step] = even_q + odd_q;
      y[4 * y_step] = even_q - odd_q;
      y[5 * y_step] = P * P * Q * Q * b - (P * P + Q * Q) * d + f;
    }
}

/* G @w */
HD_INLINE void
transform_weights (HdCpuWinograd kind,
                   const Lanes  *w,
                   int           w_step,
                   Lanes        *y,
                   int           y_step)
{
  const Lanes a = w[0], b = w[w_step], c = w[2 * w_step];

  y[0] = a;
  if (kind == HD_CPU_WINOGRAD_TWICE)
    {
      y[y_step] = a + b + c;
      y[2 * y_step] = c;
    }
  else if (kind == HD_CPU_WINOGRAD_2)
    {
      y[y_step] = 0.5f * (a + c) + 0.5f * b;
      y[2 * y_step] = 0.5f * (a + c) - 0.5f * b;
      y[3 * y_step] = c;
    }
  else
    {
      const float p = 1.0f / (2 * P * P * (P * P - Q * Q)), q = 1.0f / (2 * Q * Q * (Q * Q - P * P));

      y[0] = a * (1.0f / (P * P * Q * Q));
      y[y_step] = p * (a + P * P * c) + p * P * b;
      y[2 * y_step] = p * (a + P * P * c) - p * P * b;
      y[3 * y_step] = q * (a + Q * Q * c) + q * Q * b;
      y[4 * y_step] = q * (a + Q * Q * c) - q * Q * b;
      y[5 * y_step] = c;
    }
}

/* A' @m */
HD_INLINE void
transform_output (HdCpuWinograd kind,
                  const Lanes  *m,
                  int           m_step,
                  Lanes        *y,
                  int           y_step)
{
  const Lanes a = m[0], b = m[m_step], c = m[2 * m_step];

  if (kind == HD_CPU_WINOGRAD_TWICE)
    {
      y[0] = a + b;
      y[y_step] = b - c;
    }
  else if (kind == HD_CPU_WINOGRAD_2)
    {
      y[0] = a + b + c;
      y[y_step] = b - c - m[3 * m_step];
    }
  else
    {
      const Lanes d = m[3 * m_step], e = m[4 * m_step], f = m[5 * m_step];
      const Lanes even_p = b + c, odd_p = b - c;
      const Lanes even_q = d + e, odd_q = d - e;

      y[0] = a + even_p + even_q;
      y[y_step] = P * odd_p + Q * odd_q;
      y[2 * y_step] = P * P * even_p + Q * Q * even_q;
      y[3 * y_step] = P * P * P * odd_p + Q * Q * Q * odd_q + f;
    }
}
