/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/tile_plan.h"
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
  HdTilePlan plan = hd_tile_plan ((HdCudaContext *) context, rows, outputs, depth, gated);

  *parts = plan.parts;
  return plan.shape;
}
