/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/tile_plan.h"

/* Depth that costs as much as a block's beginning and end. */
#define OVERHEAD_DEPTH 96
/* Less depth is not worth sharing. */
#define LEAST_PART_DEPTH 256
/* The most memory for the sums of parts. */
#define MOST_PART_BYTES (48 << 20)
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
  { 256, 128, 1.05 },
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

int
hd_tile_parts (int parts,
               int rows,
               int outputs)
{
  return (double) parts * rows * outputs * sizeof (float) > MOST_PART_BYTES ? 1 : parts;
}

int
hd_tile_plans (const HdCudaContext *cuda,
               int                  rows,
               int                  outputs,
               int                  depth,
               gboolean             gated,
               HdTilePlan          *plans)
{
  const int most_parts = gated ? 1 : CLAMP (depth / LEAST_PART_DEPTH, 1, HD_TILE_MAX_PARTS);
  double    seconds[HD_TILE_MAX_PLANS];
  int       best = 0;
  int       n = 0;

  for (int shape = 0; shape < HD_N_TILES; shape++)
    {
      int whole = n;

      if (shape == HD_TILE_HUGE && cuda->shared_bytes < HD_TILE_HUGE_SHARED)
        continue;

      plans[n] = { (HdTileKind) shape, 1 };
      seconds[n] = estimate (cuda, &plans[n], rows, outputs, depth);
      n++;

      for (int parts = 2; parts <= most_parts; parts++)
        {
          HdTilePlan plan = { (HdTileKind) shape, parts };
          double     shared = estimate (cuda, &plan, rows, outputs, depth);

          if (shared >= seconds[n - 1] || hd_tile_parts (parts, rows, outputs) == 1)
            continue;
          if (n == whole + 1)
            n++;
          plans[n - 1] = plan;
          seconds[n - 1] = shared;
        }
    }

  for (int i = 1; i < n; i++)
    if (seconds[i] < seconds[best])
      best = i;

  {
    HdTilePlan first = plans[best];

    plans[best] = plans[0];
    plans[0] = first;
  }

  return n;
}
