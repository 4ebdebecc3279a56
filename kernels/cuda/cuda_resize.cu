/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* The pooling of 2x2 pixels and the bicubic resize: a thread makes 16 bytes of a pixel's channels. */

#define THREADS 256
#define TAPS    4

/* What rows of the result are made of, and where a thread is in them. */
typedef struct
{
  int       height;          /* of the input */
  int       width;
  int       channels;
  int       to_height;       /* of the result */
  int       to_width;
  HdDivisor vectors;         /* of a pixel */
  HdDivisor row_vectors;     /* of a row of the result */
} ResizeShape;

typedef struct
{
  int64_t image;       /* begin of the input's image, in elements */
  int64_t to;          /* in elements */
  int     y;           /* in the result */
  int     x;
  int     channel;
  bool    active;
} ResizePlace;

/* Grid: blocks of a row, rows from @first_row on (over all images). */
template <int N> __device__ __forceinline__ ResizePlace
find_place (const ResizeShape &shape,
            int64_t            first_row)
{
  const int64_t row = first_row + blockIdx.y;
  const uint32_t i = blockIdx.x * THREADS + threadIdx.x;
  ResizePlace   place;

  place.active = i < shape.row_vectors.divisor;
  place.image = row / shape.to_height * shape.height * shape.width * shape.channels;
  place.y = (int) (row % shape.to_height);
  place.x = (int) hd_divide (i, shape.vectors);
  place.channel = (int) hd_modulo (i, shape.vectors) * N;
  place.to = (row * shape.to_width + place.x) * shape.channels + place.channel;

  return place;
}

/* --- pooling --- */

/* Beyond the border the last pixel stands in: the mean of a and a is the mean of a. */
template <typename T, int N> __global__ void __launch_bounds__ (THREADS)
pool_kernel (T          *y,          /* (N, to_height, to_width, C) */
             const T    *x,          /* (N, height, width, C) */
             ResizeShape shape,
             int64_t     first_row)
{
  const ResizePlace place = find_place<N> (shape, first_row);
  float             corner[4][N];

  if (!place.active)
    return;

#pragma unroll
  for (int i = 0; i < 4; i++)
    {
      const int64_t row = min (2 * place.y + i / 2, shape.height - 1);
      const int64_t column = min (2 * place.x + i % 2, shape.width - 1);

      hd_load<T, N> (corner[i], x + place.image + (row * shape.width + column) * shape.channels + place.channel);
    }

#pragma unroll
  for (int i = 0; i < N; i++)
    corner[0][i] = 0.25f * ((corner[0][i] + corner[1][i]) + (corner[2][i] + corner[3][i]));
  hd_store<T, N> (y + place.to, corner[0]);
}

/* --- bicubic --- */

/* Where a result's coordinate reads, and how much of each. */
typedef struct
{
  int   place[TAPS];
  float weight[TAPS];
} Taps;

template <typename T, int N> __global__ void __launch_bounds__ (THREADS)
bicubic_kernel (T          *y,          /* (N, to_height, to_width, C) */
                const T    *x,          /* (N, height, width, C) */
                const Taps *rows,       /* (to_height) */
                const Taps *columns,    /* (to_width) */
                ResizeShape shape,
                int64_t     first_row)
{
  const ResizePlace place = find_place<N> (shape, first_row);
  float             sum[N] = { 0 };

  if (!place.active)
    return;

  const Taps row_taps = rows[place.y];
  const Taps column_taps = columns[place.x];

#pragma unroll
  for (int i = 0; i < TAPS; i++)
    {
      const T *row = x + place.image + (int64_t) row_taps.place[i] * shape.width * shape.channels + place.channel;
      float    mixed[N] = { 0 };

#pragma unroll
      for (int j = 0; j < TAPS; j++)
        {
          float values[N];

          hd_load<T, N> (values, row + (int64_t) column_taps.place[j] * shape.channels);
#pragma unroll
          for (int k = 0; k < N; k++)
            mixed[k] += column_taps.weight[j] * values[k];
        }
#pragma unroll
      for (int k = 0; k < N; k++)
        sum[k] += row_taps.weight[i] * mixed[k];
    }

  hd_store<T, N> (y + place.to, sum);
}

/* Keys' cubic convolution with a = -0.75, as torch.nn.functional.interpolate (mode="bicubic", align_corners=False).
 * Made on the device, so that a recorded step needs nothing from the host. */
