/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"
#include "kernels/context.h"

G_BEGIN_DECLS

/**
 * hd_device_open:
 * @request: its device, precision and threads; checked
 *
 * Returns: (transfer full): the device that the request is to be computed on; %NULL with an error of
 *   %HD_KERNEL_ERROR if it does not exist here or cannot compute with that precision.
 */
HdContext *hd_device_open (const HdRequest  *request,
                           GError          **error);

/**
 * HdGpu:
 * @device: what a request's device is to be for it: "cuda:0"
 * @name: as its maker calls it: "NVIDIA GeForce RTX 4090"
 * @total_bytes: its memory
 * @available_bytes: what of it is free now
 */
typedef struct
{
  char    *device;
  char    *name;
  guint64  total_bytes;
  guint64  available_bytes;
} HdGpu;

void       hd_gpu_free           (HdGpu   *gpu);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdGpu, hd_gpu_free)

/**
 * hd_device_list_gpus:
 *
 * The graphics cards that can be computed on, for dialogs to choose from. The first call takes some tenths of a second,
 * as it starts the driver: ask for it in a thread, or in another process.
 *
 * Returns: (transfer container) (element-type HdGpu): at least one; %NULL with %HD_KERNEL_ERROR_UNSUPPORTED that says
 *   why there is none: no module, no driver or one that is too old, no card or one that is too old; or with
 *   %HD_KERNEL_ERROR_FAILED if they do not answer.
 */
GPtrArray *hd_device_list_gpus   (GError **error);

/**
 * hd_device_describe:
 * @name: one of hd_device_names(), or a HdGpu's device
 *
 * Returns: (transfer full): what it is on this machine, for users: the cards' names and free memory, or why there is
 *   none.
 */
char      *hd_device_describe (const char *name);

/* (transfer full): the same for two requests if, and only if, they run on the same device in the same way. */
char      *hd_device_key  (const HdRequest  *request);

G_END_DECLS
