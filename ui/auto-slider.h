/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* A slider for a number that may be left to the model: then it shows the one that suits, until it is moved. */
#define HD_TYPE_AUTO_SLIDER (hd_auto_slider_get_type ())
G_DECLARE_FINAL_TYPE (HdAutoSlider, hd_auto_slider, HD, AUTO_SLIDER, GtkBox)

/**
 * hd_auto_slider_new:
 * @automatic: the argument's value where the number is left to the model
 * @max: by keyboard
 * @shown_max: on the slider
 * @digits: behind the point
 */
GtkWidget *hd_auto_slider_new        (GObject      *config,
                                      const char   *property,
                                      double        automatic,
                                      double        min,
                                      double        max,
                                      double        shown_max,
                                      int           digits);

/* The number that suits. */
void       hd_auto_slider_set_suited (HdAutoSlider *slider,
                                      double        suited);

gboolean   hd_auto_slider_is_auto    (HdAutoSlider *slider);

/* Leaves the number to the model, or keeps the one that is shown. */
void       hd_auto_slider_set_auto   (HdAutoSlider *slider,
                                      gboolean      is_auto);

G_END_DECLS
