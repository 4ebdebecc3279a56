/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/rau_net.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* MSW-MSA, modified shifted window self-attention (arXiv 2311.17528, section 3.3): in the blocks with the
 * largest maps, self-attention runs within 2 x 2 windows; the map is shifted under them by a stride drawn
 * anew for every call, so that no seam stays where it is. */

#define HD_SHIFTS 4  /* the shift is q quarters of a window, q in {0, 1, 2, 3} */

/**
 * HdShiftFunc:
 * @call: number of the attention call in this run, from 0
 *
 * Returns: q, 0 to %HD_SHIFTS - 1
 */
typedef int (* HdShiftFunc) (guint64  call,
                             gpointer user_data);

/**
 * HdMswMsa:
 * @down_block: index of the down block whose self-attentions are windowed
 * @up_block: index of the up block whose self-attentions are windowed
 * @call: number of the next attention call
 * @shift: draws the shift of a call
 * @shift_data: for @shift
 *
 * Window attention of one run.
 */
typedef struct
{
  int         down_block;
  int         up_block;
  guint64     call;
  HdShiftFunc shift;
  gpointer    shift_data;
} HdMswMsa;

/* The blocks of @family, of which @n_levels is the number of resolutions. */
void      hd_msw_msa_init          (HdMswMsa    *msw_msa,
                                    HdFamily     family,
                                    int          n_levels,
                                    HdShiftFunc  shift,
                                    gpointer     shift_data);

/* @msw_msa itself if the block is one of its own, else NULL: plain attention. */
HdMswMsa *hd_msw_msa_in_down_block (HdMswMsa *msw_msa,
                                    int       block);
HdMswMsa *hd_msw_msa_in_up_block   (HdMswMsa *msw_msa,
                                    int       block);

/**
 * hd_msw_msa_next:
 * @msw_msa: (nullable):
 * @x: (nullable): (N, H, W, C), the map that is to be attended to
 * @window: filled
 *
 * Draws the next call's shift: sh = q (wh / 4), sw = q (ww / 4) in integers, with windows of
 * wh x ww = H/2 x W/2; no shift at all where sh is 0.
 *
 * Returns: %FALSE if attention is to be over the whole map: without @msw_msa, and where a side is odd,
 *   which windows cannot halve.
 */
gboolean  hd_msw_msa_next          (HdMswMsa       *msw_msa,
                                    const HdTensor *x,
                                    HdWindow       *window);

G_END_DECLS
