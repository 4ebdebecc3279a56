/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attention with one wide head of up to 512 channels, as VAEs have it. Results of 64 queries are all that the registers
 * of a block hold: warp (r, h) has those of 16 queries for one half of the channels, and makes the scores with one half
 * of a block of keys. The weights of the other half come to it through shared memory. Keys and values pass by in panels
 * of 64 tokens x 64 channels, two of which are in shared memory at a time. */

#include "kernels/cuda/attention.cuh"

#define HD_WIDE_SIZE     512
#define HD_WIDE_HALF     (HD_WIDE_SIZE / 2)
#define HD_WIDE_QUERIES  64
#define HD_WIDE_KEYS     64
#define HD_WIDE_WARPS    8
#define HD_WIDE_THREADS  (HD_WIDE_WARPS * HD_WARP)
#define HD_WIDE_STRIDE   (HD_WIDE_SIZE + HD_ATTENTION_CHUNK)     /* of queries */
#define HD_WIDE_PANEL    64                                      /* channels */
#define HD_WIDE_PANELS   (HD_WIDE_SIZE / HD_WIDE_PANEL)
#define HD_WIDE_P_STRIDE (HD_WIDE_PANEL + HD_ATTENTION_CHUNK)    /* of panels, and of weights */
#define HD_WIDE_CHUNKS   (HD_WIDE_PANEL / HD_ATTENTION_CHUNK)

#define HD_WIDE_PANEL_ELEMENTS (HD_WIDE_KEYS * HD_WIDE_P_STRIDE)
#define HD_WIDE_SHARED_BYTES   (2 * (HD_WIDE_QUERIES * HD_WIDE_STRIDE + 2 * HD_WIDE_PANEL_ELEMENTS \
                                     + HD_WIDE_QUERIES * HD_WIDE_P_STRIDE) \
                                + 4 * (2 * HD_WIDE_QUERIES + 2 * HD_WIDE_KEYS))

/* Shared memory. */
template <typename T>
struct HdWideRoom
{
  T     *queries;
  T     *panels;      /* two of them */
  T     *weights;     /* of 64 queries with 64 keys */
  float *rows;        /* of two halves, by 64 queries: what they tell each other */
  int   *pixels;      /* of two blocks of keys */

  __device__ __forceinline__ T *
  panel (int number) const
  {
    return panels + number % 2 * HD_WIDE_PANEL_ELEMENTS;
  }
};

/* The channel where @chunk of panel @panel of the values begins. One half of a panel is of the head's first half and
 * one of its second, so that all warps have work with every panel. */
__device__ __forceinline__ int
hd_wide_value_channel (int panel, int chunk)
{
  const int half = chunk / (HD_WIDE_CHUNKS / 2);

  return half * HD_WIDE_HALF + panel * (HD_WIDE_PANEL / 2) + chunk % (HD_WIDE_CHUNKS / 2) * HD_ATTENTION_CHUNK;
}

/* Queues panel @panel of the keys or values of the tokens from @first on. */
template <typename T, bool ALIGNED, bool VALUES> __device__ __forceinline__ void
hd_wide_copy_panel (const HdAttentionJob &job, T *to, const T *from, int pixel_stride, const int *pixels, bool windows,
                    int first, int panel)
{
  /* Not unrolled: the results need the registers. */
#pragma unroll 1
  for (int i = threadIdx.x; i < HD_WIDE_KEYS * HD_WIDE_CHUNKS; i += HD_WIDE_THREADS)
    {
      const int  row = i / HD_WIDE_CHUNKS;
      const int  chunk = i % HD_WIDE_CHUNKS;
      const int  channel = VALUES ? hd_wide_value_channel (panel, chunk)
                                  : panel * HD_WIDE_PANEL + chunk * HD_ATTENTION_CHUNK;
      const bool valid = first + row < job.keys;
      const int  pixel = windows ? pixels[row] : first + row;

      hd_attention_copy<T, ALIGNED> (to + row * HD_WIDE_P_STRIDE + chunk * HD_ATTENTION_CHUNK,
                                     from + (int64_t) pixel * pixel_stride + channel, from,
                                     job.head_size - channel, valid);
    }
}

__device__ __forceinline__ void
hd_wide_find_pixels (const HdAttentionPlace &place, int *pixels, int first, int keys)
{
  if (place.number >= 0)
    for (int i = threadIdx.x; i < HD_WIDE_KEYS; i += HD_WIDE_THREADS)
      pixels[i] = first + i < keys ? hd_attention_pixel (place, first + i) : 0;
}

