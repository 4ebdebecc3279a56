/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/band_map.h"
#include "kernels/cpu/cpu_parallel.h"
#include "kernels/cpu/cpu_vector.h"

/* Two passes over memory: sums, then the normalisation itself.
 *
 * The sums are of each channel's differences from its value in the image's first pixel, so that a mean that is
 * large against the deviation costs no digits: in float32 over CHUNK_PIXELS, in float64 beyond. An image is cut into
 * slices by its size alone, and the slices are added up in their order, so that the result does not depend on
 * threads. */

#define CHUNK_PIXELS   128
#define CHUNK_CHANNELS 512   /* sums stay in the nearest cache */
#define MAX_SLICES     256

typedef struct
{
  HdTensor       *y;
  const HdTensor *x[2];
  int             n_inputs;
  HdJoined        joined;
  gboolean        silu;

  int             channels;      /* of both */
  gint64          pixels;        /* of an image */
  gint64          slice_pixels;
  gint64          slices;        /* of an image */
  gint64          step_pixels;
  gint64          steps;         /* of an image */

  float          *shift;         /* (N, C) */
  const float    *mean;          /* (N, C) */
  const float    *scale;         /* (N, C): gamma / deviation */
  const float    *beta;          /* (C) */
  double         *sums;          /* (N, slices, 2, C): of the differences and of their squares */
} GroupNorm;

/* --- sums --- */

/* Adds the chunk of @pixels * @n elements of which element i of a row is @load (row, i). */
#define DEFINE_SUM_CHUNK(name, type, load)                                                  \
  HD_CPU_CLONES static void                                                                 \
  name (const type  *restrict x,                                                            \
        gsize        stride,                                                                \
        int          pixels,                                                                \
        int          n,                                                                     \
        const float *restrict shift,                                                        \
        double      *restrict sums,                                                         \
        double      *restrict squares)                                                      \
  {                                                                                         \
    float sum[CHUNK_CHANNELS] = { 0 };                                                      \
    float square[CHUNK_CHANNELS] = { 0 };                                                   \
    int   pixel = 0;                                                                        \
                                                                                            \
    for (; pixel + 4 <= pixels; pixel += 4, x += 4 * stride)                                \
      for (int i = 0; i < n; i++)                                                           \
        {                                                                                   \
          float a = load (x[i]) - shift[i];                                                 \
          float b = load (x[stride + i]) - shift[i];                                        \
          float c = load (x[2 * stride + i]) - shift[i];                                    \
          float d = load (x[3 * stride + i]) - shift[i];                                    \
                                                                                            \
          sum[i] += (a + b) + (c + d);                                                      \
          square[i] += (a * a + b * b) + (c * c + d * d);                                   \
        }                                                                                   \
    for (; pixel < pixels; pixel++, x += stride)                                            \
      for (int i = 0; i < n; i++)                                                           \
        {                                                                                   \
          float a = load (x[i]) - shift[i];                                                 \
                                                                                            \
          sum[i] += a;                                                                      \
          square[i] += a * a;                                                               \
        }                                                                                   \
                                                                                            \
    for (int i = 0; i < n; i++)                                                             \
      {                                                                                     \
        sums[i] += sum[i];                                                                  \
        squares[i] += square[i];                                                            \
      }                                                                                     \
  }

DEFINE_SUM_CHUNK (sum_chunk_f32, float, )
DEFINE_SUM_CHUNK (sum_chunk_bf16, guint16, hd_float_from_bf16)

