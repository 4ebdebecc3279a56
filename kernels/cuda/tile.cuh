/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tile engine: Y (rows, outputs) = X (rows, depth) W^T (depth, outputs), where X is gathered while it is read.
 *
 * What X is, a Source (tile_sources.cuh) tells: the rows of one or two matrices, or the pixels under the taps of a
 * convolution, which makes of the same loop an implicit-GEMM convolution. Depth is counted tap by
 * tap and, within a tap, channel by channel, as weights are laid out: (O, KH, KW, I), I in multiples of eight.
 *
 *   Source::Place                   what a row of X is found by
 *   place (row, rows)               the row's; any number for one beyond the last
 *   find (depth, &tap, &channel)
 *   advance (step, &tap, &channel)  on by as much of the depth; whether that is another tap
 *   pixel (place, tap)              channel 0, or NULL for zeros: padding, a row or tap beyond the last
 *   element (place, depth)          one element, or NULL for a zero
 *
 * A block makes a tile of Y. Slices of X and W, 32 of the depth at a time, are copied asynchronously into a ring of
 * stages in shared memory; warps read their fragments from there with ldmatrix and multiply them with mma.m16n8k16.
 * Where a block has a processor for itself, it reads the next fragments while it multiplies: no other one would work while
 * it waits behind a barrier. A slice's row is four chunks of 16 bytes, stored at place chunk ^ (row / 2 % 4), so that
 * neither writing nor ldmatrix meets a bank twice. Sums are float32; how they become elements of Y is tile_output.cuh. */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/tile_output.cuh"

#define HD_TILE_DEPTH  32   /* of a slice */
#define HD_TILE_CHUNK  8    /* elements of 16 bytes */
#define HD_TILE_CHUNKS (HD_TILE_DEPTH / HD_TILE_CHUNK)
#define HD_TILE_MOST_SHARED (96 << 10)
#define HD_TILE_GROUP  8    /* rows of tiles whose blocks follow each other, so that they share W's slices in L2 */

/* A tile of ROWS x OUTPUTS by WARPS_DOWN x WARPS_ACROSS warps, with a ring of STAGES. */
template <int ROWS, int OUTPUTS, int WARPS_DOWN, int WARPS_ACROSS, int STAGES>
struct HdTileShape
{
  static constexpr int stages = STAGES;
  static constexpr bool alone = WARPS_DOWN * WARPS_ACROSS >= 8;   /* on a processor */
  static constexpr int rows = ROWS;
  static constexpr int outputs = OUTPUTS;
  static constexpr int warps_across = WARPS_ACROSS;
  static constexpr int warps = WARPS_DOWN * WARPS_ACROSS;
  static constexpr int threads = warps * HD_WARP;
  static constexpr int warp_rows = ROWS / WARPS_DOWN;
  static constexpr int warp_outputs = OUTPUTS / WARPS_ACROSS;
  static constexpr int row_step = threads / HD_TILE_CHUNKS;      /* rows that the threads copy at once */
  static constexpr int x_copies = ROWS / row_step;               /* of each thread, for a slice */
  static constexpr int w_copies = OUTPUTS / row_step;
  static constexpr int stage_elements = (ROWS + OUTPUTS) * HD_TILE_DEPTH;
  static constexpr int stage_bytes = 2 * stage_elements;
  static constexpr int slab_rows = warp_rows / 2;                /* of a warp's sums, on their way out */
  static constexpr int slab_stride = warp_outputs + 4;
  static constexpr int slab_bytes = warps * slab_rows * slab_stride * 4;
  static constexpr int shared_bytes = STAGES * stage_bytes > slab_bytes ? STAGES * stage_bytes : slab_bytes;

  static_assert (warp_rows % 32 == 0 && warp_outputs % 32 == 0, "warps multiply 16 x 16 and halve their tile");
  static_assert (ROWS % row_step == 0 && OUTPUTS % row_step == 0 && row_step % 8 == 0, "every thread copies alike");
  static_assert (shared_bytes <= HD_TILE_MOST_SHARED, "not every GPU has as much");
};