__global__ void __launch_bounds__ (THREADS)
taps_kernel (Taps *taps,         /* (@to) */
             int   from,
             int   to)
{
  const double a = -0.75;
  const int    i = blockIdx.x * THREADS + threadIdx.x;

  if (i >= to)
    return;

  const double center = (i + 0.5) * from / to - 0.5;
  const double first = floor (center);
  const double t = center - first;
  const double u = 1.0 - t;

  taps[i].weight[0] = (float) (((a * (t + 1.0) - 5.0 * a) * (t + 1.0) + 8.0 * a) * (t + 1.0) - 4.0 * a);
  taps[i].weight[1] = (float) (((a + 2.0) * t - (a + 3.0)) * t * t + 1.0);
  taps[i].weight[2] = (float) (((a + 2.0) * u - (a + 3.0)) * u * u + 1.0);
  taps[i].weight[3] = (float) (((a * (u + 1.0) - 5.0 * a) * (u + 1.0) + 8.0 * a) * (u + 1.0) - 4.0 * a);
#pragma unroll
  for (int j = 0; j < TAPS; j++)
    taps[i].place[j] = min (max ((int) first - 1 + j, 0), from - 1);
}

/* --- launching --- */

typedef struct
{
  HdTensor       *y;
  const HdTensor *x;
  const Taps     *rows;        /* on the device; NULL: pooling */
  const Taps     *columns;
} Resize;

template <typename T, int N> static gboolean
launch_as (HdCudaContext *cuda,
           const Resize  *work,
           GError       **error)
{
  const HdTensor   *x = work->x;
  const HdTensor   *y = work->y;
  const gint64      row_vectors = (gint64) y->width * ((y->channels + N - 1) / N);
  const gint64      rows = (gint64) y->batch * y->height;
  const double      bytes = (double) (hd_tensor_elements (x) + hd_tensor_elements (y)) * sizeof (T);
  const gint64      part = MIN (hd_cuda_pieces_per_launch (cuda, rows, 0.0, bytes), (gint64) 65535);
  const ResizeShape shape = {
    .height = x->height, .width = x->width, .channels = x->channels, .to_height = y->height, .to_width = y->width,
    .vectors = hd_divisor_new (y->channels / N), .row_vectors = hd_divisor_new ((uint32_t) MIN (row_vectors, G_MAXINT))
  };

  if (row_vectors > G_MAXINT - THREADS)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "Resize: a row of %d x %d is too long",
                   y->width, y->channels);
      return FALSE;
    }

  for (gint64 first = 0; first < rows; first += part)
    {
      gint64     n = MIN (part, rows - first);
      const dim3 grid ((unsigned) ((row_vectors + THREADS - 1) / THREADS), (unsigned) n);

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / rows, error))
        return FALSE;
      if (!(work->rows == NULL
            ? hd_cuda_launch (cuda, "resizing", error, pool_kernel<T, N>, grid, THREADS, 0, (T *) y->data,
                              (const T *) x->data, shape, first)
            : hd_cuda_launch (cuda, "resizing", error, bicubic_kernel<T, N>, grid, THREADS, 0, (T *) y->data,
                              (const T *) x->data, work->rows, work->columns, shape, first)))
        return FALSE;
    }

  return TRUE;
}

template <typename T> static gboolean
launch (HdCudaContext *cuda,
        const Resize  *work,
        GError       **error)
{
  constexpr int N = HdVector<T>::size;

  return work->x->channels % N == 0 && (guintptr) work->x->data % 16 == 0 ? launch_as<T, N> (cuda, work, error)
                                                                          : launch_as<T, 1> (cuda, work, error);
}

/* --- entries --- */

gboolean
hd_cuda_avg_pool_2x2 (HdContext      *context,
                      HdTensor       *y,
                      const HdTensor *x,
                      GError        **error)
{
  const Resize work = { .y = y, .x = x, .rows = NULL, .columns = NULL };

  return HD_CUDA_DISPATCH (y->dtype, launch, (HdCudaContext *) context, &work, error);
}

gboolean
hd_cuda_resize_bicubic (HdContext      *context,
                        HdTensor       *y,
                        const HdTensor *x,
                        GError        **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  Resize         work = { .y = y, .x = x, .rows = NULL, .columns = NULL };
  Taps          *taps;

  if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
    return FALSE;
  taps = (Taps *) hd_cuda_scratch (cuda, sizeof (Taps) * ((gsize) y->height + y->width), error);
  if (taps == NULL)
    return FALSE;

  work.rows = taps;
  work.columns = taps + y->height;

  return hd_cuda_launch (cuda, "resizing", error, taps_kernel, (y->height - 1) / THREADS + 1, THREADS, 0, taps,
                         x->height, y->height)
         && hd_cuda_launch (cuda, "resizing", error, taps_kernel, (y->width - 1) / THREADS + 1, THREADS, 0,
                            taps + y->height, x->width, y->width)
         && HD_CUDA_DISPATCH (y->dtype, launch, cuda, &work, error);
}
