/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attention with heads of up to 160: each warp has 16 x TILES queries, and all of their results in registers. */

#include "kernels/cuda/attention.cuh"

/* SIZE: of a head, padded; TILES of 16 queries for each of WARPS; KEYS at a time. */
template <int SIZE, int TILES, int WARPS, int KEYS>
struct HdAttentionShape
{
  static constexpr int size = SIZE;
  static constexpr int tiles = TILES;
  static constexpr int keys = KEYS;
  static constexpr int threads = WARPS * HD_WARP;
  static constexpr int warp_queries = TILES * 16;
  static constexpr int queries = WARPS * warp_queries;
  static constexpr int chunks = SIZE / HD_ATTENTION_CHUNK;
  static constexpr int stride = SIZE + HD_ATTENTION_CHUNK;
  static constexpr int block_elements = KEYS * stride;
  static constexpr int shared_bytes = 2 * (queries * stride + 2 * block_elements) + 2 * KEYS * 4;
  /* Queries stay in registers where there is room for them. */
  static constexpr bool keeps_queries = SIZE * TILES <= 128;

  static_assert (SIZE % 16 == 0 && KEYS % 16 == 0, "products are 16 deep");
};

/* Rows of k or v into shared memory; @pixels are those of the block's tokens where there are windows. */
template <typename T, class Shape, bool ALIGNED> __device__ __forceinline__ void
hd_attention_copy_block (T *to, const T *from, int pixel_stride, int head_size, const int *pixels, bool windows,
                         int first, int keys)
{
#pragma unroll
  for (int i = threadIdx.x; i < Shape::keys * Shape::chunks; i += Shape::threads)
    {
      const int  row = i / Shape::chunks;
      const int  channel = i % Shape::chunks * HD_ATTENTION_CHUNK;
      const bool valid = first + row < keys;
      const int  pixel = windows ? pixels[row] : first + row;

      hd_attention_copy<T, ALIGNED> (to + row * Shape::stride + channel,
                                     from + (int64_t) pixel * pixel_stride + channel, from,
                                     head_size - channel, valid);
    }
}

/* The pixels of the tokens from @first on. */
template <class Shape> __device__ __forceinline__ void
hd_attention_find_pixels (const HdAttentionPlace &place, int *pixels, int first, int keys)
{
  if (place.number >= 0)
    for (int i = threadIdx.x; i < Shape::keys; i += Shape::threads)
      pixels[i] = first + i < keys ? hd_attention_pixel (place, first + i) : 0;
}

template <typename T, class Shape> __device__ __forceinline__ void
hd_attention_load_queries (uint32_t (&to)[Shape::tiles][4], const T *queries, int k)
{
  const int lane = threadIdx.x % HD_WARP;

#pragma unroll
  for (int tile = 0; tile < Shape::tiles; tile++)
    hd_ldmatrix_x4 (to[tile], queries + (tile * 16 + lane % 16) * Shape::stride + k * 16 + lane / 16 * 8);
}

/* A warp's results, by way of the room of its queries in shared memory. */
template <typename T, class Shape, bool ALIGNED> __device__ __forceinline__ void
hd_attention_write (const HdAttentionJob &job, const HdAttentionPlace &place, T *shared, int first,
                    float (&results)[Shape::tiles][Shape::size / 8][4], float (&sums)[Shape::tiles][2])
{
  const int lane = threadIdx.x % HD_WARP;
  T        *y = const_cast<T *> (hd_attention_head<T> (job.y, place));

  __syncwarp ();
#pragma unroll
  for (int tile = 0; tile < Shape::tiles; tile++)
    {
      const float upper = 1.0f / hd_attention_row_sum (sums[tile][0]);
      const float lower = 1.0f / hd_attention_row_sum (sums[tile][1]);
      T          *to = shared + (tile * 16 + lane / 4) * Shape::stride + lane % 4 * 2;

#pragma unroll
      for (int j = 0; j < Shape::size / 8; j++)
        {
          const float *result = results[tile][j];

          *reinterpret_cast<uint32_t *> (to + j * 8) = hd_pack<T> (result[0] * upper, result[1] * upper);
          *reinterpret_cast<uint32_t *> (to + 8 * Shape::stride + j * 8) = hd_pack<T> (result[2] * lower,
                                                                                       result[3] * lower);
        }
    }
  __syncwarp ();

#pragma unroll 1
  for (int i = lane; i < Shape::warp_queries * Shape::chunks; i += HD_WARP)
    {
      const int row = i / Shape::chunks;
      const int channel = i % Shape::chunks * HD_ATTENTION_CHUNK;

      if (first + row < job.queries)
        {
          T *to = y + (int64_t) hd_attention_pixel (place, first + row) * job.y.pixel_stride + channel;

          hd_attention_keep<T, ALIGNED> (to, shared + row * Shape::stride + channel, job.head_size - channel);
        }
    }
}

