/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

G_BEGIN_DECLS

/**
 * HdColours:
 * @format: of pixels that are asked of a drawable's buffer, or given to it: RGBA, float
 * @writing: sRGB becomes these numbers; else they become sRGB
 * @transform: (nullable): between these numbers and sRGB; %NULL: they are sRGB, babl converts
 *
 * The way between sRGB, which the engine knows alone, and an image of any profile and precision. Babl knows profiles that are
 * primaries and curves. Others have tables: of these the numbers themselves are read and written, and lcms converts. The
 * intent is relative colorimetric, as GIMP's is when layers go from one image into another.
 */
typedef struct
{
  const Babl         *format;
  gboolean            writing;
  GimpColorTransform *transform;
} HdColours;

/* What turns pixels of @drawable into sRGB or, if @writing, sRGB into them. */
void hd_colours_init    (HdColours    *colours,
                         GimpDrawable *drawable,
                         gboolean      writing);
void hd_colours_clear   (HdColours    *colours);

/* Converts @count pixels in place: after they were read, or before they are written. */
void hd_colours_convert (HdColours    *colours,
                         float        *pixels,
                         gsize         count);

G_END_DECLS
