/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_conv.h"

#include "kernels/band_map.h"
#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_weight.h"

/* A convolution is done in tiles that are short enough to be cancelled between, each by one oneDNN primitive:
 * several small images, one image, or a band of rows of the result. The division depends on the shapes alone. */

/* Resized input of a tile: enough rows to share the overlap of bands among, few enough to stay in a cache. */
#define RESIZED_BYTES ((gsize) 4 << 20)

/* --- the primitive --- */

static dnnl_status_t
describe_map (dnnl_memory_desc_t *map,
              int                 images,
              int                 height,
              int                 width,
              int                 channels,
              HdDtype             dtype)
{
  const dnnl_dims_t sides = { images, channels, height, width };

  return dnnl_memory_desc_create_with_tag (map, 4, sides, hd_cpu_data_type (dtype), dnnl_nhwc);
}

static dnnl_status_t
append_sum (dnnl_primitive_attr_t    attributes,
            const_dnnl_memory_desc_t map)
{
  dnnl_post_ops_t operations = NULL;
  dnnl_status_t   status = dnnl_post_ops_create (&operations);

  if (status == dnnl_success)
    status = dnnl_post_ops_append_binary (operations, dnnl_binary_add, map);
  if (status == dnnl_success)
    status = dnnl_primitive_attr_set_post_ops (attributes, operations);
  if (operations != NULL)
    dnnl_post_ops_destroy (operations);

  return status;
}

static dnnl_status_t
describe_conv (HdCpuContext          *cpu,
               const HdCpuConvKey    *key,
               dnnl_primitive_attr_t  attributes,
               dnnl_primitive_desc_t *descriptor)
{
  const dnnl_dims_t  kernel_sides = { key->out_channels, key->in_channels, key->kernel_height, key->kernel_width };
  const dnnl_dims_t  bias_sides = { key->out_channels };
  const dnnl_dims_t  strides = { key->stride, key->stride };
  const dnnl_dims_t  dilates = { key->dilation - 1, key->dilation - 1 };
  const dnnl_dims_t  before = { key->pad_top, key->pad_left };
  const dnnl_dims_t  after = { key->pad_bottom, key->pad_right };
  dnnl_memory_desc_t x = NULL, y = NULL, kernel = NULL, bias = NULL;
  dnnl_status_t      status;

  status = describe_map (&x, key->images, key->height, key->width, key->in_channels, key->type);
  if (status == dnnl_success)
    status = describe_map (&y, key->images, key->rows, key->columns, key->out_channels, key->result_type);
  if (status == dnnl_success)
    status = dnnl_memory_desc_create_with_tag (&kernel, 4, kernel_sides, hd_cpu_data_type (key->type),
                                               dnnl_format_tag_any);
  if (status == dnnl_success)
    status = dnnl_memory_desc_create_with_tag (&bias, 1, bias_sides, dnnl_f32, dnnl_a);
  if (status == dnnl_success && key->residual)
    status = append_sum (attributes, y);
  if (status == dnnl_success)
    status = dnnl_convolution_forward_primitive_desc_create (descriptor, cpu->engine, dnnl_forward_inference,
                                                             dnnl_convolution_direct, x, kernel, bias, y,
                                                             strides, dilates, before, after, attributes);

  g_clear_pointer (&x, dnnl_memory_desc_destroy);
  g_clear_pointer (&y, dnnl_memory_desc_destroy);
  g_clear_pointer (&kernel, dnnl_memory_desc_destroy);
  g_clear_pointer (&bias, dnnl_memory_desc_destroy);

  return status;
}

HdCpuPrimitive *
hd_cpu_conv_primitive (HdCpuContext       *cpu,
                       const HdCpuConvKey *key,
                       GError            **error)
{
  HdCpuPrimitive       *primitive = hd_cpu_primitive_lookup (cpu, key, sizeof *key);
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t descriptor = NULL;
  dnnl_status_t         status;
  int                   saved;

  if (primitive != NULL || !hd_cpu_attributes_new (&attributes, error))
    return primitive;

  saved = hd_cpu_threads_begin (cpu);
  status = describe_conv (cpu, key, attributes, &descriptor);
  if (status == dnnl_success)
    primitive = hd_cpu_primitive_insert (cpu, key, sizeof *key, descriptor, error);
  else
    hd_cpu_set_error (error, status, "a convolution");
  hd_cpu_threads_end (saved);
  dnnl_primitive_attr_destroy (attributes);

  return primitive;
}

/* --- tiles --- */

/* Input rows [*first, *first + *count) that the result's rows [row, row + rows) read, and the zeros around. */
static void
find_input_rows (const HdCpuConv *job,
                 int              row,
                 int              rows,
                 int             *first,
                 int             *count,
                 int             *pad_top,
                 int             *pad_bottom)
{
  const HdConvOptions *options = job->options;
  HdBand               taps = hd_band_taps ((HdBand) { row, row + rows }, job->conv->weight->kernel_height,
                                            options->stride, options->dilation, options->padding);
  HdBand               read;

  /* The rows that the last stride leaves over belong to the last tile, so that the next image follows it. */
  if (row + rows == job->y->height)
    taps.end = MAX (taps.end, job->height);

  read = hd_band_clamp (taps, job->height);
  *first = (int) read.first;
  *count = (int) hd_band_length (read);
  *pad_top = (int) (read.first - taps.first);
  *pad_bottom = (int) (taps.end - read.end);
}