template <typename T, bool ALIGNED> __device__ __forceinline__ void
hd_wide_copy_queries (const HdAttentionJob &job, const HdAttentionPlace &place, T *to)
{
  const T *q = hd_attention_head<T> (job.q, place);

#pragma unroll 1
  for (int i = threadIdx.x; i < HD_WIDE_QUERIES * HD_WIDE_SIZE / HD_ATTENTION_CHUNK; i += HD_WIDE_THREADS)
    {
      const int  row = i / (HD_WIDE_SIZE / HD_ATTENTION_CHUNK);
      const int  channel = i % (HD_WIDE_SIZE / HD_ATTENTION_CHUNK) * HD_ATTENTION_CHUNK;
      const bool valid = place.query + row < job.queries;
      const int  pixel = valid ? hd_attention_pixel (place, place.query + row) : 0;

      hd_attention_copy<T, ALIGNED> (to + row * HD_WIDE_STRIDE + channel,
                                     q + (int64_t) pixel * job.q.pixel_stride + channel, q,
                                     job.head_size - channel, valid);
    }
}

/* Waits for a panel, and until everybody is done with the one before it. */
__device__ __forceinline__ void
hd_wide_next_panel (void)
{
  hd_copy_wait<0> ();
  __syncthreads ();
}

/* Products of 16 queries and 32 keys over the channels of a panel. */
template <typename T> __device__ __forceinline__ void
hd_wide_multiply_keys (float (&scores)[HD_WIDE_KEYS / 16][4], const T *queries, const T *panel)
{
  const int lane = threadIdx.x % HD_WARP;

#pragma unroll
  for (int i = 0; i < HD_WIDE_PANEL / 16; i++)
    {
      uint32_t a[4];

      hd_ldmatrix_x4 (a, queries + lane % 16 * HD_WIDE_STRIDE + i * 16 + lane / 16 * 8);
#pragma unroll
      for (int j = 0; j < HD_WIDE_KEYS / 32; j++)
        {
          uint32_t b[4];

          hd_ldmatrix_x4 (b, panel + (j * 16 + lane / 16 * 8 + lane % 8) * HD_WIDE_P_STRIDE
                             + i * 16 + lane / 8 % 2 * 8);
          hd_mma<T> (scores[2 * j], a, b);
          hd_mma<T> (scores[2 * j + 1], a, b + 2);
        }
    }
}

/* Both halves of a row: combined in the same order by both, whose results are so the same. */
template <bool LARGEST> __device__ __forceinline__ float
hd_wide_exchange (const float *rows, int row)
{
  return LARGEST ? fmaxf (rows[row], rows[HD_WIDE_QUERIES + row]) : rows[row] + rows[HD_WIDE_QUERIES + row];
}

/* Scores become weights, which go to shared memory; @scale: what earlier results are to be multiplied by. Contains a
 * barrier; another one has to follow before the weights are read. */
template <typename T> __device__ __forceinline__ void
hd_wide_softmax (const HdWideRoom<T> &room, float (&scores)[HD_WIDE_KEYS / 16][4], float maxima[2], float sums[2],
                 float scale[2], float factor)
{
  const int lane = threadIdx.x % HD_WARP;
  const int half = threadIdx.x / HD_WARP % 2;
  const int row = threadIdx.x / HD_WARP / 2 * 16 + lane / 4;
  float     largest[2] = { maxima[0], maxima[1] };

#pragma unroll
  for (int i = 0; i < 2; i++)
    {
#pragma unroll
      for (int j = 0; j < HD_WIDE_KEYS / 16; j++)
        largest[i] = fmaxf (largest[i], fmaxf (scores[j][2 * i], scores[j][2 * i + 1]));
      largest[i] = hd_attention_row_max (largest[i]);
      if (lane % 4 == 0)
        room.rows[half * HD_WIDE_QUERIES + row + 8 * i] = largest[i];
    }
  __syncthreads ();

#pragma unroll
  for (int i = 0; i < 2; i++)
    {
      float sum = 0.0f;

      largest[i] = hd_wide_exchange<true> (room.rows, row + 8 * i);
      scale[i] = hd_exp2 ((maxima[i] - largest[i]) * factor);
      maxima[i] = largest[i];

#pragma unroll
      for (int j = 0; j < HD_WIDE_KEYS / 16; j++)
        {
          float left = hd_exp2 (scores[j][2 * i] * factor - largest[i] * factor);
          float right = hd_exp2 (scores[j][2 * i + 1] * factor - largest[i] * factor);
          T    *to = room.weights + (row + 8 * i) * HD_WIDE_P_STRIDE + half * (HD_WIDE_KEYS / 2) + j * 8 + lane % 4 * 2;

          *reinterpret_cast<uint32_t *> (to) = hd_pack<T> (left, right);
          sum += left + right;
        }
      sums[i] = sums[i] * scale[i] + sum;
    }
}

