/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include <glib.h>

G_BEGIN_DECLS

/* Conversions between the element types, written so that loops of them vectorise: no branches, no calls.
 * Rounding is to nearest, ties to even; NaN stays NaN. */

static inline float
hd_float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline guint32
hd_bits_from_float (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

static inline float
hd_float_from_bf16 (guint16 value)
{
  return hd_float_from_bits ((guint32) value << 16);
}

static inline guint16
hd_bf16_from_float (float value)
{
  guint32 bits    = hd_bits_from_float (value);
  guint32 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  guint32 quieted = (bits >> 16) | 0x40u;

  return (guint16) ((bits & 0x7fffffffu) > 0x7f800000u ? quieted : rounded);
}

static inline float
hd_float_from_f16 (guint16 value)
{
  guint32 sign      = (guint32) (value & 0x8000u) << 16;
  guint32 magnitude = (guint32) (value & 0x7fffu) << 13;
  /* The exponent's bias grows from 15 to 127; as a product this is right for subnormal numbers too. */
  guint32 finite    = hd_bits_from_float (hd_float_from_bits (magnitude) * 0x1p112f);
  guint32 special   = magnitude | 0x7f800000u;

  return hd_float_from_bits (sign | ((value & 0x7c00u) == 0x7c00u ? special : finite));
}

G_END_DECLS
