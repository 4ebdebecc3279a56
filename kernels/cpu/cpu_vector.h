/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_convert.h"

G_BEGIN_DECLS

/* Functions of one element for the inner loops of HD_CPU_CLONES functions, written so that GCC vectorises the
 * loops: no calls, no branches. A NaN stays a NaN: comparisons are written so that it takes the right side.
 *
 * Exponentials are 2^t = 2^n 2^f with n = round (t), |f| <= 1/2. The polynomials are minimax fits of the relative
 * error of 2^f. What would be subnormal is 0, so that no product of it is slow. */

#define HD_LOG2_E 1.44269504088896341f

/* Adding it rounds a float of less than 2^22 to the nearest integer, which stands in the lowest bits then. */
#define HD_ROUNDING_SHIFT 0x1.8p23f

/* 2^@t and what remains to be fitted: f = @t - n. */
static inline float
hd_exp2_split (float  t,
               float *scale)
{
  float shifted = t + HD_ROUNDING_SHIFT;

  *scale = hd_float_from_bits ((hd_bits_from_float (shifted) + 127u) << 23);

  return t - (shifted - HD_ROUNDING_SHIFT);
}

/* 2^@t for t <= 127; relative error below 2e-7. */
static inline float
hd_exp2 (float t)
{
  float scale;
  float f = hd_exp2_split (t < -127.0f ? -127.0f : t, &scale);
  float p = 0.0013276471f;

  p = p * f + 0.009675541f;
  p = p * f + 0.05550713f;
  p = p * f + 0.2402212f;
  p = p * f + 0.69314694f;
  p = p * f + 1.0000001f;

  return p * scale;
}

/* The same for results that are rounded to bf16 next, which has 2^-9 of relative error itself; here it is 1e-4. */
static inline float
hd_exp2_coarse (float t)
{
  float scale;
  float f = hd_exp2_split (t < -127.0f ? -127.0f : t, &scale);
  float p = 0.055171665f;

  p = p * f + 0.24261113f;
  p = p * f + 0.69326097f;
  p = p * f + 0.99992806f;

  return p * scale;
}

/* x * sigmoid (slope x). The exponential is kept finite: beyond, the true values are below 2^-126 x. */
static inline float
hd_times_sigmoid (float x,
                  float slope)
{
  float t = -HD_LOG2_E * slope * x;

  return x / (1.0f + hd_exp2 (t > 126.0f ? 126.0f : t));
}

static inline float
hd_silu (float x)
{
  return hd_times_sigmoid (x, 1.0f);
}

static inline float
hd_quick_gelu (float x)
{
  return hd_times_sigmoid (x, 1.702f);
}

/* The same for results that are rounded to bf16 next. */
static inline float
hd_silu_coarse (float x)
{
  float t = -HD_LOG2_E * x;

  return x / (1.0f + hd_exp2_coarse (t > 126.0f ? 126.0f : t));
}

/* x times the normal distribution function, as torch.nn.GELU. The distribution's tail is
 * exp (-a^2 / 2) q (t), t = 1 / (1 + 0.35 a), a = |x|, with q a minimax fit of the relative error (6e-7). */
static inline float
hd_gelu (float x)
{
  float a = x < 0.0f ? -x : x;
  float t = 1.0f / (1.0f + 0.35f * a);
  float q = 0.048942454f;
  float tail;

  q = q * t - 0.2021193f;
  q = q * t + 0.24064086f;
  q = q * t - 0.017023468f;
  q = q * t + 0.1559615f;
  q = q * t + 0.1333551f;
  q = q * t + 0.14027034f;
  q = q * t - 2.7315578e-05f;
  tail = q * hd_exp2 (-0.5f * HD_LOG2_E * a * a);

  return x * (x < 0.0f ? tail : 1.0f - tail);
}

/* Sums of many elements are kept in so many lanes: two vectors, or more, whose additions do not wait for each
 * other. */
#define HD_SUM_LANES 32

/* Adds the second half of 2 @n lanes to the first. */
static inline __attribute__ ((always_inline)) void
hd_fold_lanes (float *lane,
               int    n)
{
#pragma omp simd
  for (int j = 0; j < n; j++)
    lane[j] += lane[n + j];
}

/* @lane: HD_SUM_LANES sums, which are lost. */
static inline __attribute__ ((always_inline)) float
hd_sum_lanes (float *lane)
{
  hd_fold_lanes (lane, 16);
  hd_fold_lanes (lane, 8);
  hd_fold_lanes (lane, 4);
  hd_fold_lanes (lane, 2);

  return lane[0] + lane[1];
}

G_END_DECLS