static void
sum_slice_input (const GroupNorm *norm,
                 int              input,
                 gint64           image,
                 HdBand           slice,
                 double          *sums)
{
  const HdTensor *x = norm->x[input];
  const float    *shift = norm->shift + image * norm->channels;

  for (gint64 pixel = slice.first; pixel < slice.end; pixel += CHUNK_PIXELS)
    for (int channel = 0; channel < x->channels; channel += CHUNK_CHANNELS)
      {
        int   pixels = MIN (CHUNK_PIXELS, slice.end - pixel);
        int   n = MIN (CHUNK_CHANNELS, x->channels - channel);
        int   to = hd_joined_first (&norm->joined, input) + channel;
        gsize offset = hd_joined_offset (&norm->joined, input, image * norm->pixels + pixel) + channel;

        if (x->dtype == HD_DTYPE_BF16)
          sum_chunk_bf16 ((const guint16 *) x->data + offset, x->channels, pixels, n, shift + to,
                          sums + to, sums + norm->channels + to);
        else
          sum_chunk_f32 ((const float *) x->data + offset, x->channels, pixels, n, shift + to,
                         sums + to, sums + norm->channels + to);
      }
}

static void
sum_slice (gpointer data,
           gint64   index,
           int      thread)
{
  const GroupNorm *norm = data;
  gint64           image = index / norm->slices;
  HdBand           slice = hd_band_at (norm->pixels, norm->slice_pixels, index % norm->slices);
  double          *sums = norm->sums + index * 2 * norm->channels;

  memset (sums, 0, sizeof (double) * 2 * norm->channels);
  for (int input = 0; input < norm->n_inputs; input++)
    sum_slice_input (norm, input, image, slice, sums);
}

static void
load_shifts (const GroupNorm *norm,
             gint64           image)
{
  float *shift = norm->shift + image * norm->channels;

  for (int input = 0; input < norm->n_inputs; input++)
    {
      const HdTensor *x = norm->x[input];
      gsize           offset = hd_joined_offset (&norm->joined, input, image * norm->pixels);

      for (int i = 0; i < x->channels; i++)
        *shift++ = x->dtype == HD_DTYPE_BF16 ? hd_float_from_bf16 (((const guint16 *) x->data)[offset + i])
                                             : ((const float *) x->data)[offset + i];
    }
}

/* --- statistics --- */

/* Adds the slices up, in place of the first, as means of the channels and sums of squared differences from them. */
static void
combine_slices (const GroupNorm *norm,
                gint64           image)
{
  int     channels = norm->channels;
  double *sums = norm->sums + image * norm->slices * 2 * channels;

  for (gint64 slice = 1; slice < norm->slices; slice++)
    for (int i = 0; i < 2 * channels; i++)
      sums[i] += sums[slice * 2 * channels + i];

  for (int i = 0; i < channels; i++)
    {
      double mean = sums[i] / norm->pixels;

      sums[channels + i] -= sums[i] * mean;
      sums[i] = norm->shift[image * channels + i] + mean;
    }
}

static void
find_statistics (const GroupNorm *norm,
                 const HdNorm    *parameters,
                 gint64           image,
                 float           *to_mean,
                 float           *to_scale)
{
  const float  *gamma = hd_cpu_vector (parameters->gamma);
  int           channels = norm->channels;
  int           size = channels / parameters->groups;
  const double *means = norm->sums + image * norm->slices * 2 * channels;
  const double *squares = means + channels;

  combine_slices (norm, image);

  for (int group = 0; group < parameters->groups; group++)
    {
      double mean = 0.0;
      double total = 0.0;
      double scale;

      for (int i = group * size; i < (group + 1) * size; i++)
        mean += means[i] / size;
      for (int i = group * size; i < (group + 1) * size; i++)
        total += squares[i] + norm->pixels * (means[i] - mean) * (means[i] - mean);
      scale = 1.0 / sqrt (total / ((double) norm->pixels * size) + parameters->epsilon);

      for (int i = group * size; i < (group + 1) * size; i++)
        {
          to_mean[image * channels + i] = mean;
          to_scale[image * channels + i] = gamma[i] * scale;
        }
    }
}

/* --- the normalisation --- */