/* The work of a launch. Blocks: x = tiles, y = parts of the depth. */
template <class Source>
struct HdTileJob
{
  Source       source;
  HdTileOutput output;
  const void  *weight;       /* (outputs, depth) */
  int          rows;
  int          outputs;      /* the weight's rows: twice the result's channels with GEGLU */
  int          depth;
  int          part_depth;   /* depth of a part, in multiples of HD_TILE_DEPTH */
  int          first_tile;
  int          row_tiles;
  int          output_tiles;
};

/* Row of the weight that row @i of a tile's slice of W is; it may lie beyond the weight. With GEGLU the first half of
 * a warp's outputs are values and the second their gates, so that one thread can reach both. */
template <class Shape> __device__ __forceinline__ int
hd_tile_output (int tile, int i, bool gated, int outputs)
{
  constexpr int half = Shape::warp_outputs / 2;
  const int     warp = i / Shape::warp_outputs;
  const int     place = i % Shape::warp_outputs;
  int           value;

  if (!gated)
    return tile * Shape::outputs + i;

  value = tile * (Shape::outputs / 2) + warp * half + place % half;
  if (value >= outputs / 2)
    return outputs;

  return place < half ? value : outputs / 2 + value;
}

/* --- copying --- */

/* What a thread knows about the chunks that it copies: always the same column of a slice, every row_step-th row. */
template <typename T, class Source, class Shape, bool ALIGNED>
struct HdTileCopies
{
  typename Source::Place places[Shape::x_copies];
  const T               *pixels[Shape::x_copies];   /* of the tap, channel 0; NULL for zeros */
  int                    weights[Shape::w_copies];  /* offset of the row; -1 for zeros */
  int                    depth;                     /* of the chunk */
  int                    end;
  int                    tap;
  int                    channel;

  __device__ __forceinline__ void
  find_pixels (const HdTileJob<Source> &job)
  {
#pragma unroll
    for (int i = 0; i < Shape::x_copies; i++)
      pixels[i] = job.source.pixel (places[i], tap);
  }

  __device__ __forceinline__ void
  start (const HdTileJob<Source> &job, int row_tile, int output_tile, int first, int last)
  {
    const int row = threadIdx.x / HD_TILE_CHUNKS;

    depth = first + threadIdx.x % HD_TILE_CHUNKS * HD_TILE_CHUNK;
    end = last;

#pragma unroll
    for (int i = 0; i < Shape::x_copies; i++)
      places[i] = job.source.place (row_tile * Shape::rows + row + i * Shape::row_step, job.rows);

#pragma unroll
    for (int i = 0; i < Shape::w_copies; i++)
      {
        int output = hd_tile_output<Shape> (output_tile, row + i * Shape::row_step, hd_tile_is_gated (job.output),
                                            job.outputs);

        weights[i] = output < job.outputs ? output * job.depth : -1;
      }

    if (ALIGNED)
      {
        job.source.find (depth, &tap, &channel);
        find_pixels (job);
      }
  }

  /* A chunk of a map whose channels are no multiple of eight: each element may come from another place. */
  __device__ __forceinline__ void
  copy_elements (const HdTileJob<Source> &job, T *to, const typename Source::Place &place)
  {
    T elements[HD_TILE_CHUNK];

#pragma unroll
    for (int i = 0; i < HD_TILE_CHUNK; i++)
      {
        const T *element = depth + i < end ? job.source.element (place, depth + i) : NULL;

        elements[i] = element != NULL ? *element : hd_from_float<T> (0.0f);
      }

#pragma unroll
    for (int i = 0; i < HD_TILE_CHUNK; i++)
      to[i] = elements[i];
  }

