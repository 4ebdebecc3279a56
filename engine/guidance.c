/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/guidance.h"

#include <math.h>

static double
standard_deviation (const float *values,
                    gsize        count)
{
  double mean = 0.0;
  double squares = 0.0;

  for (gsize i = 0; i < count; i++)
    mean += values[i];
  mean /= count;

  for (gsize i = 0; i < count; i++)
    squares += (values[i] - mean) * (values[i] - mean);

  return sqrt (squares / count);
}

void
hd_guide (float       *without,
          const float *with,
          double       scale,
          double       rescale,
          gsize        count)
{
  double deviation;
  float  factor;

  for (gsize i = 0; i < count; i++)
    without[i] += (float) scale * (with[i] - without[i]);

  if (!(rescale > 0.0))
    return;

  /* what does not vary cannot be brought to vary more */
  deviation = standard_deviation (without, count);
  if (!(deviation > 0.0))
    return;

  factor = (float) (rescale * standard_deviation (with, count) / deviation + (1.0 - rescale));
  for (gsize i = 0; i < count; i++)
    without[i] *= factor;
}
