/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/msw_msa.h"
#include "tests/golden/golden_case.h"

G_BEGIN_DECLS

/**
 * HdGoldenShifts:
 * @u: the shift stream, as far as it is needed
 * @count: its length
 *
 * The window shifts that the reference drew.
 */
typedef struct
{
  float *u;
  gsize  count;
} HdGoldenShifts;

/* Makes the case's stream NAME/shift, @count numbers long. */
void     hd_golden_shifts_init  (HdGoldenShifts     *shifts,
                                 const HdGoldenCase *golden,
                                 gsize               count);
void     hd_golden_shifts_clear (HdGoldenShifts     *shifts);

/* An HdShiftFunc; @user_data is the HdGoldenShifts. */
int      hd_golden_shift        (guint64             call,
                                 gpointer            user_data);

/* The member @name of the case's "hidiffusion"; FALSE if there is none. */
gboolean hd_golden_hidiffusion  (HdGoldenCase       *golden,
                                 const char         *name);

/* The family that the case's "hidiffusion" names as "profile"; @otherwise without one. */
HdFamily hd_golden_family       (HdGoldenCase       *golden,
                                 HdFamily            otherwise);

G_END_DECLS