  /* One slice, and on to the next. */
  __device__ __forceinline__ void
  copy (const HdTileJob<Source> &job, T *stage)
  {
    const int row = threadIdx.x / HD_TILE_CHUNKS;
    const int chunk = threadIdx.x % HD_TILE_CHUNKS ^ (row >> 1 & 3);
    const T  *weight = static_cast<const T *> (job.weight);
    T        *to = stage + row * HD_TILE_DEPTH + chunk * HD_TILE_CHUNK;

#pragma unroll
    for (int i = 0; i < Shape::x_copies; i++)
      {
        if (!ALIGNED)
          copy_elements (job, to + i * Shape::row_step * HD_TILE_DEPTH, places[i]);
        else
          {
            bool valid = pixels[i] != NULL && depth < end;

            hd_copy_async (to + i * Shape::row_step * HD_TILE_DEPTH, valid ? pixels[i] + channel : weight, valid);
          }
      }

    to += Shape::rows * HD_TILE_DEPTH;
#pragma unroll
    for (int i = 0; i < Shape::w_copies; i++)
      {
        bool valid = weights[i] >= 0 && depth < end;

        hd_copy_async (to + i * Shape::row_step * HD_TILE_DEPTH, weight + (valid ? weights[i] + depth : 0), valid);
      }

    depth += HD_TILE_DEPTH;
    if (ALIGNED && job.source.advance (HD_TILE_DEPTH, &tap, &channel))
      find_pixels (job);
  }
};

/* --- multiplying --- */

/* What a warp multiplies at a time: all its rows and outputs, 16 of the depth. */
template <class Shape>
struct HdTileFragments
{
  static constexpr int n_down = Shape::warp_rows / 16;
  static constexpr int n_across = Shape::warp_outputs / 16;

  uint32_t a[n_down][4];
  uint32_t b[n_across][4];

  /* @half: of a stage's slice. */
  template <typename T> __device__ __forceinline__ void
  load (const T *stage, int half)
  {
    const int lane = threadIdx.x % HD_WARP;
    const int warp = threadIdx.x / HD_WARP;
    const int swizzle = lane >> 1 & 3;
    const int k = half * 2;
    const T  *x = stage + (warp / Shape::warps_across * Shape::warp_rows + lane % 16) * HD_TILE_DEPTH;
    const T  *w = stage + (Shape::rows + warp % Shape::warps_across * Shape::warp_outputs
                           + lane % 8 + lane / 16 * 8) * HD_TILE_DEPTH;

#pragma unroll
    for (int i = 0; i < n_down; i++)
      hd_ldmatrix_x4 (a[i], x + i * 16 * HD_TILE_DEPTH + ((k + lane / 16) ^ swizzle) * HD_TILE_CHUNK);
#pragma unroll
    for (int j = 0; j < n_across; j++)
      hd_ldmatrix_x4 (b[j], w + j * 16 * HD_TILE_DEPTH + ((k + lane / 8 % 2) ^ swizzle) * HD_TILE_CHUNK);
  }

  template <typename T> __device__ __forceinline__ void
  multiply (float (&sums)[n_down][2 * n_across][4]) const
  {
#pragma unroll
    for (int i = 0; i < n_down; i++)
#pragma unroll
      for (int j = 0; j < n_across; j++)
        {
          hd_mma<T> (sums[i][2 * j], a[i], b[j]);
          hd_mma<T> (sums[i][2 * j + 1], a[i], b[j] + 2);
        }
  }
};

/* --- writing --- */

/* A warp's sums, half of its rows at a time, through shared memory, so that each lane has eight neighbours. */
template <typename T, class Source, class Shape> __device__ __forceinline__ void
hd_tile_write (const HdTileJob<Source> &job, int row_tile, int output_tile, float *shared,
               const float (&sums)[Shape::warp_rows / 16][Shape::warp_outputs / 8][4])
{
  constexpr int slab_tiles = Shape::slab_rows / 16;
  const bool    gated = hd_tile_is_gated (job.output);
  const int     lane = threadIdx.x % HD_WARP;
  const int     warp = threadIdx.x / HD_WARP;
  const int     first_row = row_tile * Shape::rows + warp / Shape::warps_across * Shape::warp_rows;
  const int     first_place = warp % Shape::warps_across * Shape::warp_outputs;
  const int     chunks = (gated ? Shape::warp_outputs / 2 : Shape::warp_outputs) / HD_TILE_CHUNK;
  float        *slab = shared + warp * Shape::slab_rows * Shape::slab_stride;

#pragma unroll
  for (int half = 0; half < 2; half++)
    {
#pragma unroll
      for (int i = 0; i < slab_tiles; i++)
#pragma unroll
        for (int j = 0; j < Shape::warp_outputs / 8; j++)
          {
            const float *sum = sums[half * slab_tiles + i][j];
            float       *to = slab + (i * 16 + lane / 4) * Shape::slab_stride + j * 8 + lane % 4 * 2;

            *reinterpret_cast<float2 *> (to) = make_float2 (sum[0], sum[1]);
            *reinterpret_cast<float2 *> (to + 8 * Shape::slab_stride) = make_float2 (sum[2], sum[3]);
          }
      __syncwarp ();

#pragma unroll 1
      for (int i = lane; i < Shape::slab_rows * chunks; i += HD_WARP)
        {
          const int    place = i % chunks * HD_TILE_CHUNK;
          const int    row = first_row + half * Shape::slab_rows + i / chunks;
          const int    output = hd_tile_output<Shape> (output_tile, first_place + place, gated, job.outputs);
          const float *from = slab + i / chunks * Shape::slab_stride + place;

          if (row < job.rows && output < job.outputs)
            hd_tile_put<T> (job.output, row, output, from, from + Shape::warp_outputs / 2);
        }
      __syncwarp ();
    }
}

