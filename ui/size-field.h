/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* Width and height, with a check button that ties them to the size of the image: both arguments are then 0. Presets by shape
 * and scale, and a button that swaps both. */
#define HD_TYPE_SIZE_FIELD (hd_size_field_get_type ())
G_DECLARE_FINAL_TYPE (HdSizeField, hd_size_field, HD, SIZE_FIELD, GtkGrid)

GtkWidget *hd_size_field_new       (GObject      *config,
                                    GtkSizeGroup *labels);

/* The image that pictures go into, whose size is shown; NULL if there is none. */
void       hd_size_field_set_image (HdSizeField  *field,
                                    GimpImage    *image);

/* What suits the model: shown where there is no image and nothing was chosen. @native_size: of the pictures that it was
 * trained on */
void       hd_size_field_set_suited (HdSizeField *field,
                                     int          width,
                                     int          height,
                                     int          native_size);

G_END_DECLS
