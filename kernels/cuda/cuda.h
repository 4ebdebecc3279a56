/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* The CUDA device. It is a module of its own, hd-cuda, that is loaded when it is first asked for: programs start, and
 * find no device, where there is none, or no driver, or the module is not installed. */

/**
 * HdCudaDevice:
 * @index: its number in CUDA's order
 * @name: as NVIDIA calls it
 * @total_bytes: its memory
 * @available_bytes: what of it is free now
 */
typedef struct
{
  int    index;
  char  *name;
  guint64 total_bytes;
  guint64 available_bytes;
} HdCudaDevice;

/* Here, as program and module have one each. */
static inline void
hd_cuda_device_free (HdCudaDevice *device)
{
  if (device != NULL)
    g_free (device->name);
  g_free (device);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdCudaDevice, hd_cuda_device_free)

/**
 * hd_cuda_list_devices:
 *
 * Returns: (transfer container) (element-type HdCudaDevice): the cards that can be computed on, at least one;
 *   %NULL with %HD_KERNEL_ERROR_UNSUPPORTED that says why there is none.
 */
GPtrArray *hd_cuda_list_devices (GError **error);

/**
 * hd_cuda_context_new:
 * @index: the card's number; -1: the one with the most free memory
 * @precision: float16 under %HD_PRECISION_AUTO; float32 is an error of %HD_KERNEL_ERROR_UNSUPPORTED
 *
 * Returns: (transfer full): the device, to be used from one thread at a time; %NULL with @error set: no module, no
 *   driver or one that is too old, no card or one that is too old, no memory.
 */
HdContext *hd_cuda_context_new  (int           index,
                                 HdPrecision   precision,
                                 GError      **error);

G_END_DECLS
