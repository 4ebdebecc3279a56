/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/choices.h"
#include "tests/cuda-emulation/pretend.h"

void
test_cuda_pretend (HdContext *context,
                   int        processors,
                   double     flops)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (processors > 0)
    cuda->processors = processors;
  if (flops > 0.0)
    cuda->flops = flops;
}

int
test_cuda_plan (HdContext *context,
                int        rows,
                int        outputs,
                int        depth,
                gboolean   gated,
                int       *parts)
{
  HdTilePlan plans[HD_TILE_MAX_PLANS];

  hd_tile_plans ((HdCudaContext *) context, rows, outputs, depth, gated, plans);
  *parts = plans[0].parts;
  return plans[0].shape;
}

int
test_cuda_measured_rows (HdContext *context,
                         int        rows,
                         int        outputs,
                         int        depth,
                         int       *most_parts)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  HdChoice       candidates[HD_CHOICES_MOST];
  const int      measured = hd_choices_rows (cuda, rows, outputs, 2.0 * outputs * depth);
  const int      n = hd_choices_add_plans (cuda, measured, measured == rows, outputs, depth, FALSE, candidates);

  *most_parts = 0;
  for (int i = 0; i < n; i++)
    *most_parts = MAX (*most_parts, candidates[i].plan.parts);

  return measured;
}

int
test_cuda_parts (int parts,
                 int rows,
                 int outputs)
{
  return hd_tile_parts (parts, rows, outputs);
}

void
test_cuda_measure (HdContext *context,
                   gboolean   measuring)
{
  hd_choices_set_measuring ((HdCudaContext *) context, measuring);
}

void
test_cuda_set_window_shifts (HdContext  *context,
                             const int  *shifts)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  cuda->window_shifts = shifts;
  cuda->window_calls = 0;
}

void
test_cuda_pretend_staging (HdContext *context,
                           gsize      bytes)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (cuda->staging_bytes > bytes)
    cuda->staging_bytes = bytes;
}
