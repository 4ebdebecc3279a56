/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The index map of an upsample by nearest neighbours, in one dimension. */

#include <stdint.h>

#include "kernels/host_device.h"

/* Row or column of the small map that the large one shows at @place: floor (place * in / out). */
static inline HD_HOST_DEVICE int
hd_nearest_source (int place, int in, int out)
{
  return (int) ((int64_t) place * in / out);
}
