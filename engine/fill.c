/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/fill.h"

#include <math.h>

#include "engine/error.h"
#include "engine/request.h"
#include "kernels/i18n.h"

/* One side of a rectangle: from @start on, @length pixels. */
typedef struct
{
  int start;
  int length;
} Span;

/* Where the mask is not 0; FALSE if it is everywhere. */
static gboolean
find_bounds (const HdImage *mask,
             Span          *across,
             Span          *down)
{
  int left = mask->width;
  int right = 0;
  int top = mask->height;
  int bottom = 0;

  for (int y = 0; y < mask->height; y++)
    for (int x = 0; x < mask->width; x++)
      if (mask->pixels[(gsize) y * mask->width + x] > 0.0f)
        {
          left = MIN (left, x);
          right = MAX (right, x + 1);
          top = MIN (top, y);
          bottom = y + 1;
        }

  *across = (Span) { left, right - left };
  *down = (Span) { top, bottom - top };

  return right > left;
}

/* Makes @span @length long, or as long as the picture's @side allows, around its middle. */
static void
widen (Span *span,
       int   length,
       int   side)
{
  int widened = MIN (MAX (length, span->length), side);

  span->start = CLAMP (span->start - (widened - span->length) / 2, 0, side - widened);
  span->length = widened;
}

/* The size that the model works at: the rectangle's own, or enlarged to the area that the model knows. */
static void
choose_working_size (HdFillPlan *plan,
                     int         native_size,
                     int         width,
                     int         height)
{
  double area = (double) plan->width * plan->height;
  double native = (double) native_size * native_size;
  double scale = MAX (sqrt (native / area), 1.0);

  if (width > 0 && height > 0)
    scale = MIN ((double) width / plan->width, (double) height / plan->height);
  else if (width > 0)
    scale = (double) width / plan->width;
  else if (height > 0)
    scale = (double) height / plan->height;

  /* Of a long and narrow rectangle, what is asked for must still be a size that can be made. */
  scale = MIN (scale, (double) HD_REQUEST_MAX_SIZE / MAX (plan->width, plan->height));
  plan->working_width = MAX ((int) (plan->width * scale + 0.5), 1);
  plan->working_height = MAX ((int) (plan->height * scale + 0.5), 1);
}

gboolean
hd_fill_plan_init (HdFillPlan     *plan,
                   const HdImage  *mask,
                   int             native_size,
                   int             width,
                   int             height,
                   GError        **error)
{
  Span across;
  Span down;

  if (!find_bounds (mask, &across, &down))
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                           _("mask: expected a part of the picture to fill, found none"));
      return FALSE;
    }

  widen (&across, MAX (2 * across.length, native_size), mask->width);
  widen (&down, MAX (2 * down.length, native_size), mask->height);
  *plan = (HdFillPlan) { .x = across.start, .y = down.start, .width = across.length, .height = down.length };
  choose_working_size (plan, native_size, width, height);

  return TRUE;
}
