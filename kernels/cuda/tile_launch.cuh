/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The host's side of the tile engine: which shape of tile, in how many parts and launches. */

#include "kernels/cuda/launch.h"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/tile_plan.h"
#include "kernels/cuda/tile_sources.cuh"

#define HD_TILE_JOIN_THREADS 128

typedef HdTileShape<256, 128, 4, 2, 4> HdTileHuge;
typedef HdTileShape<128, 128, 2, 2, 3> HdTileLarge;
typedef HdTileShape<128, 64, 2, 2, 3>  HdTileTall;
typedef HdTileShape<64, 64, 2, 2, 3>   HdTileSmall;

static_assert (HdTileHuge::shared_bytes <= HD_TILE_HUGE_SHARED, "hd_tile_plans() asks for less");

/* Blocks of at most as many tiles at a time as a launch may take. */
template <typename T, class Source, class Shape, bool ALIGNED>
static gboolean
hd_tile_launch (HdCudaContext     *cuda,
                HdTileJob<Source> *job,
                int                parts,
                GError           **error)
{
  const double flops = 2.0 * job->rows * job->outputs * job->depth;
  const double bytes = 2.0 * ((double) job->outputs * job->depth + 2.0 * job->rows * job->outputs);
  gint64       tiles;
  gint64       most;

  job->row_tiles = (job->rows + Shape::rows - 1) / Shape::rows;
  job->output_tiles = (job->outputs + Shape::outputs - 1) / Shape::outputs;
  tiles = (gint64) job->row_tiles * job->output_tiles;
  most = hd_cuda_pieces_per_launch (cuda, tiles, flops, bytes);

  for (gint64 first = 0; first < tiles; first += most)
    {
      gint64 count = MIN (most, tiles - first);

      job->first_tile = (int) first;
      if (!hd_cuda_pace (cuda, flops * count / tiles, bytes * count / tiles, error)
          || !hd_cuda_launch (cuda, "multiplying", error, hd_tile_kernel<T, Source, Shape, ALIGNED>,
                              dim3 ((unsigned) count, (unsigned) parts), dim3 (Shape::threads),
                              Shape::shared_bytes, *job))
        return FALSE;
    }

  return TRUE;
}

template <typename T, class Source>
static gboolean
hd_tile_launch_shape (HdCudaContext     *cuda,
                      HdTileJob<Source> *job,
                      gboolean           aligned,
                      const HdTilePlan  *plan,
                      GError           **error)
{
  if (!aligned)
    return hd_tile_launch<T, Source, HdTileSmall, false> (cuda, job, plan->parts, error);

  switch (plan->shape)
    {
    case HD_TILE_HUGE:
      /* It may come from a file, which may say anything. */
      if (cuda->shared_bytes >= HD_TILE_HUGE_SHARED)
        return hd_tile_launch<T, Source, HdTileHuge, true> (cuda, job, plan->parts, error);
      G_GNUC_FALLTHROUGH;
    case HD_TILE_LARGE:
      return hd_tile_launch<T, Source, HdTileLarge, true> (cuda, job, plan->parts, error);
    case HD_TILE_TALL:
      return hd_tile_launch<T, Source, HdTileTall, true> (cuda, job, plan->parts, error);
    default:
      return hd_tile_launch<T, Source, HdTileSmall, true> (cuda, job, plan->parts, error);
    }
}

/**
 * hd_tile_run:
 * @job: source, output, weight, rows, outputs and depth are set
 * @aligned: whether every tap has a multiple of eight channels and lies at multiples of 16 bytes
 * @plan: one of hd_tile_plans() for these sides
 */
template <typename T, class Source>
static gboolean
hd_tile_run (HdCudaContext     *cuda,
             HdTileJob<Source> *job,
             gboolean           aligned,
             const HdTilePlan  *plan,
             GError           **error)
{
  const int    slices = (job->depth + HD_TILE_DEPTH - 1) / HD_TILE_DEPTH;
  const gint64 chunks = (gint64) job->rows * ((job->output.channels + 7) / 8);
  const HdTilePlan settled = { plan->shape, hd_tile_parts (plan->parts, job->rows, job->outputs) };
  float       *partial;

  job->part_depth = (slices + settled.parts - 1) / settled.parts * HD_TILE_DEPTH;
  job->output.partial = NULL;
  if (settled.parts == 1)
    return hd_tile_launch_shape<T> (cuda, job, aligned, &settled, error);

  partial = (float *) hd_cuda_scratch (cuda, sizeof (float) * settled.parts * job->rows * (gsize) job->outputs, error);
  if (partial == NULL)
    return FALSE;
  job->output.partial = partial;
  if (!hd_tile_launch_shape<T> (cuda, job, aligned, &settled, error))
    return FALSE;

  job->output.partial = NULL;
  return hd_cuda_launch (cuda, "adding up", error, hd_tile_join_kernel<T>,
                         dim3 ((unsigned) ((chunks + HD_TILE_JOIN_THREADS - 1) / HD_TILE_JOIN_THREADS)),
                         dim3 (HD_TILE_JOIN_THREADS), 0, job->output, partial, settled.parts);
}
