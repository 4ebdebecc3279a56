/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* Three kernels: sums of slices of an image, the statistics of its groups, the normalisation itself.
 *
 * The sums are of each channel's differences from its value in the image's first pixel, so that a mean that is large
 * against the deviation costs no digits; in float32 over a slice, in float64 over slices. An image is cut into slices by
 * its size alone, and everything is added up in a fixed order: the result depends on nothing but the input.
 *
 * A thread keeps to its channels, 16 bytes of a pixel, and walks down the pixels: what it needs to know of the channels
 * stays in registers. Two inputs are two ranges of such channels. */

#define THREADS      256
#define MAX_WIDTH    32      /* vectors side by side that a block reads of a pixel */
#define SLICE_PIXELS 64      /* the least */
#define MAX_SLICES   1024
#define MOMENT_CHANNELS 32

typedef struct
{
  const void *x;
  int         channels;
  int         first;       /* of the result's channels */
  int         chunks;      /* blocks side by side */
  int         width;       /* vectors of a chunk */
} GroupNormPart;

typedef struct
{
  GroupNormPart parts[2];
  int           channels;        /* C + C2 */
  int           slices;          /* of an image */
  int64_t       slice_pixels;
  int64_t       pixels;          /* of an image */
} GroupNormShape;

/* Which channels a thread has. */
typedef struct
{
  GroupNormPart part;
  int           row;         /* the first of its pixels in a slice */
  int           rows;        /* from each to its next */
  int           channel;     /* the first of its channels in the part */
  bool          active;
} GroupNormPlace;

/* Member by member: an index that is known only on the card would put all of @shape into local memory. */
static __device__ __forceinline__ GroupNormPart
choose_part (const GroupNormShape &shape, bool second)
{
  GroupNormPart part;

  part.x = second ? shape.parts[1].x : shape.parts[0].x;
  part.channels = second ? shape.parts[1].channels : shape.parts[0].channels;
  part.first = second ? shape.parts[1].first : shape.parts[0].first;
  part.chunks = second ? shape.parts[1].chunks : shape.parts[0].chunks;
  part.width = second ? shape.parts[1].width : shape.parts[0].width;

  return part;
}

template <int N> __device__ __forceinline__ GroupNormPlace
find_place (const GroupNormShape &shape)
{
  const bool     second = (int) blockIdx.y >= shape.parts[0].chunks;
  const int      chunk = second ? blockIdx.y - shape.parts[0].chunks : blockIdx.y;
  GroupNormPlace place;

  place.part = choose_part (shape, second);
  place.rows = THREADS / place.part.width;
  place.row = threadIdx.x / place.part.width;
  place.channel = (chunk * place.part.width + (int) threadIdx.x % place.part.width) * N;
  place.active = place.row < place.rows && place.channel < place.part.channels;

  return place;
}

/* --- sums --- */

/* Grid: slices from @first_slice on, chunks, images. */
template <typename T, int N> __global__ void __launch_bounds__ (THREADS)
sum_kernel (float         *sums,         /* (N, slices, 2, C): of the differences and of their squares */
            GroupNormShape shape,
            int            first_slice)
{
  __shared__ float     shared[2][N][THREADS];
  const GroupNormPlace place = find_place<N> (shape);
  const int            slice = first_slice + blockIdx.x;
  const int64_t        end = min ((slice + 1) * shape.slice_pixels, shape.pixels);
  const T             *image = (const T *) place.part.x + blockIdx.z * shape.pixels * place.part.channels
                               + place.channel;
  float                shift[N];
  float                sum[N] = { 0 };
  float                square[N] = { 0 };

  if (place.active)
    {
      hd_load<T, N> (shift, image);
#pragma unroll 4
      for (int64_t pixel = slice * shape.slice_pixels + place.row; pixel < end; pixel += place.rows)
        {
          float x[N];

          hd_load<T, N> (x, image + pixel * place.part.channels);
#pragma unroll
          for (int i = 0; i < N; i++)
            {
              const float difference = x[i] - shift[i];

              sum[i] += difference;
              square[i] += difference * difference;
            }
        }
    }

#pragma unroll
  for (int i = 0; i < N; i++)
    {
      shared[0][i][threadIdx.x] = sum[i];
      shared[1][i][threadIdx.x] = square[i];
    }
  __syncthreads ();

  /* Of each channel and kind, the rows' sums, in their order. */
  for (int i = threadIdx.x; i < 2 * N * place.part.width; i += THREADS)
    {
      const int kind = i / (N * place.part.width);
      const int lane = i % (N * place.part.width) / N;
      const int first = place.channel - (int) threadIdx.x % place.part.width * N;      /* of the chunk */
      const int channel = first + lane * N + i % N;
      float     total = 0.0f;

      if (channel < place.part.channels)
        {
          for (int row = 0; row < place.rows; row++)
            total += shared[kind][i % N][row * place.part.width + lane];
          sums[((blockIdx.z * (int64_t) shape.slices + slice) * 2 + kind) * shape.channels + place.part.first + channel]
            = total;
        }
    }
}