/* --- the kernel --- */

/* ALIGNED: every tap has a multiple of eight channels, and the addresses of pixels are multiples of 16 bytes. */
template <typename T, class Source, class Shape, bool ALIGNED>
__global__ void __launch_bounds__ (Shape::threads)
hd_tile_kernel (const __grid_constant__ HdTileJob<Source> job)
{
  HD_SHARED (T, stages);
  HdTileCopies<T, Source, Shape, ALIGNED> copies;
  float     sums[Shape::warp_rows / 16][Shape::warp_outputs / 8][4] = {};
  const int tile = job.first_tile + blockIdx.x;
  const int group = tile / (HD_TILE_GROUP * job.output_tiles);
  const int group_rows = min (HD_TILE_GROUP, job.row_tiles - group * HD_TILE_GROUP);
  const int place = tile - group * HD_TILE_GROUP * job.output_tiles;
  const int row_tile = group * HD_TILE_GROUP + place % group_rows;
  const int output_tile = place / group_rows;
  const int first = blockIdx.y * job.part_depth;
  const int last = min (job.depth, first + job.part_depth);
  const int slices = (last - first + HD_TILE_DEPTH - 1) / HD_TILE_DEPTH;
  int       stage = 0;
  HdTileFragments<Shape> fragments[2];

  copies.start (job, row_tile, output_tile, first, last);
#pragma unroll
  for (int i = 0; i < Shape::stages - 1; i++)
    {
      if (i < slices)
        copies.copy (job, stages + i * Shape::stage_elements);
      hd_copy_commit ();
    }
  if (Shape::alone)
    {
      hd_copy_wait<Shape::stages - 2> ();
      __syncthreads ();
      fragments[0].load (stages, 0);
    }

#pragma unroll 1
  for (int slice = 0; slice < slices; slice++)
    {
      const T  *current = stages + stage * Shape::stage_elements;
      T        *before = stages + (stage == 0 ? Shape::stages - 1 : stage - 1) * Shape::stage_elements;
      const int next = stage == Shape::stages - 1 ? 0 : stage + 1;

      /* This slice has arrived, and everybody is done with the stage of the one before it. */
      if (Shape::alone)
        fragments[1].load (current, 1);
      else
        {
          hd_copy_wait<Shape::stages - 2> ();
          __syncthreads ();
        }
      if (slice + Shape::stages - 1 < slices)
        copies.copy (job, before);
      hd_copy_commit ();

      if (Shape::alone)
        {
          fragments[0].template multiply<T> (sums);

          /* The next slice has arrived; what is read behind the last one nobody looks at. */
          hd_copy_wait<Shape::stages - 2> ();
          __syncthreads ();
          fragments[0].load (stages + next * Shape::stage_elements, 0);
          fragments[1].template multiply<T> (sums);
        }
      else
        {
#pragma unroll
          for (int half = 0; half < 2; half++)
            {
              fragments[half].load (current, half);
              fragments[half].template multiply<T> (sums);
            }
        }
      stage = next;
    }

  hd_copy_wait<0> ();
  __syncthreads ();
  hd_tile_write<T, Source, Shape> (job, row_tile, output_tile, reinterpret_cast<float *> (stages), sums);
}
