/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/group_norm.cuh"

/* Three kernels: sums of slices of an image (cuda_group_moments.cu), the statistics of its groups, the normalisation
 * itself. */

#define THREADS HD_GROUP_NORM_THREADS

/* --- statistics --- */

/* Grid: groups, images. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
statistics_kernel (float           *mean,         /* (N, C) */
                   float           *scale,        /* (N, C): gamma / deviation */
                   double          *moments,      /* (N, 2, C): each channel's mean and squared differences from it */
                   const float     *sums,         /* (N, slices, 2, C) */
                   const float     *gamma,        /* (C) */
                   HdGroupNormShape shape,
                   int              group_channels,
                   float            epsilon)
{
  __shared__ double shared[THREADS];
  __shared__ double shared_squares[THREADS];
  const int         channels = hd_joined_total (&shape.map.joined);
  const int         image = blockIdx.y;
  const int         first = blockIdx.x * group_channels;
  const int         width = min (group_channels, THREADS);
  const int         lanes = THREADS / width;
  const int         lane = threadIdx.x / width;
  double           *means = moments + (int64_t) image * 2 * channels;
  double           *squares = means + channels;
  double            total = 0.0;

  /* As many channels at a time as there are threads; if they are fewer, some threads share the slices of each. */
  for (int begin = first; begin < first + group_channels; begin += width)
    {
      const int channel = begin + threadIdx.x % width;
      double    sum = 0.0;
      double    square = 0.0;

      if (lane < lanes && channel < first + group_channels)
        {
          const float *from = sums + (int64_t) image * shape.map.slices * 2 * channels + channel;

          for (int slice = lane; slice < shape.map.slices; slice += lanes)
            {
              sum += from[(int64_t) slice * 2 * channels];
              square += from[((int64_t) slice * 2 + 1) * channels];
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
          means[channel] = hd_group_norm_shift<T> (shape, image, channel) + sum / shape.map.pixels;
          squares[channel] = square - sum * (sum / shape.map.pixels);
          total += means[channel];
        }
      __syncthreads ();
    }

  const double group_mean = hd_group_norm_sum_block (shared, total) / group_channels;

  total = 0.0;
  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    total += squares[channel] + shape.map.pixels * (means[channel] - group_mean) * (means[channel] - group_mean);

  const double variance = hd_group_norm_sum_block (shared, total) / ((double) shape.map.pixels * group_channels);
  const double factor = 1.0 / sqrt (variance + epsilon);

  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    {
      mean[(int64_t) image * channels + channel] = (float) group_mean;
      scale[(int64_t) image * channels + channel] = (float) (gamma[channel] * factor);
    }
}

/* --- the normalisation --- */

/* Grid: slices from @first_slice on, chunks, images. */
template <typename T, int N, bool silu> __global__ void __launch_bounds__ (THREADS)
normalise_kernel (T               *y,         /* (N, pixels, C) */
                  const float     *mean,      /* (N, C) */
                  const float     *scale,     /* (N, C) */
                  const float     *beta,      /* (C) */
                  HdGroupNormShape shape,
                  int              first_slice)
{
  const HdGroupNormMap  &map = shape.map;
  const HdGroupNormPlace place = hd_group_norm_place (&map, blockIdx.y, threadIdx.x, N);
  const HdBand           pixels = hd_group_norm_slice (&map, first_slice + blockIdx.x);
  const int              channels = hd_joined_total (&map.joined);
  const int              channel = hd_joined_first (&map.joined, place.input) + place.channel;
  const T               *from = hd_group_norm_input<T> (shape, place.input)
                                + hd_joined_offset (&map.joined, place.input, blockIdx.z * map.pixels) + place.channel;
  T                     *to = y + blockIdx.z * map.pixels * channels + channel;
  float                  means[N];
  float                  scales[N];
  float                  betas[N];

  if (!place.active)
    return;

  hd_load<float, N> (means, mean + (int64_t) blockIdx.z * channels + channel);
  hd_load<float, N> (scales, scale + (int64_t) blockIdx.z * channels + channel);
  hd_load<float, N> (betas, beta + channel);

#pragma unroll 4
  for (int64_t pixel = pixels.first + place.row; pixel < pixels.end; pixel += place.rows)
    {
      float x[N];

      hd_load<T, N> (x, from + pixel * place.channels);
#pragma unroll
      for (int i = 0; i < N; i++)
        {
          x[i] = (x[i] - means[i]) * scales[i] + betas[i];
          if (silu)
            x[i] = hd_silu (x[i]);
        }
      hd_store<T, N> (to + pixel * channels, x);
    }
}

/* --- launching --- */

typedef struct
{
  HdTensor       *y;
  const HdNorm   *norm;
  bool            silu;
  HdGroupNormSums sums;
  const float    *mean;
  const float    *scale;
} GroupNorm;

template <typename T, int N> static gboolean
launch_normalise (HdCudaContext   *cuda,
                  const GroupNorm *work,
                  GError         **error)
{
  const HdGroupNormShape *shape = &work->sums.shape;
  const double            bytes = 2.0 * hd_tensor_elements (work->y) * sizeof (T);

  return hd_group_norm_walk (cuda, shape, work->y->batch, bytes, [&] (dim3 grid, gint64 first) {
    return hd_cuda_launch (cuda, "normalising", error,
                           work->silu ? normalise_kernel<T, N, true> : normalise_kernel<T, N, false>,
                           grid, THREADS, 0, (T *) work->y->data, work->mean, work->scale,
                           hd_cuda_vector (work->norm->beta), *shape, first);
  }, error);
}

template <typename T> static gboolean
launch_normalise (HdCudaContext   *cuda,
                  const GroupNorm *work,
                  GError         **error)
{
  return work->sums.vector == 1 ? launch_normalise<T, 1> (cuda, work, error)
                                : launch_normalise<T, HdVector<T>::size> (cuda, work, error);
}

/* From the sums of these maps alone. */
template <typename T> static gboolean
launch_statistics (HdCudaContext   *cuda,
                   const GroupNorm *work,
                   GError         **error)
{
  const HdGroupNormSums *sums = &work->sums;
  const HdNorm          *norm = work->norm;

  return hd_cuda_launch (cuda, "normalising", error, statistics_kernel<T>, dim3 (norm->groups, sums->images), THREADS, 0,
                         sums->mean, sums->scale, sums->moments, (const float *) sums->sums,
                         hd_cuda_vector (norm->gamma), sums->shape, work->y->channels / norm->groups, norm->epsilon);
}

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
  HdCudaContext *cuda = (HdCudaContext *) context;
  GroupNorm      work = {};

  work.y = y;
  work.norm = norm;
  work.silu = activation == HD_ACTIVATION_SILU;

  if (statistics != NULL)
    {
      hd_group_norm_describe (&work.sums, x, x2);
      work.mean = (const float *) statistics->data;
      work.scale = work.mean + y->channels;
    }
  else
    {
      if (!hd_group_norm_sum (cuda, &work.sums, x, x2, error)
          || !HD_CUDA_DISPATCH (y->dtype, launch_statistics, cuda, &work, error))
        return FALSE;
      work.mean = work.sums.mean;
      work.scale = work.sums.scale;
    }

  return HD_CUDA_DISPATCH (y->dtype, launch_normalise, cuda, &work, error);
}
