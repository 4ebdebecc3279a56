/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What index maps of kernels are made of, free of GLib and of anything that only a GPU has. The maps that all devices
 * share are in kernels/: window.h, joined_map.h, upsample_map.h, band_map.h. */

#include <stdint.h>

#include "kernels/host_device.h"

/**
 * HdDivisor:
 *
 * Division of 0 <= n < 2^31 by a number that is known when a kernel is launched: a multiplication and a shift in
 * place of some twenty instructions (Granlund and Montgomery, "Division by invariant integers using
 * multiplication", 1994).
 */
typedef struct
{
  uint32_t divisor;
  uint32_t multiplier;
  uint32_t shift;
} HdDivisor;

/* @divisor: 1 to 2^31 - 1 */
static inline HdDivisor
hd_divisor_new (uint32_t divisor)
{
  HdDivisor result = { divisor, 0, 0 };

  /* The smallest shift with 2^shift >= divisor; then ceil (2^(31 + shift) / divisor) < 2^32 is exact for n < 2^31. */
  while (((uint64_t) 1 << result.shift) < divisor)
    result.shift++;
  result.multiplier = (uint32_t) ((((uint64_t) 1 << (31 + result.shift)) + divisor - 1) / divisor);

  return result;
}

static inline HD_HOST_DEVICE uint32_t
hd_divide (uint32_t n, HdDivisor divisor)
{
  return (uint32_t) ((uint64_t) n * divisor.multiplier >> 31 >> divisor.shift);
}

static inline HD_HOST_DEVICE uint32_t
hd_modulo (uint32_t n, HdDivisor divisor)
{
  return n - hd_divide (n, divisor) * divisor.divisor;
}
