/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Index maps are small functions in headers that know nothing of GLib, nor of anything that only a GPU has: devices of
 * all kinds compute with them, and tests run on the processor what a GPU will. */

#ifdef __CUDACC__
#define HD_HOST_DEVICE __host__ __device__
#else
#define HD_HOST_DEVICE
#endif