/* --- statistics --- */

/* A channel's value in the image's first pixel. */
template <typename T> __device__ __forceinline__ float
load_shift (const GroupNormShape &shape,
            int                   image,
            int                   channel)
{
  const GroupNormPart part = choose_part (shape, channel >= shape.parts[0].channels);

  return hd_to_float (((const T *) part.x)[image * shape.pixels * part.channels + channel - part.first]);
}

/* Sum of all threads' @x, in a fixed order, for all of them. */
static __device__ __forceinline__ double
sum_block (double *shared, double x)
{
  shared[threadIdx.x] = x;
  for (int half = THREADS / 2; half > 0; half /= 2)
    {
      __syncthreads ();
      if ((int) threadIdx.x < half)
        shared[threadIdx.x] += shared[threadIdx.x + half];
    }
  __syncthreads ();
  x = shared[0];
  __syncthreads ();

  return x;
}

/* Grid: groups, images. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
statistics_kernel (float         *mean,         /* (N, C) */
                   float         *scale,        /* (N, C): gamma / deviation */
                   double        *moments,      /* (N, 2, C): each channel's mean and squared differences from it */
                   const float   *sums,         /* as above */
                   const float   *gamma,        /* (C) */
                   GroupNormShape shape,
                   int            group_channels,
                   float          epsilon)
{
  __shared__ double shared[THREADS];
  __shared__ double shared_squares[THREADS];
  const int         image = blockIdx.y;
  const int         first = blockIdx.x * group_channels;
  const int         width = min (group_channels, THREADS);
  const int         lanes = THREADS / width;
  const int         lane = threadIdx.x / width;
  double           *means = moments + (int64_t) image * 2 * shape.channels;
  double           *squares = means + shape.channels;
  double            total = 0.0;

  /* As many channels at a time as there are threads; if they are fewer, some threads share the slices of each. */
  for (int begin = first; begin < first + group_channels; begin += width)
    {
      const int channel = begin + threadIdx.x % width;
      double    sum = 0.0;
      double    square = 0.0;

      if (lane < lanes && channel < first + group_channels)
        {
          const float *from = sums + (int64_t) image * shape.slices * 2 * shape.channels + channel;

          for (int slice = lane; slice < shape.slices; slice += lanes)
            {
              sum += from[(int64_t) slice * 2 * shape.channels];
              square += from[((int64_t) slice * 2 + 1) * shape.channels];
            }
        }

      shared[threadIdx.x] = sum;
      shared_squares[threadIdx.x] = square;
      __syncthreads ();

      if (lane == 0 && channel < first + group_channels)
        {
          for (int i = 1; i < lanes; i++)
            {
              sum += shared[i * width + threadIdx.x];
              square += shared_squares[i * width + threadIdx.x];
            }
          means[channel] = load_shift<T> (shape, image, channel) + sum / shape.pixels;
          squares[channel] = square - sum * (sum / shape.pixels);
          total += means[channel];
        }
      __syncthreads ();
    }

  const double group_mean = sum_block (shared, total) / group_channels;

  total = 0.0;
  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    total += squares[channel] + shape.pixels * (means[channel] - group_mean) * (means[channel] - group_mean);

  const double variance = sum_block (shared, total) / ((double) shape.pixels * group_channels);
  const double factor = 1.0 / sqrt (variance + epsilon);

  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    {
      mean[(int64_t) image * shape.channels + channel] = (float) group_mean;
      scale[(int64_t) image * shape.channels + channel] = (float) (gamma[channel] * factor);
    }
}

/* --- statistics of a map in bands --- */

