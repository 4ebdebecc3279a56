/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/**
 * HdSpeed:
 * @seconds_per_flop: of the kinds of operators that do arithmetic; 0 where not known
 * @seconds_per_byte: of those that move memory; 0 where not known
 *
 * How fast a device is, by kind of operator, so that a dry run's counts become seconds.
 */
typedef struct
{
  double seconds_per_flop[HD_N_OPS];
  double seconds_per_byte[HD_N_OPS];
} HdSpeed;

/* Takes over what @context's statistics tell of a run that has just ended; kinds that did not run stay. */
void     hd_speed_learn   (HdSpeed   *speed,
                           HdContext *context);

/**
 * hd_speed_measure:
 *
 * Runs operators of Stable Diffusion's shapes on the device, for about half a second. No tensor may be alive;
 * the context's arena is replaced by an empty one.
 */
gboolean hd_speed_measure (HdSpeed    *speed,
                           HdContext  *context,
                           GError    **error);

/* Seconds that the operators counted in @counted would take; negative if the speed is not known. */
double   hd_speed_predict (const HdSpeed *speed,
                           HdContext     *counted);

G_END_DECLS
