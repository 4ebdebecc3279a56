/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HdEngineError:
 * @HD_ENGINE_ERROR_FILE: a file cannot be read, or is not what its name or place says
 * @HD_ENGINE_ERROR_MODEL: a model lacks a part, or a part has another shape or type than its family's
 * @HD_ENGINE_ERROR_REQUEST: a request asks for something that does not exist or is out of range
 * @HD_ENGINE_ERROR_NO_MEMORY: the run would need more memory than there is
 *
 * Errors of the layer engine/. A cancelled run is %G_IO_ERROR_CANCELLED; those of %HD_KERNEL_ERROR pass through.
 */
typedef enum
{
  HD_ENGINE_ERROR_FILE,
  HD_ENGINE_ERROR_MODEL,
  HD_ENGINE_ERROR_REQUEST,
  HD_ENGINE_ERROR_NO_MEMORY,
} HdEngineError;

#define HD_ENGINE_ERROR (hd_engine_error_quark ())
GQuark hd_engine_error_quark (void);

G_END_DECLS
