/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HdKernelError:
 * @HD_KERNEL_ERROR_SHAPE: an operand has another shape or dtype than the operator takes
 * @HD_KERNEL_ERROR_NO_MEMORY: the device has not enough memory
 * @HD_KERNEL_ERROR_UNSUPPORTED: the device cannot do this
 * @HD_KERNEL_ERROR_FAILED: the device or its library reported a failure
 *
 * Errors of the layer kernels/. A cancelled run is %G_IO_ERROR_CANCELLED.
 */
typedef enum
{
  HD_KERNEL_ERROR_SHAPE,
  HD_KERNEL_ERROR_NO_MEMORY,
  HD_KERNEL_ERROR_UNSUPPORTED,
  HD_KERNEL_ERROR_FAILED,
} HdKernelError;

#define HD_KERNEL_ERROR (hd_kernel_error_quark ())
GQuark hd_kernel_error_quark (void);

G_END_DECLS
