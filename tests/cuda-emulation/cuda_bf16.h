/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/* CUDA's type for the upper half of a float. */
struct __nv_bfloat16
{
  uint16_t bits;
};

static inline float
__bfloat162float (__nv_bfloat16 value)
{
  uint32_t bits = (uint32_t) value.bits << 16;
  float    result;

  memcpy (&result, &bits, sizeof result);
  return result;
}

/* To nearest, ties to even. */
static inline __nv_bfloat16
__float2bfloat16_rn (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return { 0x7fff };

  return { (uint16_t) ((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16) };
}
