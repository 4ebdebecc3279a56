/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/place-picture.h"

G_BEGIN_DECLS

/**
 * hd_run_task:
 * @request: complete
 * @place: where pictures go
 *
 * Makes the pictures with GIMP's own progress, without a dialog.
 *
 * Returns: %FALSE with @error set if one of them could not be made; those before it are in the image.
 */
gboolean hd_run_task (const HdRequest  *request,
                      HdPlace          *place,
                      GError          **error);

G_END_DECLS
