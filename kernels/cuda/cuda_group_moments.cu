/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/group_norm.cuh"

/* The first half of GroupNorm: sums of slices; and the statistics of a map that is worked on in bands. */

#define THREADS         HD_GROUP_NORM_THREADS
#define MOMENT_CHANNELS 32

/* --- sums --- */

/* Grid: slices from @first_slice on, chunks, images. */
template <typename T, int N> __global__ void __launch_bounds__ (THREADS)
sum_kernel (float           *sums,         /* (N, slices, 2, C): of the differences and of their squares */
            HdGroupNormShape shape,
            int              first_slice)
{
  __shared__ float       shared[2][N][THREADS];
  const HdGroupNormMap  &map = shape.map;
  const HdGroupNormPlace place = hd_group_norm_place (&map, blockIdx.y, threadIdx.x, N);
  const int              slice = first_slice + blockIdx.x;
  const HdBand           pixels = hd_group_norm_slice (&map, slice);
  const T               *image = hd_group_norm_input<T> (shape, place.input)
                                 + hd_joined_offset (&map.joined, place.input, blockIdx.z * map.pixels) + place.channel;
  float                  shift[N];
  float                  sum[N] = { 0 };
  float                  square[N] = { 0 };

  if (place.active)
    {
      hd_load<T, N> (shift, image);
#pragma unroll 4
      for (int64_t pixel = pixels.first + place.row; pixel < pixels.end; pixel += place.rows)
        {
          float x[N];

          hd_load<T, N> (x, image + pixel * place.channels);
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
  for (int i = threadIdx.x; i < 2 * N * place.width; i += THREADS)
    {
      const int kind = i / (N * place.width);
      const int lane = i % (N * place.width) / N;
      const int first = place.channel - (int) threadIdx.x % place.width * N;      /* of the chunk */
      const int channel = first + lane * N + i % N;
      float     total = 0.0f;

      if (channel < place.channels)
        {
          for (int row = 0; row < place.rows; row++)
            total += shared[kind][i % N][row * place.width + lane];
          sums[((blockIdx.z * (int64_t) map.slices + slice) * 2 + kind) * hd_joined_total (&map.joined)
               + hd_joined_first (&map.joined, place.input) + channel] = total;
        }
    }
}

template <typename T, int N> static gboolean
launch_sums (HdCudaContext         *cuda,
             const HdGroupNormSums *sums,
             GError               **error)
{
  const HdGroupNormShape *shape = &sums->shape;
  const double            elements = (double) sums->images * shape->map.pixels * hd_joined_total (&shape->map.joined);

  return hd_group_norm_walk (cuda, shape, sums->images, elements * sizeof (T), [&] (dim3 grid, gint64 first) {
    return hd_cuda_launch (cuda, "normalising", error, sum_kernel<T, N>, grid, THREADS, 0, sums->sums, *shape, first);
  }, error);
}

template <typename T> static gboolean
launch_sums (HdCudaContext         *cuda,
             const HdGroupNormSums *sums,
             GError               **error)
{
  return sums->vector == 1 ? launch_sums<T, 1> (cuda, sums, error)
                           : launch_sums<T, HdVector<T>::size> (cuda, sums, error);
}

/* Whether all pixels of @x begin at 16 bytes. */
static gboolean
is_whole (const HdTensor *x,
          int             vector)
{
  return x == NULL || (x->channels % vector == 0 && (guintptr) x->data % 16 == 0);
}

void
hd_group_norm_describe (HdGroupNormSums *sums,
                        const HdTensor  *x,
                        const HdTensor  *x2)
{
  const int vector = 16 / (int) hd_dtype_size (x->dtype);

  sums->images = x->batch;
  sums->vector = is_whole (x, vector) && is_whole (x2, vector) ? vector : 1;
  sums->shape.x = x->data;
  sums->shape.x2 = x2 != NULL ? x2->data : NULL;
  sums->shape.map = hd_group_norm_map_new (hd_tensor_join (x, x2), (gint64) x->height * x->width, sums->vector);
}

/* Scratch memory: moments (first, as they are aligned to 8), means, scales, sums. */
static gboolean
make_room (HdCudaContext   *cuda,
           HdGroupNormSums *sums,
           GError         **error)
{
  const HdGroupNormMap *map = &sums->shape.map;
  const int             channels = hd_joined_total (&map->joined);
  gsize                 vectors = (gsize) sums->images * channels;
  gsize                 bytes;

  if (!g_size_checked_mul (&bytes, vectors, sizeof (double) * 2 + sizeof (float) * (2 + 2 * (gsize) map->slices)))
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "GroupNorm: %d images of %d channels are too many",
                   sums->images, channels);
      return FALSE;
    }

  sums->moments = (double *) hd_cuda_scratch (cuda, bytes, error);
  if (sums->moments == NULL)
    return FALSE;

  sums->mean = (float *) (sums->moments + vectors * 2);
  sums->scale = sums->mean + vectors;
  sums->sums = sums->scale + vectors;
  return TRUE;
}

