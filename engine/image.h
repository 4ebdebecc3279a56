/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * HdImage:
 * @width: pixels
 * @height: pixels
 * @channels: 3 for a picture, 1 for a mask
 * @pixels: (H, W, C) float32, sRGB-encoded; nominally 0 to 1
 *
 * A picture or a mask in the computer's memory. Shared by reference, never changed once it is shared.
 */
typedef struct
{
  gatomicrefcount  references;
  int              width;
  int              height;
  int              channels;
  float           *pixels;
} HdImage;

/* Returns: (transfer full) (nullable): an image of zeros; %NULL with %HD_ENGINE_ERROR_NO_MEMORY. */
HdImage *hd_image_new   (int       width,
                         int       height,
                         int       channels,
                         GError  **error);
HdImage *hd_image_ref   (HdImage  *image);
void     hd_image_unref (HdImage  *image);

/* Whether both are the same, or of equal size and contents; either may be %NULL. */
gboolean hd_image_equal (const HdImage *a,
                         const HdImage *b);

/**
 * hd_image_crop:
 *
 * Returns: (transfer full) (nullable): the part of @width x @height from (@x, @y) on, which may reach over any edge:
 *   what lies outside is the picture mirrored at the edge. %NULL with %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdImage *hd_image_crop   (const HdImage  *image,
                          int             x,
                          int             y,
                          int             width,
                          int             height,
                          GError        **error);

/**
 * hd_image_resize:
 *
 * Returns: (transfer full) (nullable): the picture at another size: by Lanczos's window of three lobes, which widens
 *   where the picture is made smaller, so that nothing aliases; clamped to the range 0 to 1. %NULL with
 *   %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdImage *hd_image_resize (const HdImage  *image,
                          int             width,
                          int             height,
                          GError        **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdImage, hd_image_unref)

G_END_DECLS
