/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/band_map.h"
#include "kernels/cpu/cpu_conv.h"
#include "kernels/cpu/cpu_weight.h"

/* A 3 x 3 convolution of a map that is enlarged by repeating every pixel f times reads, for each repetition, two
 * pixels of the small map at most along a side, and one where the repetition is neither the first nor the last. So
 * it is a few small convolutions of the small map with folded kernels (HdCpuFold), one for each place among the
 * repetitions: 16 taps instead of 36 per input pixel for f = 2, 25 instead of 144 for f = 4, where the places in the
 * middle have equal results. They come out one by one, in scratch memory, and are joined into rows of the result.
 *
 * The sums of weights are rounded to the type computed with, as the weights themselves would have been. */

/* Results that wait to be joined: few enough to stay in a cache. */
#define BAND_BYTES ((gsize) 4 << 20)

#define N_FOLDS 3

gboolean
hd_cpu_conv_is_enlargement (const HdCpuConv *job)
{
  const HdConvOptions *options = job->options;
  const HdWeight      *weight = job->conv->weight;

  return job->resize
         && job->height % job->x->height == 0 && job->height > job->x->height
         && job->width % job->x->width == 0 && job->width > job->x->width
         && weight->kernel_height == 3 && weight->kernel_width == 3
         && options->stride == 1 && options->dilation == 1 && options->padding == 1 && options->padding_end == 0
         && options->residual == NULL
         && hd_cpu_weight_keep_bytes (job->conv->weight);
}

/* The fold of repetition @place of @factor. */
static HdCpuFold
get_fold (int place,
          int factor)
{
  if (place == 0)
    return HD_CPU_FOLD_FIRST;

  return place == factor - 1 ? HD_CPU_FOLD_LAST : HD_CPU_FOLD_MIDDLE;
}

static gboolean
fold_occurs (HdCpuFold fold,
             int       factor)
{
  return fold != HD_CPU_FOLD_MIDDLE || factor > 2;
}

/* Bytes of the results of one fold for one input row. */
static gsize
row_bytes (const HdCpuConv *job)
{
  return (gsize) job->x->width * job->y->channels * hd_dtype_size (job->y->dtype);
}

static gsize
fold_bytes (const HdCpuConv *job)
{
  return job->tile_images * job->tile_rows * row_bytes (job);
}

static void
divide (HdCpuConv *job)
{
  const HdTensor *x = job->x;
  const int       folds = job->width > 2 * x->width ? N_FOLDS : 2;
  const double    image_bytes = (double) folds * x->height * row_bytes (job);
  double          row_flops = 2.0 * 5 * 5 * x->width * x->channels * job->y->channels;
  double          rows = MIN (job->cpu->tile_flops / row_flops, (double) BAND_BYTES / (folds * row_bytes (job)));
  double          images;
  int             bands;

  rows = CLAMP (rows, 1.0, x->height);
  bands = (int) hd_band_count (x->height, (gint64) rows);
  job->tile_rows = (int) hd_band_count (x->height, bands);
  job->tile_images = 1;
  if (bands == 1 && hd_cpu_conv_bias_is_common (job))
    {
      images = MIN (job->cpu->tile_flops / (row_flops * x->height), BAND_BYTES / image_bytes);
      job->tile_images = (int) CLAMP (images, 1.0, x->batch);
    }
}

/* The results of one place among the repetitions for the input rows [row, row + rows) of some images. */
static gboolean
run_fold (const HdCpuConv *job,
          int              image,
          int              images,
          int              row,
          int              rows,
          HdCpuFold        fold_y,
          HdCpuFold        fold_x,
          char            *results,
          GError         **error)
{
  const HdTensor *x = job->x;
  HdWeight       *weight = job->conv->weight;
  const HdBand    taps = hd_band_taps ((HdBand) { row, row + rows }, hd_cpu_fold_taps (fold_y), 1, 1,
                                       fold_y == HD_CPU_FOLD_FIRST);
  const HdBand    read = hd_band_clamp (taps, x->height);
  HdCpuConvKey    key = {
    .tag = "conv", .type = x->dtype, .result_type = job->y->dtype,
    .images = images, .height = (int) hd_band_length (read), .width = x->width, .in_channels = x->channels,
    .rows = rows, .columns = x->width, .out_channels = job->y->channels,
    .kernel_height = hd_cpu_fold_taps (fold_y), .kernel_width = hd_cpu_fold_taps (fold_x),
    .stride = 1, .dilation = 1,
    .pad_top = (int) (read.first - taps.first), .pad_left = fold_x == HD_CPU_FOLD_FIRST,
    .pad_bottom = (int) (taps.end - read.end), .pad_right = fold_x == HD_CPU_FOLD_LAST,
  };
  HdCpuPrimitive *primitive = hd_cpu_conv_primitive (job->cpu, &key, error);
  HdCpuArg        args[] = {
    { DNNL_ARG_SRC, (const char *) x->data + ((gsize) image * x->height + read.first) * x->width * x->channels
                                             * hd_dtype_size (x->dtype) },
    { DNNL_ARG_BIAS, job->bias },
    { DNNL_ARG_DST, results },
    { DNNL_ARG_WEIGHTS, NULL },
  };

  if (primitive == NULL)
    return FALSE;
  args[3].data = hd_cpu_weight_packed (job->cpu, weight, HD_CPU_KERNEL_FOLDED + N_FOLDS * fold_y + fold_x,
                                       0, weight->out_channels,
                                       hd_cpu_primitive_layout (primitive, DNNL_ARG_WEIGHTS), error);

  return args[3].data != NULL && hd_cpu_primitive_run (job->cpu, primitive, args, G_N_ELEMENTS (args), error);
}

