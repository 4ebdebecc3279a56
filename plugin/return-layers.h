/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/place-picture.h"

G_BEGIN_DECLS

/* Declares what all procedures return: the image, the first layer that was made, all of them. */
void            hd_return_values_add (GimpProcedure *procedure);

/**
 * hd_return_values_new:
 * @interactive: pictures that were made count, however the dialog ended
 * @error: (nullable) (transfer full): why there is not what was asked for
 *
 * Returns: (transfer full): how the procedure ends.
 */
GimpValueArray *hd_return_values_new (GimpProcedure *procedure,
                                      const HdPlace *place,
                                      gboolean       interactive,
                                      GError        *error);

G_END_DECLS
