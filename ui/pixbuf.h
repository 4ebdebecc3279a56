/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gdk-pixbuf/gdk-pixbuf.h>

G_BEGIN_DECLS

/**
 * hd_pixbuf_new:
 * @pixels: (H, W, 3) sRGB-encoded float32, nominally 0 to 1
 * @max_side: the picture is made smaller where it is larger than that, in pixels
 *
 * Returns: (transfer full) (nullable): the picture for the screen, in 8 bits; %NULL without memory.
 */
GdkPixbuf *hd_pixbuf_new (const float *pixels,
                          int          width,
                          int          height,
                          int          max_side);

/* (transfer full) (nullable): a copy that is no larger than that; the same one if it is small enough. */
GdkPixbuf *hd_pixbuf_fit (GdkPixbuf   *pixbuf,
                          int          max_side);

G_END_DECLS