/* One row of the result from the rows of its folds. */
static void
join_row (const HdCpuConv *job,
          gsize            offset,
          char            *to)
{
  const int   factor = job->width / job->x->width;
  const gsize pixel = job->y->channels * hd_dtype_size (job->y->dtype);
  const char *from[N_FOLDS];

  for (int fold = 0; fold < N_FOLDS; fold++)
    from[fold] = job->band + fold * fold_bytes (job) + offset;

  for (int column = 0; column < job->x->width; column++)
    for (int place = 0; place < factor; place++, to += pixel)
      memcpy (to, from[get_fold (place, factor)] + column * pixel, pixel);
}

/* All rows of the result that have @fold_y, for the input rows [row, row + rows) of some images. */
static void
join_rows (const HdCpuConv *job,
           int              image,
           int              images,
           int              row,
           int              rows,
           HdCpuFold        fold_y)
{
  const int   factor = job->height / job->x->height;
  const gsize result_bytes = (gsize) job->y->width * job->y->channels * hd_dtype_size (job->y->dtype);

#pragma omp parallel for num_threads (job->cpu->threads) schedule (static)
  for (int i = 0; i < images * rows; i++)
    for (int place = 0; place < factor; place++)
      if (get_fold (place, factor) == fold_y)
        {
          gint64 y = (image + i / rows) * (gint64) job->y->height + (gint64) (row + i % rows) * factor + place;

          join_row (job, i * row_bytes (job), (char *) job->y->data + y * result_bytes);
        }
}

static gboolean
run_tile (const HdCpuConv *job,
          int              image,
          int              images,
          int              row,
          int              rows,
          GError         **error)
{
  for (HdCpuFold fold_y = HD_CPU_FOLD_FIRST; fold_y <= HD_CPU_FOLD_LAST; fold_y++)
    {
      if (!fold_occurs (fold_y, job->height / job->x->height))
        continue;

      for (HdCpuFold fold_x = HD_CPU_FOLD_FIRST; fold_x <= HD_CPU_FOLD_LAST; fold_x++)
        if (fold_occurs (fold_x, job->width / job->x->width)
            && (hd_cpu_is_cancelled (job->cpu, error)
                || !run_fold (job, image, images, row, rows, fold_y, fold_x,
                              job->band + fold_x * fold_bytes (job), error)))
          return FALSE;

      join_rows (job, image, images, row, rows, fold_y);
    }

  return TRUE;
}

gboolean
hd_cpu_conv_enlarge (HdCpuConv *job,
                     GError   **error)
{
  const HdTensor *x = job->x;
  char           *scratch;

  divide (job);
  scratch = hd_cpu_scratch (job->cpu, hd_cpu_conv_bias_bytes (job) + N_FOLDS * fold_bytes (job), error);
  if (scratch == NULL)
    return FALSE;
  job->bias = (float *) scratch;
  job->band = scratch + hd_cpu_conv_bias_bytes (job);

  for (int image = 0; image < x->batch; image += job->tile_images)
    {
      int images = MIN (job->tile_images, x->batch - image);

      hd_cpu_conv_add_biases (job, image);
      for (gint64 i = 0; i < hd_band_count (x->height, job->tile_rows); i++)
        {
          HdBand tile = hd_band_at (x->height, job->tile_rows, i);

          if (!run_tile (job, image, images, (int) tile.first, (int) hd_band_length (tile), error))
            return FALSE;
        }
    }

  return TRUE;
}
