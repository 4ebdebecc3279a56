/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What both attention kernels share: FlashAttention-2 (arXiv 2307.08691) with mma.m16n8k16. Scores are made block by
 * block, exponentiated with a running maximum and multiplied with the values at once; none is ever written to memory.
 *
 * A *problem* is one head of one window of one image (or of a whole image). Rows of q, k, v and y are pixels; with
 * windows, token i of a problem is the pixel that kernels/window.h says, and every load and store goes through that
 * map. In shared memory a row of SIZE elements takes SIZE + 8, an odd number of 16-byte chunks: ldmatrix then meets
 * no bank twice. Heads are padded with zeros to SIZE, a multiple of 16. */

#include "kernels/cuda/device.cuh"
#include "kernels/window.h"

#define HD_ATTENTION_CHUNK 8   /* elements of 16 bytes */

/**
 * HdAttentionMap:
 * @data: the first element
 * @image_stride: elements from image to image
 * @pixel_stride: elements from pixel to pixel
 */
typedef struct
{
  const void *data;
  int64_t     image_stride;
  int         pixel_stride;
} HdAttentionMap;

/**
 * HdAttentionJob:
 * @queries: tokens of a problem that ask
 * @keys: tokens of a problem that answer
 * @factor: what scores are multiplied by before 2 is raised to them: log2 (e) / sqrt (head size)
 * @n_windows: 1 or 4
 * @window: read if @n_windows is 4
 * @shift: (nullable): in device memory, shift_y and shift_x in place of those of @window, so that a recorded graph can
 *   be replayed with others
 * @query_blocks: blocks of queries of a problem
 * @first_block: of this launch, counted over all problems
 */
typedef struct
{
  HdAttentionMap q;
  HdAttentionMap k;
  HdAttentionMap v;
  HdAttentionMap y;
  int            head_size;
  int            heads;
  int            queries;
  int            keys;
  float          factor;
  bool           causal;
  int            n_windows;
  HdWindow       window;
  const int     *shift;
  int            query_blocks;
  int            first_block;
} HdAttentionJob;

/* Where this block's problem lies. */
typedef struct
{
  HdWindow window;
  int      number;    /* of the window; -1: the whole map */
  int      image;
  int      channel;   /* of the head, the first */
  int      query;     /* the block's first */
} HdAttentionPlace;

__device__ __forceinline__ HdAttentionPlace
hd_attention_place (const HdAttentionJob &job, int block_queries)
{
  const int        block = job.first_block + (int) blockIdx.x;
  const int        problem = block / job.query_blocks;
  const int        group = problem / job.heads;
  HdAttentionPlace place;

  place.window = job.window;
  if (job.shift != NULL)
    {
      place.window.shift_y = job.shift[0];
      place.window.shift_x = job.shift[1];
    }
  place.number = job.n_windows > 1 ? group % job.n_windows : -1;
  place.image = group / job.n_windows;
  place.channel = problem % job.heads * job.head_size;
  place.query = block % job.query_blocks * block_queries;

  return place;
}

/* Token @i of the problem as a pixel of its image. */
__device__ __forceinline__ int
hd_attention_pixel (const HdAttentionPlace &place, int i)
{
  return place.number < 0 ? i : hd_window_pixel (&place.window, place.number, i);
}

template <typename T> __device__ __forceinline__ const T *
hd_attention_head (const HdAttentionMap &map, const HdAttentionPlace &place)
{
  return static_cast<const T *> (map.data) + place.image * map.image_stride + place.channel;
}

/* Eight elements of a row of which @count belong to the head, into shared memory. Not ALIGNED: they may lie anywhere,
 * and have arrived when this returns. */
template <typename T, bool ALIGNED> __device__ __forceinline__ void
hd_attention_copy (T *to, const T *from, const T *any, int count, bool valid)
{
  if (ALIGNED)
    {
      valid = valid && count > 0;
      hd_copy_async (to, valid ? from : any, valid);
    }
  else
    {
#pragma unroll
      for (int i = 0; i < HD_ATTENTION_CHUNK; i++)
        to[i] = valid && i < count ? from[i] : hd_from_float<T> (0.0f);
    }
}

/* Eight results, of which @count belong to the head. */
template <typename T, bool ALIGNED> __device__ __forceinline__ void
hd_attention_keep (T *to, const T *from, int count)
{
  if (count <= 0)
    return;

  if (ALIGNED)
    *reinterpret_cast<uint4 *> (to) = *reinterpret_cast<const uint4 *> (from);
  else
    {
#pragma unroll
      for (int i = 0; i < HD_ATTENTION_CHUNK; i++)
        if (i < count)
          to[i] = from[i];
    }
}

/* --- the online softmax of the two rows that a lane has of a 16 x 8 tile --- */

/* The largest of a row's values, which four lanes share. */
__device__ __forceinline__ float
hd_attention_row_max (float x)
{
  x = fmaxf (x, __shfl_xor_sync (HD_FULL_WARP, x, 1));
  return fmaxf (x, __shfl_xor_sync (HD_FULL_WARP, x, 2));
}

__device__ __forceinline__ float
hd_attention_row_sum (float x)
{
  x += __shfl_xor_sync (HD_FULL_WARP, x, 1);
  return x + __shfl_xor_sync (HD_FULL_WARP, x, 2);
}

/* Scores of 16 queries with COLUMNS keys become weights; the running maxima and this lane's share of the sums follow.
 * @scale: what earlier results are to be multiplied by. */
template <int COLUMNS> __device__ __forceinline__ void
hd_attention_softmax (float (&scores)[COLUMNS / 8][4], float maxima[2], float sums[2], float scale[2], float factor)
{
#pragma unroll
  for (int half = 0; half < 2; half++)
    {
      float largest = maxima[half];
      float sum = 0.0f;

#pragma unroll
      for (int j = 0; j < COLUMNS / 8; j++)
        largest = fmaxf (largest, fmaxf (scores[j][2 * half], scores[j][2 * half + 1]));
      largest = hd_attention_row_max (largest);

      scale[half] = hd_exp2 ((maxima[half] - largest) * factor);
      maxima[half] = largest;

#pragma unroll
      for (int j = 0; j < COLUMNS / 8; j++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++)
          {
            scores[j][i] = hd_exp2 (scores[j][i] * factor - largest * factor);
            sum += scores[j][i];
          }
      sums[half] = sums[half] * scale[half] + sum;
    }
}

/* Scores that nobody is to see: of keys from @keys on, or after their query. The lane's first score is that of @query
 * with @key. */
template <int COLUMNS> __device__ __forceinline__ void
hd_attention_mask (float (&scores)[COLUMNS / 8][4], int query, int key, int keys, bool causal)
{
#pragma unroll
  for (int j = 0; j < COLUMNS / 8; j++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      {
        int column = key + j * 8 + i % 2;

        if (column >= keys || (causal && column > query + i / 2 * 8))
          scores[j][i] = -INFINITY;
      }
}

/* Weights of 16 keys as the left operand of a product. */
template <typename T> __device__ __forceinline__ void
hd_attention_fragment (uint32_t to[4], const float left[4], const float right[4])
{
  to[0] = hd_pack<T> (left[0], left[1]);
  to[1] = hd_pack<T> (left[2], left[3]);
  to[2] = hd_pack<T> (right[0], right[1]);
  to[3] = hd_pack<T> (right[2], right[3]);
}
