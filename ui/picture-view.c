/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/picture-view.h"

struct _HdPictureView
{
  GtkDrawingArea  parent_instance;

  GdkPixbuf      *pixbuf;
};

G_DEFINE_FINAL_TYPE (HdPictureView, hd_picture_view, GTK_TYPE_DRAWING_AREA)

/* Cairo's units are the widget's pixels; the filter works in those of the screen. */
static gboolean
hd_picture_view_draw (GtkWidget *widget,
                      cairo_t   *cr)
{
  HdPictureView *view = HD_PICTURE_VIEW (widget);
  double         width = gtk_widget_get_allocated_width (widget);
  double         height = gtk_widget_get_allocated_height (widget);
  double         scale;

  if (! view->pixbuf)
    return GDK_EVENT_PROPAGATE;

  scale = MIN (width / gdk_pixbuf_get_width (view->pixbuf), height / gdk_pixbuf_get_height (view->pixbuf));
  cairo_translate (cr, (width - scale * gdk_pixbuf_get_width (view->pixbuf)) / 2.0,
                   (height - scale * gdk_pixbuf_get_height (view->pixbuf)) / 2.0);
  cairo_scale (cr, scale, scale);
  gdk_cairo_set_source_pixbuf (cr, view->pixbuf, 0.0, 0.0);
  /* Of what is made smaller, all pixels count. */
  cairo_pattern_set_filter (cairo_get_source (cr), scale < 1.0 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_BILINEAR);
  /* Else the edge fades into what is beside it. */
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_rectangle (cr, 0.0, 0.0, gdk_pixbuf_get_width (view->pixbuf), gdk_pixbuf_get_height (view->pixbuf));
  cairo_fill (cr);

  return GDK_EVENT_PROPAGATE;
}

static void
hd_picture_view_dispose (GObject *object)
{
  g_clear_object (&HD_PICTURE_VIEW (object)->pixbuf);
  G_OBJECT_CLASS (hd_picture_view_parent_class)->dispose (object);
}

static void
hd_picture_view_class_init (HdPictureViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_picture_view_dispose;
  GTK_WIDGET_CLASS (klass)->draw = hd_picture_view_draw;
  gtk_widget_class_set_accessible_role (GTK_WIDGET_CLASS (klass), ATK_ROLE_IMAGE);
}

static void
hd_picture_view_init (HdPictureView *view)
{
}

GtkWidget *
hd_picture_view_new (int min_side)
{
  GtkWidget *view = g_object_new (HD_TYPE_PICTURE_VIEW, NULL);

  gtk_widget_set_size_request (view, min_side, min_side);
  return view;
}

void
hd_picture_view_show (HdPictureView *view,
                      GdkPixbuf     *pixbuf,
                      const char    *name)
{
  g_set_object (&view->pixbuf, pixbuf);
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (view)), name);
  gtk_widget_queue_draw (GTK_WIDGET (view));
}
