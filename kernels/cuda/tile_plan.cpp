/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/tile_plan.h"

/* Depth that costs as much as a block's beginning and end. */
#define OVERHEAD_DEPTH 96
/* Less depth is not worth sharing. */
#define LEAST_PART_DEPTH 256
/* What another launch costs. */
#define LAUNCH_SECONDS 4e-6

/* How much of the card's arithmetic tiles of a shape keep busy: small ones load more for each product. */
static const struct
{
  int    rows;
  int    outputs;
  double rate;
} shapes[HD_N_TILES] = {
  { 128, 128, 1.0 },
  { 128, 64, 0.85 },
  { 64, 64, 0.65 },
};

static double
estimate (const HdCudaContext *cuda,
          const HdTilePlan    *plan,
          double               rows,
          double               outputs,
          double               depth)
{
  const int    height = shapes[plan->shape].rows;
  const int    width = shapes[plan->shape].outputs;
  const double tiles = ((gint64) rows + height - 1) / height * (double) (((gint64) outputs + width - 1) / width);
  const double processors = MAX (cuda->processors, 1);
  const gint64 waves = (gint64) ((tiles * plan->parts + processors - 1) / processors);
  double       seconds = 2.0 * waves * height * width * (depth / plan->parts + OVERHEAD_DEPTH)
                         / (shapes[plan->shape].rate * cuda->flops / processors);

  if (plan->parts > 1)
    seconds += LAUNCH_SECONDS + rows * outputs * (2.0 * sizeof (float) * plan->parts + 2.0) / cuda->bandwidth;

  return seconds;
}

HdTilePlan
hd_tile_plan (const HdCudaContext *cuda,
              int                  rows,
              int                  outputs,
              int                  depth,
              gboolean             gated)
{
  HdTilePlan best = { HD_TILE_LARGE, 1 };
  double     best_seconds = G_MAXDOUBLE;

  for (int shape = 0; shape < HD_N_TILES; shape++)
    for (int parts = 1; parts <= HD_TILE_MAX_PARTS; parts++)
      {
        HdTilePlan plan = { (HdTileKind) shape, parts };
        double     seconds;

        if (parts > 1 && (gated || depth / parts < LEAST_PART_DEPTH))
          break;

        seconds = estimate (cuda, &plan, rows, outputs, depth);
        if (seconds < best_seconds)
          {
            best = plan;
            best_seconds = seconds;
          }
      }

  return best;
}
