/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "ui/size-presets.h"

/* Of sides, for the networks' sake, and for pictures that are not the model's own size. */
#define MODEL_STEP 64
#define STEP       8

/* A shape that is a little wrong is worse than a picture that is a little small. */
#define SHAPE_WEIGHT 2.0

const HdShape *
hd_shapes (gsize *n)
{
  static const HdShape shapes[] = {
    { 21, 9 }, { 16, 9 }, { 3, 2 }, { 4, 3 }, { 1, 1 }, { 3, 4 }, { 2, 3 }, { 9, 16 }, { 9, 21 },
  };

  *n = G_N_ELEMENTS (shapes);
  return shapes;
}

static int
get_longer_side (HdScale scale)
{
  static const int sides[] = { [HD_SCALE_1K] = 1024, [HD_SCALE_2K] = 2048, [HD_SCALE_4K] = 4096 };

  return sides[scale];
}

gboolean
hd_scale_is_offered (HdScale scale,
                     int     native_size)
{
  return scale == HD_SCALE_MODEL || get_longer_side (scale) > native_size;
}

static int
round_to (double side,
          int    step)
{
  return MAX ((int) lround (side / step), 1) * step;
}

/* How far a size is from a shape and an area. */
static double
get_penalty (int    width,
             int    height,
             double ratio,
             double area)
{
  return SHAPE_WEIGHT * fabs (log ((double) width / height / ratio)) + fabs (log ((double) width * height / area));
}

static void
find_model_size (double  ratio,
                 int     native_size,
                 int    *width,
                 int    *height)
{
  double area = (double) native_size * native_size;
  int    step = native_size >= 8 * MODEL_STEP ? MODEL_STEP : MAX (native_size / 8 / STEP, 1) * STEP;
  int    longest = 4 * native_size;
  double least = INFINITY;

  *width = *height = native_size;
  for (int w = step; w <= longest; w += step)
    for (int h = step; h <= longest && (double) w * h <= area; h += step)
      if (get_penalty (w, h, ratio, area) < least)
        {
          least = get_penalty (w, h, ratio, area);
          *width = w;
          *height = h;
        }
}

void
hd_size_preset (const HdShape *shape,
                HdScale        scale,
                int            native_size,
                int           *width,
                int           *height)
{
  double ratio = (double) shape->width / shape->height;
  int    longer;

  if (scale == HD_SCALE_MODEL)
    {
      find_model_size (ratio, native_size, width, height);
      return;
    }

  longer = get_longer_side (scale);
  *width = ratio >= 1.0 ? longer : round_to (longer * ratio, STEP);
  *height = ratio <= 1.0 ? longer : round_to (longer / ratio, STEP);
}

gboolean
hd_size_preset_find (int      width,
                     int      height,
                     int      native_size,
                     gsize   *shape,
                     HdScale *scale)
{
  gsize          n;
  const HdShape *shapes = hd_shapes (&n);

  for (*scale = HD_SCALE_MODEL; *scale < HD_N_SCALES; (*scale)++)
    for (*shape = 0; *shape < n; (*shape)++)
      {
        int w;
        int h;

        if (! hd_scale_is_offered (*scale, native_size))
          continue;
        hd_size_preset (&shapes[*shape], *scale, native_size, &w, &h);
        if (w == width && h == height)
          return TRUE;
      }

  return FALSE;
}