#define DEFINE_NORMALISE(name, type, load, store)                                           \
  HD_CPU_CLONES static void                                                                 \
  name (type        *restrict y,                                                            \
        gsize        y_stride,                                                              \
        const type  *restrict x,                                                            \
        gsize        x_stride,                                                              \
        gint64       pixels,                                                                \
        int          n,                                                                     \
        const float *restrict mean,                                                         \
        const float *restrict scale,                                                        \
        const float *restrict beta)                                                         \
  {                                                                                         \
    for (; pixels > 0; pixels--, y += y_stride, x += x_stride)                              \
      for (int i = 0; i < n; i++)                                                           \
        y[i] = store ((load (x[i]) - mean[i]) * scale[i] + beta[i]);                        \
  }

#define STORE_SILU_BF16(value) hd_bf16_from_float (hd_silu_coarse (value))

DEFINE_NORMALISE (normalise_f32, float, , )
DEFINE_NORMALISE (normalise_silu_f32, float, , hd_silu)
DEFINE_NORMALISE (normalise_bf16, guint16, hd_float_from_bf16, hd_bf16_from_float)
DEFINE_NORMALISE (normalise_silu_bf16, guint16, hd_float_from_bf16, STORE_SILU_BF16)

static void
normalise_step (gpointer data,
                gint64   index,
                int      thread)
{
  const GroupNorm *norm = data;
  gint64           image = index / norm->steps;
  HdBand           step = hd_band_at (norm->pixels, norm->step_pixels, index % norm->steps);
  gint64           pixel = image * norm->pixels + step.first;
  gint64           pixels = hd_band_length (step);

  for (int input = 0; input < norm->n_inputs; input++)
    {
      const HdTensor *x = norm->x[input];
      int             first = hd_joined_first (&norm->joined, input);
      gsize           y_stride = norm->y->pixel_stride;
      gsize           from = hd_joined_offset (&norm->joined, input, pixel);
      gsize           to = pixel * y_stride + first;
      const float    *mean = norm->mean + image * norm->channels + first;
      const float    *scale = norm->scale + image * norm->channels + first;

      if (x->dtype == HD_DTYPE_BF16)
        (norm->silu ? normalise_silu_bf16 : normalise_bf16)
          ((guint16 *) norm->y->data + to, y_stride, (const guint16 *) x->data + from, x->channels,
           pixels, x->channels, mean, scale, norm->beta + first);
      else
        (norm->silu ? normalise_silu_f32 : normalise_f32)
          ((float *) norm->y->data + to, y_stride, (const float *) x->data + from, x->channels,
           pixels, x->channels, mean, scale, norm->beta + first);
    }
}

/* --- the whole --- */

/* What both walks over @x and @x2 share. */
static void
group_norm_init (GroupNorm      *norm,
                 const HdTensor *x,
                 const HdTensor *x2)
{
  *norm = (GroupNorm) {
    .x = { x, x2 }, .n_inputs = x2 == NULL ? 1 : 2, .joined = hd_tensor_join (x, x2),
    .pixels = (gint64) x->height * x->width,
  };
  norm->channels = hd_joined_total (&norm->joined);
  norm->step_pixels = MAX (HD_CPU_STEP_ELEMENTS / norm->channels, 1);
  norm->steps = hd_band_count (norm->pixels, norm->step_pixels);
  norm->slice_pixels = MAX (norm->step_pixels, hd_band_count (norm->pixels, MAX_SLICES));
  norm->slices = hd_band_count (norm->pixels, norm->slice_pixels);
}

/* The sums of all slices of @batch images; *@rest: room for two further vectors of each image. */
static gboolean
sum_images (GroupNorm    *norm,
            HdCpuContext *cpu,
            int           batch,
            float       **rest,
            GError      **error)
{
  gsize vectors = (gsize) batch * norm->channels;

  norm->sums = hd_cpu_scratch (cpu, sizeof (double) * vectors * norm->slices * 2 + sizeof (float) * vectors * 3, error);
  if (norm->sums == NULL)
    return FALSE;
  norm->shift = (float *) (norm->sums + vectors * norm->slices * 2);
  *rest = norm->shift + vectors;

  for (int image = 0; image < batch; image++)
    load_shifts (norm, image);

  return hd_cpu_loop (cpu, batch * norm->slices, sum_slice, norm, error);
}