/* Of each channel the mean and the biased variance. Grid: MOMENT_CHANNELS channels each, by as many lanes as a block
 * has threads for them. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
moments_kernel (float         *moments,      /* (2, C) */
                const float   *sums,         /* (slices, 2, C) */
                GroupNormShape shape)
{
  __shared__ double shared[2][THREADS];
  constexpr int     lanes = THREADS / MOMENT_CHANNELS;
  const int         column = threadIdx.x % MOMENT_CHANNELS;
  const int         lane = threadIdx.x / MOMENT_CHANNELS;
  const int         channel = blockIdx.x * MOMENT_CHANNELS + column;
  double            sum = 0.0;
  double            square = 0.0;

  if (channel < shape.channels)
    for (int slice = lane; slice < shape.slices; slice += lanes)
      {
        sum += sums[(int64_t) slice * 2 * shape.channels + channel];
        square += sums[((int64_t) slice * 2 + 1) * shape.channels + channel];
      }
  shared[0][threadIdx.x] = sum;
  shared[1][threadIdx.x] = square;
  __syncthreads ();

  if (lane == 0 && channel < shape.channels)
    {
      for (int i = 1; i < lanes; i++)
        {
          sum += shared[0][i * MOMENT_CHANNELS + column];
          square += shared[1][i * MOMENT_CHANNELS + column];
        }
      moments[channel] = (float) (load_shift<T> (shape, 0, channel) + sum / shape.pixels);
      moments[shape.channels + channel] = (float) ((square - sum * (sum / shape.pixels)) / shape.pixels);
    }
}

/* Joins the moments of bands. Grid: groups. */
static __global__ void __launch_bounds__ (THREADS)
join_kernel (float       *statistics,   /* (2, C): mean of the group, gamma / deviation */
             const float *moments,      /* (bands, 2, C) */
             const float *gamma,        /* (C) */
             int          bands,
             int64_t      band_pixels,
             int64_t      pixels,
             int          channels,
             int          group_channels,
             double       part,         /* a number's share of its group */
             float        epsilon)
{
  __shared__ double shared[THREADS];
  const int         first = blockIdx.x * group_channels;
  const int         n = bands * group_channels;
  double            total = 0.0;

  for (int i = threadIdx.x; i < n; i += THREADS)
    {
      const int     band = i / group_channels;
      const int64_t offset = (int64_t) band * 2 * channels + first + i % group_channels;
      const double  share = min (band_pixels, pixels - band * band_pixels) * part;

      total += share * moments[offset];
    }
  const double mean = sum_block (shared, total);

  total = 0.0;
  for (int i = threadIdx.x; i < n; i += THREADS)
    {
      const int     band = i / group_channels;
      const int64_t offset = (int64_t) band * 2 * channels + first + i % group_channels;
      const double  share = min (band_pixels, pixels - band * band_pixels) * part;
      const double  difference = moments[offset] - mean;

      total += share * (moments[offset + channels] + difference * difference);
    }
  const double factor = 1.0 / sqrt (sum_block (shared, total) + epsilon);

  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    {
      statistics[channel] = (float) mean;
      statistics[channels + channel] = (float) (gamma[channel] * factor);
    }
}

/* --- the normalisation --- */

/* Grid: slices from @first_slice on, chunks, images. */
template <typename T, int N, bool silu> __global__ void __launch_bounds__ (THREADS)
normalise_kernel (T             *y,         /* (N, pixels, C) */
                  const float   *mean,      /* (N, C) */
                  const float   *scale,     /* (N, C) */
                  const float   *beta,      /* (C) */
                  GroupNormShape shape,
                  int            first_slice)
{
  const GroupNormPlace place = find_place<N> (shape);
  const int            slice = first_slice + blockIdx.x;
  const int64_t        end = min ((slice + 1) * shape.slice_pixels, shape.pixels);
  const int            channel = place.part.first + place.channel;
  const T             *from = (const T *) place.part.x + blockIdx.z * shape.pixels * place.part.channels
                              + place.channel;
  T                   *to = y + blockIdx.z * shape.pixels * shape.channels + channel;
  float                means[N];
  float                scales[N];
  float                betas[N];

  if (!place.active)
    return;

  hd_load<float, N> (means, mean + (int64_t) blockIdx.z * shape.channels + channel);
  hd_load<float, N> (scales, scale + (int64_t) blockIdx.z * shape.channels + channel);
  hd_load<float, N> (betas, beta + channel);

#pragma unroll 4
  for (int64_t pixel = slice * shape.slice_pixels + place.row; pixel < end; pixel += place.rows)
    {
      float x[N];

      hd_load<T, N> (x, from + pixel * place.part.channels);
#pragma unroll
      for (int i = 0; i < N; i++)
        {
          x[i] = (x[i] - means[i]) * scales[i] + betas[i];
          if (silu)
            x[i] = hd_silu (x[i]);
        }
      hd_store<T, N> (to + pixel * shape.channels, x);
    }
}

