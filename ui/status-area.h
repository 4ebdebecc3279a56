/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* A line of text with a progress bar below; its place is kept free where no bar is shown. */
#define HD_TYPE_STATUS_AREA (hd_status_area_get_type ())
G_DECLARE_FINAL_TYPE (HdStatusArea, hd_status_area, HD, STATUS_AREA, GtkBox)

GtkWidget *hd_status_area_new          (void);
void       hd_status_area_set_text     (HdStatusArea *area,
                                        const char   *text);

/* @fraction: 0 to 1; negative: no bar */
void       hd_status_area_set_fraction (HdStatusArea *area,
                                        double        fraction);

G_END_DECLS
