/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

G_BEGIN_DECLS

/* Tiles of 128 x 128, 128 x 64 and 64 x 64. */
typedef enum
{
  HD_TILE_LARGE,
  HD_TILE_TALL,
  HD_TILE_SMALL,
  HD_N_TILES
} HdTileKind;

/**
 * HdTilePlan:
 * @shape: the tiles that a product is cut into
 * @parts: how many blocks share the depth of a tile
 *
 * A plan depends on the shape of a product and on the card's number of processors alone, so sums are always made in
 * one order.
 */
typedef struct
{
  HdTileKind shape;
  int        parts;
} HdTilePlan;

/* The most parts of a plan. */
#define HD_TILE_MAX_PARTS 8

/**
 * hd_tile_plan:
 * @gated: the activation is GEGLU, whose depth cannot be shared
 *
 * Returns: what should be fastest, by the number of tiles for each processor.
 */
HdTilePlan hd_tile_plan (const HdCudaContext *cuda,
                         int                  rows,
                         int                  outputs,
                         int                  depth,
                         gboolean             gated);

G_END_DECLS
