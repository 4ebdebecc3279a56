/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A picture as large as there is room for, at all of the screen's resolution; an image for screen readers. */
#define HD_TYPE_PICTURE_VIEW (hd_picture_view_get_type ())
G_DECLARE_FINAL_TYPE (HdPictureView, hd_picture_view, HD, PICTURE_VIEW, GtkDrawingArea)

GtkWidget *hd_picture_view_new (int            min_side);

/**
 * hd_picture_view_show:
 * @pixbuf: (nullable): the picture; %NULL for none
 * @name: what screen readers call it
 */
void       hd_picture_view_show (HdPictureView *view,
                                 GdkPixbuf     *pixbuf,
                                 const char    *name);

G_END_DECLS
