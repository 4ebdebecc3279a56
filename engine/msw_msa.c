/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/msw_msa.h"

void
hd_msw_msa_init (HdMswMsa    *msw_msa,
                 HdFamily     family,
                 int          n_levels,
                 HdShiftFunc  shift,
                 gpointer     shift_data)
{
  /* The highest resolution that has self-attention: SDXL's first block has none. */
  int level = family == HD_FAMILY_SD1 || family == HD_FAMILY_SD2 ? 0 : 1;

  *msw_msa = (HdMswMsa) {
    .down_block = level,
    .up_block = n_levels - 1 - level,
    .shift = shift,
    .shift_data = shift_data,
  };
}

HdMswMsa *
hd_msw_msa_in_down_block (HdMswMsa *msw_msa,
                          int       block)
{
  return msw_msa != NULL && msw_msa->down_block == block ? msw_msa : NULL;
}

HdMswMsa *
hd_msw_msa_in_up_block (HdMswMsa *msw_msa,
                        int       block)
{
  return msw_msa != NULL && msw_msa->up_block == block ? msw_msa : NULL;
}

gboolean
hd_msw_msa_next (HdMswMsa       *msw_msa,
                 const HdTensor *x,
                 HdWindow       *window)
{
  int q;

  if (msw_msa == NULL || x == NULL)
    return FALSE;

  /* Drawn even if it goes unused, so that a run's shifts do not depend on its size. */
  q = msw_msa->shift (msw_msa->call++, msw_msa->shift_data);
  if (x->height % HD_WINDOWS_PER_SIDE != 0 || x->width % HD_WINDOWS_PER_SIDE != 0)
    return FALSE;

  window->height = x->height;
  window->width = x->width;
  window->window_height = x->height / HD_WINDOWS_PER_SIDE;
  window->window_width = x->width / HD_WINDOWS_PER_SIDE;
  window->shift_y = q * (window->window_height / HD_SHIFTS);
  window->shift_x = window->shift_y > 0 ? q * (window->window_width / HD_SHIFTS) : 0;

  return TRUE;
}
