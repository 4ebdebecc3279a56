/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "ui/dice.h"

#define SIZE   16.0
#define CORNER 3.0
#define EDGE   1.5
#define SPOT   1.6

static void
draw_edges (cairo_t *cr)
{
  const double near = EDGE / 2.0 + CORNER;
  const double far = SIZE - near;

  cairo_new_sub_path (cr);
  cairo_arc (cr, far, near, CORNER, -G_PI_2, 0.0);
  cairo_arc (cr, far, far, CORNER, 0.0, G_PI_2);
  cairo_arc (cr, near, far, CORNER, G_PI_2, G_PI);
  cairo_arc (cr, near, near, CORNER, G_PI, 1.5 * G_PI);
  cairo_close_path (cr);
  cairo_set_line_width (cr, EDGE);
  cairo_stroke (cr);
}

static void
draw_spots (cairo_t *cr)
{
  static const double spots[][2] = { { 0.28, 0.28 }, { 0.72, 0.28 }, { 0.5, 0.5 }, { 0.28, 0.72 }, { 0.72, 0.72 } };

  for (gsize i = 0; i < G_N_ELEMENTS (spots); i++)
    {
      cairo_arc (cr, spots[i][0] * SIZE, spots[i][1] * SIZE, SPOT, 0.0, 2.0 * G_PI);
      cairo_fill (cr);
    }
}

static gboolean
draw (GtkWidget *widget,
      cairo_t   *cr,
      gpointer   user_data)
{
  GtkStyleContext *context = gtk_widget_get_style_context (widget);
  GdkRGBA          color;

  gtk_style_context_get_color (context, gtk_style_context_get_state (context), &color);
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_translate (cr, (gtk_widget_get_allocated_width (widget) - SIZE) / 2.0,
                   (gtk_widget_get_allocated_height (widget) - SIZE) / 2.0);
  draw_edges (cr);
  draw_spots (cr);

  return GDK_EVENT_PROPAGATE;
}

GtkWidget *
hd_dice_new (void)
{
  GtkWidget *area = gtk_drawing_area_new ();

  gtk_widget_set_size_request (area, (int) SIZE, (int) SIZE);
  g_signal_connect (area, "draw", G_CALLBACK (draw), NULL);
  gtk_widget_show (area);

  return area;
}