/* ALIGNED: heads are multiples of eight channels, and rows begin at multiples of 16 bytes. */
template <typename T, class Shape, bool ALIGNED>
__global__ void __launch_bounds__ (Shape::threads)
hd_attention_kernel (const __grid_constant__ HdAttentionJob job)
{
  constexpr int size = Shape::size;
  constexpr int keys = Shape::keys;
  constexpr int tiles = Shape::tiles;
  HD_SHARED (T, shared);
  T        *key_block = shared + Shape::queries * Shape::stride;
  T        *value_block = key_block + Shape::block_elements;
  int      *pixels = reinterpret_cast<int *> (value_block + Shape::block_elements);
  const HdAttentionPlace place = hd_attention_place (job, Shape::queries);
  const bool windows = place.number >= 0;
  const T  *q = hd_attention_head<T> (job.q, place);
  const T  *k = hd_attention_head<T> (job.k, place);
  const T  *v = hd_attention_head<T> (job.v, place);
  const int lane = threadIdx.x % HD_WARP;
  const int warp_first = threadIdx.x / HD_WARP * Shape::warp_queries;
  T        *queries = shared + warp_first * Shape::stride;
  const int seen = job.causal ? min (job.keys, place.query + Shape::queries) : job.keys;
  const int blocks = (seen + keys - 1) / keys;
  float     results[tiles][size / 8][4] = {};
  float     maxima[tiles][2];
  float     sums[tiles][2] = {};
  uint32_t  kept[Shape::keeps_queries ? size / 16 : 1][tiles][4];

#pragma unroll
  for (int tile = 0; tile < tiles; tile++)
    maxima[tile][0] = maxima[tile][1] = -INFINITY;

#pragma unroll 1
  for (int i = threadIdx.x; i < Shape::queries * Shape::chunks; i += Shape::threads)
    {
      const int  row = i / Shape::chunks;
      const int  channel = i % Shape::chunks * HD_ATTENTION_CHUNK;
      const bool valid = place.query + row < job.queries;
      const int  pixel = valid ? hd_attention_pixel (place, place.query + row) : 0;

      hd_attention_copy<T, ALIGNED> (shared + row * Shape::stride + channel,
                                     q + (int64_t) pixel * job.q.pixel_stride + channel, q,
                                     job.head_size - channel, valid);
    }

  hd_attention_find_pixels<Shape> (place, pixels, 0, job.keys);
  __syncthreads ();
  hd_attention_copy_block<T, Shape, ALIGNED> (key_block, k, job.k.pixel_stride, job.head_size, pixels, windows, 0,
                                              job.keys);
  hd_copy_commit ();

  if (Shape::keeps_queries)
    {
      hd_copy_wait<0> ();
      __syncthreads ();
#pragma unroll
      for (int i = 0; i < size / 16; i++)
        hd_attention_load_queries<T, Shape> (kept[Shape::keeps_queries ? i : 0], queries, i);
    }

#pragma unroll 1
  for (int block = 0; block < blocks; block++)
    {
      const int first = block * keys;
      float     scores[tiles][keys / 8][4] = {};
      int      *here = pixels + block % 2 * keys;
      int      *next = pixels + (block + 1) % 2 * keys;

      /* The keys have arrived, and everybody is done with the values before. */
      hd_copy_wait<0> ();
      __syncthreads ();
      hd_attention_copy_block<T, Shape, ALIGNED> (value_block, v, job.v.pixel_stride, job.head_size, here, windows,
                                                  first, job.keys);
      hd_copy_commit ();
      hd_attention_find_pixels<Shape> (place, next, first + keys, job.keys);

#pragma unroll
      for (int i = 0; i < size / 16; i++)
        {
          uint32_t loaded[tiles][4];

          if (!Shape::keeps_queries)
            hd_attention_load_queries<T, Shape> (loaded, queries, i);

#pragma unroll
          for (int j = 0; j < keys / 16; j++)
            {
              uint32_t b[4];

              hd_ldmatrix_x4 (b, key_block + (j * 16 + lane / 16 * 8 + lane % 8) * Shape::stride
                                 + i * 16 + lane / 8 % 2 * 8);
#pragma unroll
              for (int tile = 0; tile < tiles; tile++)
                {
                  const uint32_t *a = Shape::keeps_queries ? kept[Shape::keeps_queries ? i : 0][tile] : loaded[tile];

                  hd_mma<T> (scores[tile][2 * j], a, b);
                  hd_mma<T> (scores[tile][2 * j + 1], a, b + 2);
                }
            }
        }

      /* The values have arrived, and everybody is done with the keys. */
      hd_copy_wait<0> ();
      __syncthreads ();
      if (block + 1 < blocks)
        hd_attention_copy_block<T, Shape, ALIGNED> (key_block, k, job.k.pixel_stride, job.head_size, next, windows,
                                                    first + keys, job.keys);
      hd_copy_commit ();

#pragma unroll
      for (int tile = 0; tile < tiles; tile++)
        {
          const int query = place.query + warp_first + tile * 16;
          float     scale[2];

          if (first + keys > job.keys || (job.causal && first + keys > query))
            hd_attention_mask<keys> (scores[tile], query + lane / 4, first + lane % 4 * 2, job.keys, job.causal);
          hd_attention_softmax<keys> (scores[tile], maxima[tile], sums[tile], scale, job.factor);

#pragma unroll
          for (int j = 0; j < size / 8; j++)
#pragma unroll
            for (int i = 0; i < 4; i++)
              results[tile][j][i] *= scale[i / 2];
        }

#pragma unroll
      for (int i = 0; i < keys / 16; i++)
        {
          uint32_t a[tiles][4];

#pragma unroll
          for (int tile = 0; tile < tiles; tile++)
            hd_attention_fragment<T> (a[tile], scores[tile][2 * i], scores[tile][2 * i + 1]);

#pragma unroll
          for (int j = 0; j < size / 16; j++)
            {
              uint32_t b[4];

              hd_ldmatrix_x4_trans (b, value_block + (i * 16 + lane % 16) * Shape::stride + j * 16 + lane / 16 * 8);
#pragma unroll
              for (int tile = 0; tile < tiles; tile++)
                {
                  hd_mma<T> (results[tile][2 * j], a[tile], b);
                  hd_mma<T> (results[tile][2 * j + 1], a[tile], b + 2);
                }
            }
        }
    }

  hd_attention_write<T, Shape, ALIGNED> (job, place, queries, place.query + warp_first, results, sums);
}
