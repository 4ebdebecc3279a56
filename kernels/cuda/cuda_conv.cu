/* SPDX-License-Identifier: Apache-2.0 */

/* Convolutions are matrix products by the tile engine, whose source is the pixels under the taps: nothing is laid out
 * for them first, not even where a map is read through an upsample. */

#include "kernels/cuda/choices.h"
#include "kernels/cuda/tile_launch.cuh"

/* The sides that kernels/cuda/conv_map.h and the engine's offsets reach. */
static gboolean
check_sides (const HdTensor      *y,
             const HdTensor      *x,
             const HdTensor      *size,
             const HdConv        *conv,
             const HdConvOptions *options,
             GError             **error)
{
  const gint64 padding = 2 * (gint64) options->padding + options->padding_end;
  const gint64 depth = (gint64) hd_cuda_weight (conv->weight)->in_stride * conv->weight->kernel_height
                       * conv->weight->kernel_width;

  if (MAX (x->height, x->width) <= HD_CONV_MAX_SIDE && MAX (size->height, size->width) + padding <= HD_CONV_MAX_SIDE
      && hd_tensor_pixels (x) <= G_MAXINT && hd_tensor_pixels (y) <= G_MAXINT - 256
      && (y->channels + 256) * depth <= G_MAXINT)
    return TRUE;

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
               "Convolution: a map of %d x %d x %d x %d with padding %d and a kernel of %d x %d is too large",
               x->batch, size->height, size->width, x->channels, options->padding,
               conv->weight->kernel_height, conv->weight->kernel_width);
  return FALSE;
}

/* A convolution, or its first rows. */
template <typename T>
struct Convolution
{
  HdTileJob<HdConvSource<T> > job;
  gboolean                    aligned;
};

template <typename T>
static gboolean
run (HdCudaContext   *cuda,
     const HdChoice  *choice,
     gpointer         data,
     GError         **error)
{
  Convolution<T> *convolution = (Convolution<T> *) data;

  return hd_tile_run<T> (cuda, &convolution->job, convolution->aligned, &choice->plan, error);
}

/* As hd_choices_measure(), with as many rows as that takes. */
template <typename T>
static gboolean
choose (HdCudaContext        *cuda,
        const Convolution<T> *convolution,
        HdChoice             *choice,
        GError              **error)
{
  const HdTileJob<HdConvSource<T> > *job = &convolution->job;
  const HdConvMap                   *map = &job->source.map;
  g_autofree char                   *key = NULL;
  const HdChoice                    *known;
  HdChoice                           candidates[HD_CHOICES_MOST];
  Convolution<T>                     part = *convolution;
  gboolean                           whole;
  int                                n;

  part.job.rows = part.job.output.rows = hd_choices_rows (cuda, job->rows, job->outputs,
                                                           2.0 * job->outputs * job->depth);
  whole = part.job.rows == job->rows;
  key = g_strdup_printf ("convolution %d bytes, %d%s x %d to %d, %d taps, stride %d, dilation %d%s",
                         (int) sizeof (T), part.job.rows, whole ? "" : " or more", job->source.x_channels,
                         job->outputs, map->taps, map->stride, map->dilation,
                         map->height != map->read_height || map->width != map->read_width ? ", resized" : "");
  known = hd_choices_lookup (cuda, key);
  if (known != NULL && known->kind == HD_CHOICE_TILES)
    {
      *choice = *known;
      return TRUE;
    }

  n = hd_choices_add_plans (cuda, part.job.rows, whole, job->outputs, job->depth, FALSE, candidates);

  return hd_choices_measure (cuda, key, candidates, convolution->aligned ? n : 1, run<T>, &part, choice, error);
}

template <typename T>
static gboolean
convolve (HdCudaContext       *cuda,
          HdTensor            *y,
          const HdTensor      *x,
          const HdConv        *conv,
          const void          *elements,
          const HdConvOptions *options,
          GError             **error)
{
  const HdTensor              *size = options->upsample_like != NULL ? options->upsample_like : x;
  const HdCudaWeight          *weight = hd_cuda_weight (conv->weight);
  Convolution<T>               convolution = { };
  HdTileJob<HdConvSource<T> > &job = convolution.job;
  HdChoice                     choice;

  job.source.x = (const T *) x->data;
  job.source.x_channels = x->channels;
  job.source.stride = hd_divisor_new ((guint32) weight->in_stride);
  job.source.map = hd_conv_map_new (x->height, x->width, size->height, size->width, conv->weight->kernel_height,
                                    conv->weight->kernel_width, options->stride, options->dilation,
                                    options->padding, y->height, y->width);
  job.weight = elements;
  job.rows = (int) hd_tensor_pixels (y);
  job.outputs = y->channels;
  job.depth = job.source.map.taps * weight->in_stride;

  job.output.bias = hd_cuda_vector (conv->bias);
  job.output.channel_bias = options->channel_bias != NULL ? options->channel_bias->data : NULL;
  job.output.residual = options->residual != NULL ? options->residual->data : NULL;
  job.output.y = y->data;
  job.output.rows = job.rows;
  job.output.channels = y->channels;
  job.output.image_rows = job.source.map.result_pixels;
  job.output.activation = HD_ACTIVATION_NONE;
  job.output.float_result = y->dtype == HD_DTYPE_F32;

  convolution.aligned = x->channels % 8 == 0 && (gsize) x->data % 16 == 0;

  return choose (cuda, &convolution, &choice, error) && run<T> (cuda, &choice, &convolution, error);
}

gboolean
hd_cuda_conv2d (HdContext           *context,
                HdTensor            *y,
                const HdTensor      *x,
                const HdConv        *conv,
                const HdConvOptions *options,
                GError             **error)
{
  HdCudaContext  *cuda = (HdCudaContext *) context;
  const HdTensor *size = options->upsample_like != NULL ? options->upsample_like : x;

  const void     *elements;
  gboolean        success;

  if (!check_sides (y, x, size, conv, options, error))
    return FALSE;
  if (x->dtype == HD_DTYPE_F32)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "Convolution: expected float16 or bfloat16, found %s", hd_dtype_name (x->dtype));
      return FALSE;
    }

  elements = hd_cuda_weight_use (cuda, conv->weight, error);
  if (elements == NULL)
    return FALSE;

  success = x->dtype == HD_DTYPE_F16 ? convolve<__half> (cuda, y, x, conv, elements, options, error)
                                     : convolve<__nv_bfloat16> (cuda, y, x, conv, elements, options, error);

  return hd_cuda_weight_done (cuda, conv->weight, success ? error : NULL) && success;
}