gboolean
hd_group_norm_sum (HdCudaContext   *cuda,
                   HdGroupNormSums *sums,
                   const HdTensor  *x,
                   const HdTensor  *x2,
                   GError         **error)
{
  hd_group_norm_describe (sums, x, x2);

  return make_room (cuda, sums, error) && HD_CUDA_DISPATCH (x->dtype, launch_sums, cuda, sums, error);
}

/* --- a band's moments --- */

/* Of each channel the mean and the biased variance. Grid: MOMENT_CHANNELS channels each, by as many lanes as a block
 * has threads for them. */
template <typename T> __global__ void __launch_bounds__ (THREADS)
moments_kernel (float           *moments,      /* (2, C) */
                const float     *sums,         /* (slices, 2, C) */
                HdGroupNormShape shape)
{
  __shared__ double shared[2][THREADS];
  constexpr int     lanes = THREADS / MOMENT_CHANNELS;
  const int         channels = hd_joined_total (&shape.map.joined);
  const int         column = threadIdx.x % MOMENT_CHANNELS;
  const int         lane = threadIdx.x / MOMENT_CHANNELS;
  const int         channel = blockIdx.x * MOMENT_CHANNELS + column;
  double            sum = 0.0;
  double            square = 0.0;

  if (channel < channels)
    for (int slice = lane; slice < shape.map.slices; slice += lanes)
      {
        sum += sums[(int64_t) slice * 2 * channels + channel];
        square += sums[((int64_t) slice * 2 + 1) * channels + channel];
      }
  shared[0][threadIdx.x] = sum;
  shared[1][threadIdx.x] = square;
  __syncthreads ();

  if (lane == 0 && channel < channels)
    {
      for (int i = 1; i < lanes; i++)
        {
          sum += shared[0][i * MOMENT_CHANNELS + column];
          square += shared[1][i * MOMENT_CHANNELS + column];
        }
      moments[hd_moment_offset (channels, 0, HD_MOMENT_MEAN, channel)]
        = (float) (hd_group_norm_shift<T> (shape, 0, channel) + sum / shape.map.pixels);
      moments[hd_moment_offset (channels, 0, HD_MOMENT_VARIANCE, channel)]
        = (float) ((square - sum * (sum / shape.map.pixels)) / shape.map.pixels);
    }
}

template <typename T> static gboolean
launch_moments (HdCudaContext         *cuda,
                HdTensor              *y,
                const HdGroupNormSums *sums,
                GError               **error)
{
  return hd_cuda_launch (cuda, "normalising", error, moments_kernel<T>,
                         (y->channels + MOMENT_CHANNELS - 1) / MOMENT_CHANNELS, THREADS, 0,
                         (float *) y->data, (const float *) sums->sums, sums->shape);
}

gboolean
hd_cuda_channel_moments (HdContext      *context,
                         HdTensor       *y,
                         const HdTensor *x,
                         const HdTensor *x2,
                         GError        **error)
{
  HdCudaContext  *cuda = (HdCudaContext *) context;
  HdGroupNormSums sums = {};

  return hd_group_norm_sum (cuda, &sums, x, x2, error)
         && HD_CUDA_DISPATCH (x->dtype, launch_moments, cuda, y, &sums, error);
}

/* --- all bands' statistics --- */

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
      const int    band = i / group_channels;
      const int    channel = first + i % group_channels;
      const double share = hd_band_length (hd_band_at (pixels, band_pixels, band)) * part;

      total += share * moments[hd_moment_offset (channels, band, HD_MOMENT_MEAN, channel)];
    }
  const double mean = hd_group_norm_sum_block (shared, total);

  total = 0.0;
  for (int i = threadIdx.x; i < n; i += THREADS)
    {
      const int    band = i / group_channels;
      const int    channel = first + i % group_channels;
      const double share = hd_band_length (hd_band_at (pixels, band_pixels, band)) * part;
      const double difference = moments[hd_moment_offset (channels, band, HD_MOMENT_MEAN, channel)] - mean;

      total += share * (moments[hd_moment_offset (channels, band, HD_MOMENT_VARIANCE, channel)]
                        + difference * difference);
    }
  const double factor = 1.0 / sqrt (hd_group_norm_sum_block (shared, total) + epsilon);

  for (int channel = first + threadIdx.x; channel < first + group_channels; channel += THREADS)
    {
      statistics[channel] = (float) mean;
      statistics[channels + channel] = (float) (gamma[channel] * factor);
    }
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
