/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/tile_launch.cuh"

/* Linear layers: products by the tile engine, which reads two inputs as one and adds everything on the way out. */

static gboolean
is_aligned (const HdTensor *x)
{
  return x->channels % 8 == 0 && (gsize) x->data % 16 == 0;
}

static HdTileOutput
get_output (HdTensor              *y,
            const HdLinear        *linear,
            const HdLinearOptions *options)
{
  HdTileOutput output = { };

  output.bias = hd_cuda_vector (linear->bias);
  output.residual = options->residual != NULL ? options->residual->data : NULL;
  output.y = y->data;
  output.rows = (int) hd_tensor_pixels (y);
  output.channels = y->channels;
  output.image_rows = hd_divisor_new ((guint32) output.rows);
  output.activation = options->activation;

  return output;
}

template <typename T>
static gboolean
multiply (HdCudaContext         *cuda,
          HdTensor              *y,
          const HdTensor        *x,
          const HdLinear        *linear,
          const HdLinearOptions *options,
          GError               **error)
{
  const HdTensor             *x2 = options->x2;
  const HdCudaWeight         *weight = hd_cuda_weight (linear->weight);
  const gboolean              aligned = is_aligned (x) && (x2 == NULL || is_aligned (x2));
  HdTileJob<HdRowsSource<T> > job = { };
  HdTilePlan                  plan;

  job.source.x = (const T *) x->data;
  job.source.x_channels = x->channels;
  job.source.x2 = x2 != NULL ? (const T *) x2->data : NULL;
  job.source.x2_channels = x2 != NULL ? x2->channels : 0;
  job.output = get_output (y, linear, options);
  job.weight = weight->data;
  job.rows = job.output.rows;
  job.outputs = linear->weight->out_channels;
  job.depth = weight->in_stride;
  plan = hd_tile_plan (cuda, job.rows, job.outputs, job.depth, options->activation == HD_ACTIVATION_GEGLU);

  return hd_tile_run<T> (cuda, &job, aligned, &plan, error);
}

gboolean
hd_cuda_linear (HdContext             *context,
                HdTensor              *y,
                const HdTensor        *x,
                const HdLinear        *linear,
                const HdLinearOptions *options,
                GError               **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  gint64         depth = hd_cuda_weight (linear->weight)->in_stride;

  if (x->dtype == HD_DTYPE_F32)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "Linear layer: expected float16 or bfloat16, found %s", hd_dtype_name (x->dtype));
      return FALSE;
    }
  if (hd_tensor_pixels (x) > G_MAXINT - 256 || (linear->weight->out_channels + 256) * depth > G_MAXINT)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "Linear layer: %" G_GINT64_FORMAT " rows, or %d outputs of %d channels, are too many",
                   hd_tensor_pixels (x), linear->weight->out_channels, (int) depth);
      return FALSE;
    }

  return x->dtype == HD_DTYPE_F16 ? multiply<__half> (cuda, y, x, linear, options, error)
                                  : multiply<__nv_bfloat16> (cuda, y, x, linear, options, error);
}

void
hd_cuda_products_free (gpointer products)
{
}