/* Rows of the resized input for @rows of the result, at most (the last tile may leave some over). */
static int
input_rows (const HdCpuConv *job,
            int              rows)
{
  gint64 count = (gint64) rows * job->options->stride
                 + job->options->dilation * (job->conv->weight->kernel_height - 1);

  return (int) MIN (count, job->height);
}

static gsize
resized_row_bytes (const HdCpuConv *job)
{
  return (gsize) job->width * job->x->channels * hd_dtype_size (job->x->dtype);
}

gboolean
hd_cpu_conv_bias_is_common (const HdCpuConv *job)
{
  const HdTensor *bias = job->options->channel_bias;
  gsize           row = bias != NULL ? bias->channels * hd_dtype_size (bias->dtype) : 0;

  for (int n = 1; row > 0 && n < bias->batch; n++)
    if (memcmp (bias->data, (const char *) bias->data + n * row, row) != 0)
      return FALSE;

  return TRUE;
}

static void
divide (HdCpuConv *job)
{
  const HdTensor *y = job->y;
  const HdWeight *weight = job->conv->weight;
  double          row_flops = 2.0 * y->width * y->channels * weight->in_channels
                              * weight->kernel_height * weight->kernel_width;
  int             rows = (int) CLAMP (job->cpu->tile_flops / row_flops, 1.0, y->height);
  int             bands;

  if (job->resize)
    while (rows > 1 && input_rows (job, rows) * resized_row_bytes (job) > RESIZED_BYTES)
      rows = (rows + 1) / 2;

  bands = (int) hd_band_count (y->height, rows);
  job->tile_rows = (int) hd_band_count (y->height, bands);
  job->tile_images = 1;
  if (bands == 1 && !job->resize && hd_cpu_conv_bias_is_common (job))
    job->tile_images = (int) CLAMP (job->cpu->tile_flops / (row_flops * y->height), 1.0, y->batch);
}

/* The nearest pixels of one row of the input, for a row of the resized one. */
static void
resize_row (const HdCpuConv *job,
            const char      *from,
            char            *to)
{
  const gsize pixel = job->x->channels * hd_dtype_size (job->x->dtype);

  if (job->width == job->x->width)
    {
      memcpy (to, from, job->width * pixel);
      return;
    }

  for (int column = 0; column < job->width; column++)
    memcpy (to + column * pixel, from + hd_nearest_source (column, job->x->width, job->width) * pixel, pixel);
}

static void
resize_rows (const HdCpuConv *job,
             int              image,
             int              first,
             int              count)
{
  const HdTensor *x = job->x;
  const gsize     row_bytes = (gsize) x->width * x->channels * hd_dtype_size (x->dtype);
  const char     *from = (const char *) x->data + image * x->height * row_bytes;
  const gsize     resized_bytes = resized_row_bytes (job);

#pragma omp parallel for num_threads (job->cpu->threads) schedule (static)
  for (int i = 0; i < count; i++)
    resize_row (job, from + hd_nearest_source (first + i, x->height, job->height) * row_bytes,
                job->band + i * resized_bytes);
}

void
hd_cpu_conv_add_biases (const HdCpuConv *job,
                        int              image)
{
  const HdTensor *added = job->options->channel_bias;
  const float    *bias = job->conv->bias != NULL ? hd_cpu_vector (job->conv->bias) : NULL;
  const int       n = job->y->channels;

  for (int o = 0; o < n; o++)
    {
      gsize i = (gsize) image * n + o;
      float value = bias != NULL ? bias[o] : 0.0f;

      if (added != NULL)
        value += added->dtype == HD_DTYPE_BF16 ? hd_float_from_bf16 (((const guint16 *) added->data)[i])
                                               : ((const float *) added->data)[i];
      job->bias[o] = value;
    }
}

