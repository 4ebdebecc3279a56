/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Two lists, of shapes and of scales, which the size follows when one is chosen, and which show what the size is. */
#define HD_TYPE_PRESET_ROW (hd_preset_row_get_type ())
G_DECLARE_FINAL_TYPE (HdPresetRow, hd_preset_row, HD, PRESET_ROW, GtkBox)

/* Emits "chosen" with width and height. @labels: of the fields below each other */
GtkWidget *hd_preset_row_new      (GtkSizeGroup *labels);

/* The size that is asked for, and the side of the pictures that the model was trained on. */
void       hd_preset_row_set_size (HdPresetRow  *row,
                                   int           width,
                                   int           height,
                                   int           native_size);

G_END_DECLS
