/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/forecast.h"

G_BEGIN_DECLS

/* A line that tells what the request would take: device, memory and how much of it is free, and the time as far as the
 * device's speed is known, which it learns from every run and keeps in GIMP's profile. */
#define HD_TYPE_COST_LINE (hd_cost_line_get_type ())
G_DECLARE_FINAL_TYPE (HdCostLine, hd_cost_line, HD, COST_LINE, GtkBox)

/* @func: told every forecast, after the line shows it */
GtkWidget *hd_cost_line_new           (HdEngine         *engine,
                                       HdForecastFunc    func,
                                       gpointer          user_data);

/* The line is to tell of @request; NULL: of nothing, as there is no request. */
void       hd_cost_line_set_request   (HdCostLine       *line,
                                       const HdRequest  *request);

/* How a run goes on, from which the device's speed is learnt. */
void       hd_cost_line_begin_run     (HdCostLine       *line);
void       hd_cost_line_take_progress (HdCostLine       *line,
                                       const HdProgress *progress);

/* @done: all of its pictures were made */
void       hd_cost_line_end_run       (HdCostLine       *line,
                                       gboolean          done);

G_END_DECLS
