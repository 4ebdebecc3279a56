/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "ui/pixbuf.h"

static guchar
to_byte (float value)
{
  /* What is no number is black. */
  return value >= 0.0f ? (guchar) lrintf (MIN (value, 1.0f) * 255.0f) : 0;
}

/* The mean of @block x @block pixels. */
static void
take_block (const float *corner,
            int          width,
            int          block,
            guchar      *to)
{
  for (int c = 0; c < 3; c++)
    {
      float sum = 0.0f;

      for (int y = 0; y < block; y++)
        for (int x = 0; x < block; x++)
          sum += corner[((gsize) y * width + x) * 3 + c];
      to[c] = to_byte (sum / (block * block));
    }
}

/* A large picture is first divided by a whole number, so that no copy of its size is made. */
GdkPixbuf *
hd_pixbuf_new (const float *pixels,
               int          width,
               int          height,
               int          max_side)
{
  int                   block = CLAMP (MAX (width, height) / (2 * max_side), 1, MIN (width, height));
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, width / block, height / block);
  guchar               *row = pixbuf ? gdk_pixbuf_get_pixels (pixbuf) : NULL;

  if (! pixbuf)
    return NULL;

  for (int y = 0; y < height / block; y++, row += gdk_pixbuf_get_rowstride (pixbuf))
    for (int x = 0; x < width / block; x++)
      take_block (pixels + ((gsize) y * width + x) * block * 3, width, block, row + 3 * x);

  return hd_pixbuf_fit (pixbuf, max_side);
}

GdkPixbuf *
hd_pixbuf_fit (GdkPixbuf *pixbuf,
               int        max_side)
{
  int    width = gdk_pixbuf_get_width (pixbuf);
  int    height = gdk_pixbuf_get_height (pixbuf);
  double scale = (double) max_side / MAX (width, height);

  if (scale >= 1.0)
    return g_object_ref (pixbuf);

  return gdk_pixbuf_scale_simple (pixbuf, MAX ((int) lround (width * scale), 1), MAX ((int) lround (height * scale), 1),
                                  GDK_INTERP_BILINEAR);
}
