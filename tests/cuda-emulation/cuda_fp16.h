/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/* CUDA's type for IEEE 754 binary16. */
struct __half
{
  uint16_t bits;
};

static inline float
__half2float (__half value)
{
  uint32_t sign = (uint32_t) (value.bits & 0x8000u) << 16;
  uint32_t exponent = value.bits >> 10 & 0x1fu;
  uint32_t fraction = value.bits & 0x3ffu;
  uint32_t bits;
  float    result;

  if (exponent == 0x1f)
    bits = sign | 0x7f800000u | fraction << 13;
  else if (exponent != 0)
    bits = sign | (exponent + 112) << 23 | fraction << 13;
  else
    {
      result = (float) fraction * 0x1p-24f;
      return sign != 0 ? -result : result;
    }

  memcpy (&result, &bits, sizeof result);
  return result;
}

/* To nearest, ties to even. */
static inline __half
__float2half_rn (float value)
{
  uint32_t bits;
  uint32_t sign;
  uint32_t rounded;

  memcpy (&bits, &value, sizeof bits);
  sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;

  if (bits > 0x7f800000u)
    return { (uint16_t) (sign | 0x7fffu) };
  if (bits >= 0x477ff000u)
    return { (uint16_t) (sign | 0x7c00u) };
  if (bits < 0x38800000u)
    {
      /* Below the normal numbers: the sum's last digit is worth 2^-24. */
      float magnitude;

      memcpy (&magnitude, &bits, sizeof magnitude);
      magnitude += 0.5f;
      memcpy (&rounded, &magnitude, sizeof rounded);
      return { (uint16_t) (sign | (rounded - 0x3f000000u)) };
    }

  rounded = bits + 0xfffu + (bits >> 13 & 1u);
  return { (uint16_t) (sign | ((rounded >> 13) - (112u << 10))) };
}