/* A warp's results, by way of its part of the queries' room. */
template <typename T, bool ALIGNED> __device__ __forceinline__ void
hd_wide_write (const HdAttentionJob &job, const HdAttentionPlace &place, const HdWideRoom<T> &room,
               const float (&results)[HD_WIDE_HALF / 8][4], const float sums[2])
{
  const int lane = threadIdx.x % HD_WARP;
  const int half = threadIdx.x / HD_WARP % 2;
  const int first = threadIdx.x / HD_WARP / 2 * 16;
  T        *part = room.queries + first * HD_WIDE_STRIDE + half * HD_WIDE_HALF;
  T        *y = const_cast<T *> (hd_attention_head<T> (job.y, place));

#pragma unroll
  for (int i = 0; i < 2; i++)
    {
      float sum = hd_attention_row_sum (sums[i]);

      if (lane % 4 == 0)
        room.rows[half * HD_WIDE_QUERIES + first + lane / 4 + 8 * i] = sum;
    }
  __syncthreads ();

#pragma unroll
  for (int i = 0; i < 2; i++)
    {
      const float share = 1.0f / hd_wide_exchange<false> (room.rows, first + lane / 4 + 8 * i);
      T          *to = part + (lane / 4 + 8 * i) * HD_WIDE_STRIDE + lane % 4 * 2;

#pragma unroll
      for (int j = 0; j < HD_WIDE_HALF / 8; j++)
        *reinterpret_cast<uint32_t *> (to + j * 8) = hd_pack<T> (results[j][2 * i] * share,
                                                                 results[j][2 * i + 1] * share);
    }
  __syncwarp ();

#pragma unroll 1
  for (int i = lane; i < 16 * HD_WIDE_HALF / HD_ATTENTION_CHUNK; i += HD_WARP)
    {
      const int row = i / (HD_WIDE_HALF / HD_ATTENTION_CHUNK);
      const int place_in_half = i % (HD_WIDE_HALF / HD_ATTENTION_CHUNK) * HD_ATTENTION_CHUNK;
      const int channel = half * HD_WIDE_HALF + place_in_half;
      const int query = place.query + first + row;

      if (query < job.queries)
        hd_attention_keep<T, ALIGNED> (y + (int64_t) hd_attention_pixel (place, query) * job.y.pixel_stride + channel,
                                       part + row * HD_WIDE_STRIDE + place_in_half, job.head_size - channel);
    }
}

