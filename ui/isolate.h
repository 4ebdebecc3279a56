/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * hd_isolate:
 * @text: (transfer full): a piece that is put into a sentence: an amount ("6.9 GB"), a device, a path
 *
 * Where the user reads from right to left, the letters and numbers of such a piece would be ordered with those of the
 * sentence, which parts numbers from their units. Isolates (Unicode's annex 9) keep the piece together.
 *
 * Returns: (transfer full): @text, isolated where the user interface runs from right to left.
 */
char *hd_isolate (char *text);

G_END_DECLS