/* --- launching --- */

typedef struct
{
  HdTensor       *y;
  const HdTensor *statistics;  /* of the whole map, whose rows these are; NULL: of these alone */
  const HdNorm   *norm;
  bool            silu;
  GroupNormShape  shape;
  float          *sums;
  double         *moments;
  const float    *mean;
  const float    *scale;
} GroupNorm;

/* Scratch memory: moments (first, as they are aligned to 8), means, scales, sums. */
static gboolean
make_room (HdCudaContext *cuda,
           GroupNorm     *work,
           GError       **error)
{
  gsize vectors = (gsize) work->y->batch * work->shape.channels;
  gsize bytes;

  if (!g_size_checked_mul (&bytes, vectors, sizeof (double) * 2 + sizeof (float) * (2 + 2 * (gsize) work->shape.slices)))
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "GroupNorm: %d images of %d channels are too many",
                   work->y->batch, work->shape.channels);
      return FALSE;
    }

  work->moments = (double *) hd_cuda_scratch (cuda, bytes, error);
  if (work->moments == NULL)
    return FALSE;

  work->mean = (float *) (work->moments + vectors * 2);
  work->scale = work->mean + vectors;
  work->sums = (float *) work->scale + vectors;
  return TRUE;
}

static void
set_part (GroupNormPart  *part,
          const HdTensor *x,
          int             first,
          int             vector)
{
  int vectors = (x->channels + vector - 1) / vector;

  part->x = x->data;
  part->channels = x->channels;
  part->first = first;
  part->chunks = (vectors + MAX_WIDTH - 1) / MAX_WIDTH;
  part->width = (vectors + part->chunks - 1) / part->chunks;
}

/* Both walks over the map, in launches of a number of slices. */
template <typename T, int N> static gboolean
walk (HdCudaContext   *cuda,
      const GroupNorm *work,
      bool             normalise,
      GError         **error)
{
  const GroupNormShape *shape = &work->shape;
  const double          elements = (double) work->y->batch * shape->pixels * shape->channels;
  const double          bytes = (normalise ? 2.0 : 1.0) * elements * sizeof (T);
  const gint64          part = hd_cuda_pieces_per_launch (cuda, shape->slices, 0.0, bytes);

  for (gint64 first = 0; first < shape->slices; first += part)
    {
      gint64     n = MIN (part, shape->slices - first);
      const dim3 grid ((unsigned) n, shape->parts[0].chunks + shape->parts[1].chunks, work->y->batch);
      gboolean   success;

      if (!hd_cuda_pace (cuda, 0.0, bytes * n / shape->slices, error))
        return FALSE;

      if (normalise)
        success = hd_cuda_launch (cuda, "normalising", error,
                                  work->silu ? normalise_kernel<T, N, true> : normalise_kernel<T, N, false>,
                                  grid, THREADS, 0, (T *) work->y->data, work->mean, work->scale,
                                  hd_cuda_vector (work->norm->beta), *shape, first);
      else
        success = hd_cuda_launch (cuda, "normalising", error, sum_kernel<T, N>, grid, THREADS, 0, work->sums, *shape,
                                  first);
      if (!success)
        return FALSE;
    }

  return TRUE;
}

static void
set_shape (GroupNormShape *shape,
           const HdTensor *x,
           const HdTensor *x2,
           int             vector)
{
  shape->channels = x->channels + (x2 != NULL ? x2->channels : 0);
  shape->pixels = (gint64) x->height * x->width;
  shape->slice_pixels = MAX (SLICE_PIXELS, (shape->pixels + MAX_SLICES - 1) / MAX_SLICES);
  shape->slices = (int) ((shape->pixels + shape->slice_pixels - 1) / shape->slice_pixels);

  set_part (&shape->parts[0], x, 0, vector);
  if (x2 != NULL)
    set_part (&shape->parts[1], x2, x->channels, vector);
}

/* Whether all pixels of @x begin at 16 bytes. */
static gboolean
is_whole (const HdTensor *x,
          int             vector)
{
  return x == NULL || (x->channels % vector == 0 && (guintptr) x->data % 16 == 0);
}