gboolean
hd_cpu_group_norm (HdContext      *context,
                   HdTensor       *y,
                   const HdTensor *x,
                   const HdTensor *x2,
                   const HdTensor *statistics,
                   const HdNorm   *norm,
                   HdActivation    activation,
                   GError        **error)
{
  HdCpuContext *cpu = (HdCpuContext *) context;
  GroupNorm     work;

  group_norm_init (&work, x, x2);
  work.y = y;
  work.silu = activation == HD_ACTIVATION_SILU;
  work.beta = hd_cpu_vector (norm->beta);

  if (statistics != NULL)
    {
      work.mean = statistics->data;
      work.scale = work.mean + work.channels;
    }
  else
    {
      float *mean;
      float *scale;

      if (!sum_images (&work, cpu, y->batch, &mean, error))
        return FALSE;
      scale = mean + (gsize) y->batch * work.channels;
      for (int image = 0; image < y->batch; image++)
        find_statistics (&work, norm, image, mean, scale);
      work.mean = mean;
      work.scale = scale;
    }

  return hd_cpu_loop (cpu, y->batch * work.steps, normalise_step, &work, error);
}

/* --- band by band --- */

gboolean
hd_cpu_channel_moments (HdContext      *context,
                        HdTensor       *y,
                        const HdTensor *x,
                        const HdTensor *x2,
                        GError        **error)
{
  float     *moments = y->data;
  float     *unused;
  GroupNorm  work;

  group_norm_init (&work, x, x2);
  if (!sum_images (&work, (HdCpuContext *) context, 1, &unused, error))
    return FALSE;

  combine_slices (&work, 0);
  for (int i = 0; i < y->channels; i++)
    {
      moments[hd_moment_offset (y->channels, 0, HD_MOMENT_MEAN, i)] = (float) work.sums[i];
      moments[hd_moment_offset (y->channels, 0, HD_MOMENT_VARIANCE, i)]
        = (float) (work.sums[y->channels + i] / work.pixels);
    }

  return TRUE;
}

gboolean
hd_cpu_group_statistics (HdContext      *context,
                         HdTensor       *y,
                         const HdTensor *moments,
                         gint64          band_pixels,
                         gint64          pixels,
                         const HdNorm   *norm,
                         GError        **error)
{
  const float *gamma = hd_cpu_vector (norm->gamma);
  const float *all = moments->data;
  int          channels = y->channels;
  int          size = channels / norm->groups;
  float       *to_mean = y->data;
  float       *to_scale = to_mean + channels;

  for (int group = 0; group < norm->groups; group++)
    {
      double mean = 0.0;
      double variance = 0.0;
      double scale;

      for (int b = 0; b < moments->height; b++)
        {
          const float *means = all + hd_moment_offset (channels, b, HD_MOMENT_MEAN, 0);
          double       share = (double) hd_band_length (hd_band_at (pixels, band_pixels, b)) / ((double) pixels * size);

          for (int i = group * size; i < (group + 1) * size; i++)
            mean += share * means[i];
        }
      for (int b = 0; b < moments->height; b++)
        {
          const float *means = all + hd_moment_offset (channels, b, HD_MOMENT_MEAN, 0);
          const float *variances = all + hd_moment_offset (channels, b, HD_MOMENT_VARIANCE, 0);
          double       share = (double) hd_band_length (hd_band_at (pixels, band_pixels, b)) / ((double) pixels * size);

          for (int i = group * size; i < (group + 1) * size; i++)
            variance += share * (variances[i] + (means[i] - mean) * (means[i] - mean));
        }

      scale = 1.0 / sqrt (variance + norm->epsilon);
      for (int i = group * size; i < (group + 1) * size; i++)
        {
          to_mean[i] = (float) mean;
          to_scale[i] = (float) (gamma[i] * scale);
        }
    }

  return TRUE;
}
