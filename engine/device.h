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
 * hd_device_describe:
 * @name: one of hd_device_names()
 *
 * Returns: (transfer full): what it is on this machine, for users: the cards' names and free memory, or why there is
 *   none.
 */
char      *hd_device_describe (const char *name);

/* (transfer full): the same for two requests if, and only if, they run on the same device in the same way. */
char      *hd_device_key  (const HdRequest  *request);

G_END_DECLS
