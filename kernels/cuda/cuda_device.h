/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

/* HdCudaModule's two functions; see cuda.h. */
GPtrArray    *hd_cuda_devices_list   (GError **error);
HdContext    *hd_cuda_context_open   (int index, HdPrecision precision, GError **error);

/* The card of that number, or for -1 the one with the most free memory. */
HdCudaDevice *hd_cuda_device_choose  (int index, GError **error);
