/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>

#include "kernels/host_device.h"

/* Weights in 8 bits: symmetric, with a scale for each output channel, the largest of whose magnitudes becomes 127. So
 * the error of an element is at most half a step, 1/254 of that. Plain arithmetic that every compiler rounds alike: all
 * devices have the same numbers. */

/* The longest row, I * KH * KW, that is quantised; devices have room for one as float32 on the way. */
#define HD_QUANTISE_MAX_ROW (1 << 20)

#define HD_QUANTISE_MOST 127.0f

/* What is smaller is zero: its reciprocal would overflow. */
#define HD_QUANTISE_LEAST 1e-30f

/* What elements are multiplied with to be rounded, from the largest magnitude of their row. */
static inline HD_HOST_DEVICE float
hd_quantise_factor (float largest)
{
  return largest >= HD_QUANTISE_LEAST ? HD_QUANTISE_MOST / largest : 0.0f;
}

/* What whole numbers are multiplied with to be elements. */
static inline HD_HOST_DEVICE float
hd_quantise_scale (float largest)
{
  return largest >= HD_QUANTISE_LEAST ? largest / HD_QUANTISE_MOST : 0.0f;
}

/* An element's whole number; any for what is not a number. */
static inline HD_HOST_DEVICE signed char
hd_quantise (float element,
             float factor)
{
  return (signed char) fmaxf (-HD_QUANTISE_MOST, fminf (HD_QUANTISE_MOST, rintf (element * factor)));
}
