/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

#include "engine/request.h"

G_BEGIN_DECLS

/* How the picture is made: sampler, steps, guidance, HiDiffusion. All but the last may be left to the model; a check
 * button says whether they are, and brings them back to that. */
#define HD_TYPE_SAMPLING_BOX (hd_sampling_box_get_type ())
G_DECLARE_FINAL_TYPE (HdSamplingBox, hd_sampling_box, HD, SAMPLING_BOX, GtkBox)

GtkWidget *hd_sampling_box_new        (GObject         *config);

/* @settled: the request as the model would run it, with all that was left to it filled in. */
void       hd_sampling_box_set_suited (HdSamplingBox   *box,
                                       const HdRequest *settled);

G_END_DECLS