static gboolean
run_tile (HdCpuConv *job,
          int        image,
          int        images,
          int        row,
          int        rows,
          GError   **error)
{
  const HdConvOptions *options = job->options;
  const HdTensor      *x = job->x;
  const HdTensor      *y = job->y;
  HdWeight            *weight = job->conv->weight;
  const gsize          y_offset = ((gsize) image * y->height + row) * y->width * y->channels * hd_dtype_size (y->dtype);
  HdCpuConvKey         key = {
    .tag = "conv", .type = x->dtype, .result_type = y->dtype, .residual = options->residual != NULL,
    .images = images, .width = job->width, .in_channels = x->channels,
    .rows = rows, .columns = y->width, .out_channels = y->channels,
    .kernel_height = weight->kernel_height, .kernel_width = weight->kernel_width,
    .stride = options->stride, .dilation = options->dilation,
    .pad_left = options->padding,
  };
  HdCpuPrimitive      *primitive;
  const void          *packed;
  const char          *source;
  int                  first;

  find_input_rows (job, row, rows, &first, &key.height, &key.pad_top, &key.pad_bottom);
  key.pad_right = MAX ((y->width - 1) * options->stride - options->padding
                       + options->dilation * (weight->kernel_width - 1) + 1 - job->width, 0);

  primitive = hd_cpu_conv_primitive (job->cpu, &key, error);
  if (primitive == NULL)
    return FALSE;
  packed = hd_cpu_weight_packed (job->cpu, weight, HD_CPU_KERNEL_WHOLE, 0, weight->out_channels,
                                 hd_cpu_primitive_layout (primitive, DNNL_ARG_WEIGHTS), error);
  if (packed == NULL)
    return FALSE;

  if (job->resize)
    {
      resize_rows (job, image, first, key.height);
      source = job->band;
    }
  else
    source = (const char *) x->data + ((gsize) image * x->height + first) * resized_row_bytes (job);

  {
    const HdCpuArg args[] = {
      { DNNL_ARG_SRC, source },
      { DNNL_ARG_WEIGHTS, packed },
      { DNNL_ARG_BIAS, job->bias },
      { DNNL_ARG_DST, (char *) y->data + y_offset },
      { DNNL_ARG_ATTR_MULTIPLE_POST_OP (0) | DNNL_ARG_SRC_1,
        options->residual != NULL ? (const char *) options->residual->data + y_offset : NULL },
    };

    return hd_cpu_primitive_run (job->cpu, primitive, args,
                                 G_N_ELEMENTS (args) - (options->residual == NULL), error);
  }
}

static gboolean
run_tiles (HdCpuConv *job,
           GError   **error)
{
  const HdTensor *y = job->y;

  for (int image = 0; image < y->batch; image += job->tile_images)
    {
      int images = MIN (job->tile_images, y->batch - image);

      hd_cpu_conv_add_biases (job, image);
      for (gint64 i = 0; i < hd_band_count (y->height, job->tile_rows); i++)
        {
          HdBand tile = hd_band_at (y->height, job->tile_rows, i);

          if (hd_cpu_is_cancelled (job->cpu, error)
              || !run_tile (job, image, images, (int) tile.first, (int) hd_band_length (tile), error))
            return FALSE;
        }
    }

  return TRUE;
}

/* What the tiles rely on: every row of the result reads at least one row of the input, and every product of
 * sides fits into an int. */
static gboolean
check_sides (const HdCpuConv *job,
             GError         **error)
{
  const HdConvOptions *options = job->options;
  const HdWeight      *weight = job->conv->weight;
  const gint64         side = 1 << 20;

  if (options->stride <= side && options->dilation <= side && options->padding <= side
      && options->padding_end <= side && weight->kernel_height <= 64 && weight->kernel_width <= 64)
    {
      gint64 reach_y = (gint64) options->dilation * (weight->kernel_height - 1);
      gint64 reach_x = (gint64) options->dilation * (weight->kernel_width - 1);
      gint64 padding = 2 * (gint64) options->padding + options->padding_end;

      if (options->padding + options->padding_end <= MIN (reach_y, reach_x)
          && reach_y < job->height + padding && reach_x < job->width + padding)
        return TRUE;
    }

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
               "Convolution: kernel of %d x %d, dilation %d, stride %d and padding %d, %d on a map of %d x %d",
               weight->kernel_height, weight->kernel_width, options->dilation, options->stride,
               options->padding, options->padding_end, job->height, job->width);
  return FALSE;
}

static gboolean
provide_scratch (HdCpuConv *job,
                 GError   **error)
{
  const gsize bias = hd_cpu_conv_bias_bytes (job);
  const gsize band = job->resize ? input_rows (job, job->tile_rows) * resized_row_bytes (job) : 0;
  char       *scratch = hd_cpu_scratch (job->cpu, bias + band, error);

  if (scratch == NULL)
    return FALSE;

  job->bias = (float *) scratch;
  job->band = scratch + bias;
  return TRUE;
}

gboolean
hd_cpu_conv2d (HdContext           *context,
               HdTensor            *y,
               const HdTensor      *x,
               const HdConv        *conv,
               const HdConvOptions *options,
               GError             **error)
{
  const HdTensor *size = options->upsample_like != NULL ? options->upsample_like : x;
  HdCpuConv       job = {
    .cpu = (HdCpuContext *) context, .y = y, .x = x, .conv = conv, .options = options,
    .height = size->height, .width = size->width,
    .resize = size->height != x->height || size->width != x->width,
  };

  if (!check_sides (&job, error))
    return FALSE;

  hd_cpu_primitives_trim (job.cpu);
  job.cpu->operation++;
  if (hd_cpu_conv_is_winograd (&job))
    return hd_cpu_conv_winograd (&job, error);
  if (hd_cpu_conv_is_enlargement (&job))
    return hd_cpu_conv_enlarge (&job, error);

  divide (&job);
  if (!provide_scratch (&job, error))
    return FALSE;

  return run_tiles (&job, error);
}