template <typename T, int N> static gboolean
launch_as (HdCudaContext  *cuda,
           GroupNorm      *work,
           const HdTensor *x,
           const HdTensor *x2,
           GError        **error)
{
  const HdNorm *norm = work->norm;
  const dim3    groups (norm->groups, work->y->batch);

  set_shape (&work->shape, x, x2, N);
  if (work->statistics != NULL)
    {
      work->mean = (const float *) work->statistics->data;
      work->scale = work->mean + work->shape.channels;
      return walk<T, N> (cuda, work, true, error);
    }

  return make_room (cuda, work, error)
         && walk<T, N> (cuda, work, false, error)
         && hd_cuda_launch (cuda, "normalising", error, statistics_kernel<T>, groups, THREADS, 0, (float *) work->mean,
                            (float *) work->scale, work->moments, (const float *) work->sums,
                            hd_cuda_vector (norm->gamma), work->shape, work->shape.channels / norm->groups,
                            norm->epsilon)
         && walk<T, N> (cuda, work, true, error);
}

template <typename T> static gboolean
launch (HdCudaContext  *cuda,
        GroupNorm      *work,
        const HdTensor *x,
        const HdTensor *x2,
        GError        **error)
{
  constexpr int N = HdVector<T>::size;

  return is_whole (x, N) && is_whole (x2, N) ? launch_as<T, N> (cuda, work, x, x2, error)
                                             : launch_as<T, 1> (cuda, work, x, x2, error);
}

/* --- entries --- */

gboolean
hd_cuda_group_norm (HdContext      *context,
                    HdTensor       *y,
                    const HdTensor *x,
                    const HdTensor *x2,
                    const HdTensor *statistics,
                    const HdNorm   *norm,
                    HdActivation    activation,
                    GError        **error)
{
  GroupNorm work = {};

  work.y = y;
  work.statistics = statistics;
  work.norm = norm;
  work.silu = activation == HD_ACTIVATION_SILU;

  return HD_CUDA_DISPATCH (y->dtype, launch, (HdCudaContext *) context, &work, x, x2, error);
}

/* --- band by band --- */

template <typename T, int N> static gboolean
launch_moments_as (HdCudaContext  *cuda,
                   GroupNorm      *work,
                   const HdTensor *x,
                   const HdTensor *x2,
                   GError        **error)
{
  set_shape (&work->shape, x, x2, N);

  return make_room (cuda, work, error)
         && walk<T, N> (cuda, work, false, error)
         && hd_cuda_launch (cuda, "normalising", error, moments_kernel<T>,
                            (work->shape.channels + MOMENT_CHANNELS - 1) / MOMENT_CHANNELS, THREADS, 0,
                            (float *) work->y->data, (const float *) work->sums, work->shape);
}

template <typename T> static gboolean
launch_moments (HdCudaContext  *cuda,
                GroupNorm      *work,
                const HdTensor *x,
                const HdTensor *x2,
                GError        **error)
{
  constexpr int N = HdVector<T>::size;

  return is_whole (x, N) && is_whole (x2, N) ? launch_moments_as<T, N> (cuda, work, x, x2, error)
                                             : launch_moments_as<T, 1> (cuda, work, x, x2, error);
}

gboolean
hd_cuda_channel_moments (HdContext      *context,
                         HdTensor       *y,
                         const HdTensor *x,
                         const HdTensor *x2,
                         GError        **error)
{
  GroupNorm work = {};

  work.y = y;

  return HD_CUDA_DISPATCH (x->dtype, launch_moments, (HdCudaContext *) context, &work, x, x2, error);
}

gboolean
hd_cuda_group_statistics (HdContext      *context,
                          HdTensor       *y,
                          const HdTensor *moments,
                          gint64          band_pixels,
                          gint64          pixels,
                          const HdNorm   *norm,
                          GError        **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  const int      channels = y->channels;
  const int      group_channels = channels / norm->groups;

  return hd_cuda_pace (cuda, 0.0, 4.0 * hd_tensor_elements (moments), error)
         && hd_cuda_launch (cuda, "normalising", error, join_kernel, norm->groups, THREADS, 0, (float *) y->data,
                            (const float *) moments->data, hd_cuda_vector (norm->gamma), moments->height, band_pixels,
                            pixels, channels, group_channels, 1.0 / ((double) pixels * group_channels),
                            norm->epsilon);
}
