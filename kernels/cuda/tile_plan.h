/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

G_BEGIN_DECLS

/* Tiles of 128 x 128, 128 x 64, 64 x 64 and 256 x 128. The last have the least to load for what they multiply, which is
 * what the fastest GPUs wait for; one such block fills a processor. */
typedef enum
{
  HD_TILE_LARGE,
  HD_TILE_TALL,
  HD_TILE_SMALL,
  HD_TILE_HUGE,
  HD_N_TILES
} HdTileKind;

/* Shared memory of a block of %HD_TILE_HUGE: cards that have less do without. */
#define HD_TILE_HUGE_SHARED ((gsize) 96 << 10)

/**
 * HdTilePlan:
 * @shape: the tiles that a product is cut into
 * @parts: how many blocks share the depth of a tile
 */
typedef struct
{
  HdTileKind shape;
  int        parts;
} HdTilePlan;

/* The most parts of a plan. */
#define HD_TILE_MAX_PARTS 8

/* The most plans that are worth a try. */
#define HD_TILE_MAX_PLANS (2 * HD_N_TILES)

/**
 * hd_tile_plans:
 * @gated: the activation is GEGLU, whose depth cannot be shared
 * @plans: (array length=HD_TILE_MAX_PLANS): filled: each shape with one part and, where that should be faster, with
 *   several; the one that should be the fastest of all first, by the number of tiles for each processor
 *
 * Returns: how many plans there are, at least one.
 */
int hd_tile_plans (const HdCudaContext *cuda,
                   int                  rows,
                   int                  outputs,
                   int                  depth,
                   gboolean             gated,
                   HdTilePlan          *plans);

/* @parts, or 1 if sums of so many parts of a product would take too much memory: how a product is cut is measured with
 * fewer rows than it may have. */
int hd_tile_parts (int parts,
                   int rows,
                   int outputs);

G_END_DECLS