template <typename T, bool ALIGNED>
__global__ void __launch_bounds__ (HD_WIDE_THREADS)
hd_attention_wide_kernel (const __grid_constant__ HdAttentionJob job)
{
  HD_SHARED (T, shared);
  const HdAttentionPlace place = hd_attention_place (job, HD_WIDE_QUERIES);
  const bool    windows = place.number >= 0;
  const T      *k = hd_attention_head<T> (job.k, place);
  const T      *v = hd_attention_head<T> (job.v, place);
  const int     lane = threadIdx.x % HD_WARP;
  const int     half = threadIdx.x / HD_WARP % 2;
  const int     first_row = threadIdx.x / HD_WARP / 2 * 16;
  const int     seen = job.causal ? min (job.keys, place.query + HD_WIDE_QUERIES) : job.keys;
  const int     blocks = (seen + HD_WIDE_KEYS - 1) / HD_WIDE_KEYS;
  float         results[HD_WIDE_HALF / 8][4] = {};
  float         maxima[2] = { -INFINITY, -INFINITY };
  float         sums[2] = {};
  HdWideRoom<T> room;

  room.queries = shared;
  room.panels = room.queries + HD_WIDE_QUERIES * HD_WIDE_STRIDE;
  room.weights = room.panels + 2 * HD_WIDE_PANEL_ELEMENTS;
  room.rows = reinterpret_cast<float *> (room.weights + HD_WIDE_QUERIES * HD_WIDE_P_STRIDE);
  room.pixels = reinterpret_cast<int *> (room.rows + 2 * HD_WIDE_QUERIES);

  hd_wide_copy_queries<T, ALIGNED> (job, place, room.queries);
  hd_wide_find_pixels (place, room.pixels, 0, job.keys);
  __syncthreads ();
  hd_wide_copy_panel<T, ALIGNED, false> (job, room.panels, k, job.k.pixel_stride, room.pixels, windows, 0, 0);
  hd_copy_commit ();

#pragma unroll 1
  for (int block = 0; block < blocks; block++)
    {
      const int first = block * HD_WIDE_KEYS;
      int      *here = room.pixels + block % 2 * HD_WIDE_KEYS;
      int      *next = room.pixels + (block + 1) % 2 * HD_WIDE_KEYS;
      float     scores[HD_WIDE_KEYS / 16][4] = {};
      float     scale[2];
      uint32_t  weights[HD_WIDE_KEYS / 16][4];

#pragma unroll 1
      for (int panel = 0; panel < HD_WIDE_PANELS; panel++)
        {
          hd_wide_next_panel ();
          if (panel + 1 < HD_WIDE_PANELS)
            hd_wide_copy_panel<T, ALIGNED, false> (job, room.panel (panel + 1), k, job.k.pixel_stride, here,
                                                   windows, first, panel + 1);
          else
            hd_wide_copy_panel<T, ALIGNED, true> (job, room.panel (panel + 1), v, job.v.pixel_stride, here,
                                                  windows, first, 0);
          hd_copy_commit ();

          hd_wide_multiply_keys<T> (scores, room.queries + first_row * HD_WIDE_STRIDE + panel * HD_WIDE_PANEL,
                                    room.panel (panel) + half * (HD_WIDE_KEYS / 2) * HD_WIDE_P_STRIDE);
        }

      if (first + HD_WIDE_KEYS > job.keys || job.causal)
        hd_attention_mask<HD_WIDE_KEYS / 2> (scores, place.query + first_row + lane / 4,
                                             first + half * (HD_WIDE_KEYS / 2) + lane % 4 * 2, job.keys, job.causal);
      hd_wide_softmax<T> (room, scores, maxima, sums, scale, job.factor);
      hd_wide_find_pixels (place, next, first + HD_WIDE_KEYS, job.keys);

#pragma unroll
      for (int j = 0; j < HD_WIDE_HALF / 8; j++)
#pragma unroll
        for (int i = 0; i < 4; i++)
          results[j][i] *= scale[i / 2];

#pragma unroll
      for (int panel = 0; panel < HD_WIDE_PANELS; panel++)
        {
          const T *values = room.panel (panel) + half * (HD_WIDE_PANEL / 2);

          hd_wide_next_panel ();
          if (panel + 1 < HD_WIDE_PANELS)
            hd_wide_copy_panel<T, ALIGNED, true> (job, room.panel (panel + 1), v, job.v.pixel_stride, here,
                                                  windows, first, panel + 1);
          else if (block + 1 < blocks)
            hd_wide_copy_panel<T, ALIGNED, false> (job, room.panel (panel + 1), k, job.k.pixel_stride, next,
                                                   windows, first + HD_WIDE_KEYS, 0);
          hd_copy_commit ();

          if (panel == 0)
#pragma unroll
            for (int i = 0; i < HD_WIDE_KEYS / 16; i++)
              hd_ldmatrix_x4 (weights[i], room.weights + (first_row + lane % 16) * HD_WIDE_P_STRIDE
                                          + i * 16 + lane / 16 * 8);

#pragma unroll
          for (int i = 0; i < HD_WIDE_KEYS / 16; i++)
#pragma unroll
            for (int j = 0; j < HD_WIDE_PANEL / 32; j++)
              {
                float  (*to)[4] = results + panel * (HD_WIDE_PANEL / 16) + 2 * j;
                uint32_t b[4];

                hd_ldmatrix_x4_trans (b, values + (i * 16 + lane % 16) * HD_WIDE_P_STRIDE + j * 16 + lane / 16 * 8);
                hd_mma<T> (to[0], weights[i], b);
                hd_mma<T> (to[1], weights[i], b + 2);
              }
        }
    }

  /* Both warps of a row are done with its queries since the last keys. */
  hd_wide_write<T, ALIGNED> (job, place, room, results, sums);
}
