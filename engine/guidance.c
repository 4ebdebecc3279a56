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

/* What @guided is multiplied with to go back towards the deviation of @with. */
static double
rescaling (HdContext      *context,
           const HdTensor *with,
           const HdTensor *guided,
           double          rescale)
{
  gsize             count = (gsize) hd_tensor_elements (guided);
  g_autofree float *values = g_new0 (float, count);
  double            deviation;

  hd_download (context, guided, values);
  deviation = standard_deviation (values, count);
  /* what does not vary cannot be brought to vary more */
  if (!(deviation > 0.0))
    return 1.0;

  hd_download (context, with, values);

  return rescale * standard_deviation (values, count) / deviation + (1.0 - rescale);
}

void
hd_guide (HdContext      *context,
          const HdTensor *without,
          const HdTensor *with,
          double          scale,
          double          rescale,
          HdTensor       *guided)
{
  hd_combine (context, 1.0 - scale, without, scale, with, guided);

  if (rescale > 0.0 && with != NULL && guided != NULL)
    hd_combine (context, rescaling (context, with, guided, rescale), guided, 0.0, NULL, guided);
}
