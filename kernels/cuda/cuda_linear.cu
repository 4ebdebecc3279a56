/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/choices.h"
#include "kernels/cuda/tile_launch.cuh"
#include "kernels/i18n.h"

/* Linear layers: products by the tile engine, which reads two inputs as one and adds everything on the way out, or by
 * cuBLASLt, if it is there and was measured to be faster. The library adds bias and residual; its results with GEGLU
 * go to scratch memory, a chunk of rows after the other, and from there through a kernel. Other activations and two
 * inputs are left to the tile engine: nothing that takes time has them. */

#define THREADS     256
#define GATES_BYTES ((gsize) 32 << 20)
#define CHUNK_ROWS  256   /* chunks are multiples */
#define ALGORITHMS  6     /* of the library that are measured */

template <typename T>
struct Layer
{
  HdTileJob<HdRowsSource<T> > job;
  gboolean                    aligned;
  HdLtProduct                 product;   /* what the library would do: of all rows, y and residual not for GEGLU */
};

G_STATIC_ASSERT (HD_TILE_MAX_PLANS + ALGORITHMS <= HD_CHOICES_MOST);

/* --- kernels --- */

/* @y (rows, channels) = value * gelu (gate) + residual, of @products (rows, 2 channels); eight channels a thread. */
template <typename T>
__global__ void __launch_bounds__ (THREADS)
gate_kernel (T *y, const T *products, const T *residual, int rows, int channels)
{
  const int64_t chunk = (int64_t) blockIdx.x * THREADS + threadIdx.x;
  const int     chunks = channels / 8;
  const int64_t row = chunk / chunks;
  const int     channel = (int) (chunk % chunks) * 8;
  float         values[8];
  float         gates[8];

  if (row >= rows)
    return;

  hd_load<T, 8> (values, products + row * 2 * channels + channel);
  hd_load<T, 8> (gates, products + row * 2 * channels + channels + channel);
#pragma unroll
  for (int i = 0; i < 8; i++)
    values[i] *= hd_gelu (gates[i]);

  if (residual != NULL)
    hd_tile_add (values, residual + row * channels + channel, HD_TILE_VECTOR);
  hd_store<T, 8> (y + row * channels + channel, values);
}

template <typename T>
__global__ void __launch_bounds__ (THREADS)
round_kernel (T *to, const float *from, int n)
{
  const int i = blockIdx.x * THREADS + threadIdx.x;

  if (i < n)
    to[i] = hd_from_float<T> (from[i]);
}

/* --- launchers --- */

/* A bias as the library takes it; made once and kept with the weight. */
template <typename T>
static gboolean
round_bias (HdCudaContext  *cuda,
            HdWeight       *bias,
            HdDtype         dtype,
            const void    **rounded,
            GError        **error)
{
  HdCudaWeight *device = (HdCudaWeight *) bias->device;
  void        **to = &device->rounded[dtype == HD_DTYPE_BF16];
  const gsize   bytes = bias->out_channels * sizeof (T);

  if (*to == NULL)
    {
      if (!hd_cuda_allocate (cuda, bytes, _("the model's weights"), to, error)
          || !hd_cuda_launch (cuda, "rounding", error, round_kernel<T>,
                              dim3 ((unsigned) ((bias->out_channels + THREADS - 1) / THREADS)), dim3 (THREADS), 0,
                              (T *) *to, (const float *) device->data, bias->out_channels))
        return FALSE;
      device->bytes += bytes;
      cuda->parent.weight_bytes += bytes;
    }

  *rounded = *to;
  return TRUE;
}

/* Rows [first, first + rows), which are few enough for a launch. */
template <typename T>
static gboolean
run_library_chunk (HdCudaContext       *cuda,
                   const Layer<T>      *layer,
                   const HdLtAlgorithm *algorithm,
                   gint64               first,
                   int                  rows,
                   GError             **error)
{
  const HdTileOutput *output = &layer->job.output;
  const gboolean      gated = output->activation == HD_ACTIVATION_GEGLU;
  const gsize         gates = gated ? (gsize) rows * layer->product.outputs * sizeof (T) : 0;
  const gsize         place = first * output->channels;
  T                  *y = (T *) output->y + place;
  const T            *residual = output->residual != NULL ? (const T *) output->residual + place : NULL;
  HdLtProduct         product = layer->product;
  char               *scratch = (char *) hd_cuda_scratch (cuda, HD_LT_WORKSPACE + gates, error);

  if (scratch == NULL)
    return FALSE;

  product.rows = rows;
  product.x = (const T *) product.x + first * product.depth;
  product.y = gated ? (void *) (scratch + HD_LT_WORKSPACE) : (void *) y;
  product.residual = gated ? NULL : residual;
  if (!hd_lt_run (hd_choices_library (cuda), cuda, &product, algorithm, scratch, error))
    return FALSE;
  if (!gated)
    return TRUE;

  return hd_cuda_launch (cuda, "gating", error, gate_kernel<T>,
                         dim3 ((unsigned) (((gint64) rows * output->channels / 8 + THREADS - 1) / THREADS)),
                         dim3 (THREADS), 0, y, (const T *) product.y, residual, rows, output->channels);
}

template <typename T>
static gboolean
run_library (HdCudaContext       *cuda,
             const Layer<T>      *layer,
             const HdLtAlgorithm *algorithm,
             GError             **error)
{
  const HdLtProduct *product = &layer->product;
  const gboolean     gated = layer->job.output.activation == HD_ACTIVATION_GEGLU;
  const int          rows = layer->job.rows;
  const double       flops = 2.0 * rows * product->outputs * product->depth;
  const double       bytes = sizeof (T) * ((double) rows * (product->depth + 2.0 * product->outputs)
                                           + (double) product->outputs * product->depth);
  const gint64       blocks = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
  gint64             most = hd_cuda_pieces_per_launch (cuda, blocks, flops, bytes) * CHUNK_ROWS;

  if (gated)
    most = CLAMP ((gint64) (GATES_BYTES / (product->outputs * sizeof (T))) / CHUNK_ROWS * CHUNK_ROWS, CHUNK_ROWS, most);

  for (gint64 first = 0; first < rows; first += most)
    {
      const int count = (int) MIN (most, rows - first);

      if (!hd_cuda_pace (cuda, flops * count / rows, bytes * count / rows, error)
          || !run_library_chunk (cuda, layer, algorithm, first, count, error))
        return FALSE;
    }

  return TRUE;
}

template <typename T>
static gboolean
run (HdCudaContext   *cuda,
     const HdChoice  *choice,
     gpointer         data,
     GError         **error)
{
  Layer<T> *layer = (Layer<T> *) data;

  return choice->kind == HD_CHOICE_LIBRARY ? run_library (cuda, layer, &choice->algorithm, error)
                                           : hd_tile_run<T> (cuda, &layer->job, layer->aligned, &choice->plan, error);
}

/* --- choosing --- */

/* Whether the library can do it at all. */
template <typename T>
static gboolean
suits_library (const Layer<T> *layer)
{
  const HdTileOutput *output = &layer->job.output;

  return layer->aligned && layer->job.source.x2 == NULL && output->channels % 8 == 0
         && (output->activation == HD_ACTIVATION_NONE || output->activation == HD_ACTIVATION_GEGLU);
}

/* What a file says is not given to the library before that has looked at it. */
static gboolean
may_use (HdCudaContext     *cuda,
         const HdLtProduct *product,
         gboolean           gated,
         gboolean           library,
         HdChoice          *choice)
{
  if (choice->kind == HD_CHOICE_TILES)
    return !gated || choice->plan.parts == 1;
  if (library && !choice->checked)
    choice->checked = hd_lt_accepts (hd_choices_library (cuda), product, &choice->algorithm);

  return library && choice->checked;
}

template <typename T>
static gboolean
choose (HdCudaContext   *cuda,
        const Layer<T>  *layer,
        HdChoice        *choice,
        GError         **error)
{
  const HdTileOutput *output = &layer->job.output;
  const gboolean      gated = output->activation == HD_ACTIVATION_GEGLU;
  const gboolean      library = suits_library (layer) && hd_choices_library (cuda) != NULL;
  Layer<T>            part = *layer;
  HdChoice            candidates[HD_CHOICES_MOST];
  HdLtAlgorithm       algorithms[ALGORITHMS];
  g_autofree char    *key = NULL;
  HdChoice           *known;
  gboolean            whole;
  int                 n;

  part.job.rows = part.job.output.rows = hd_choices_rows (cuda, layer->job.rows, layer->job.outputs,
                                                          2.0 * layer->job.outputs * layer->job.depth);
  part.product.rows = part.job.rows;
  part.product.y = gated ? NULL : output->y;
  part.product.residual = gated ? NULL : output->residual;
  whole = part.job.rows == layer->job.rows;
  key = g_strdup_printf ("linear %s, %d%s x %d + %d to %d, activation %d%s%s", hd_dtype_name (layer->product.dtype),
                         part.job.rows, whole ? "" : " or more", layer->job.source.joined.channels,
                         layer->job.source.joined.channels2,
                         layer->job.outputs, output->activation, output->bias != NULL ? ", bias" : "",
                         output->residual != NULL ? ", residual" : "");

  known = hd_choices_lookup (cuda, key);
  if (known != NULL && may_use (cuda, &part.product, gated, library, known))
    {
      *choice = *known;
      return TRUE;
    }

  n = hd_choices_add_plans (cuda, part.job.rows, whole, layer->job.outputs, layer->job.depth, gated, candidates);
  if (!layer->aligned)
    n = 1;
  if (library)
    {
      int found = hd_lt_find (hd_choices_library (cuda), &part.product, algorithms, ALGORITHMS);

      for (int i = 0; i < found; i++, n++)
        {
          candidates[n] = { };
          candidates[n].kind = HD_CHOICE_LIBRARY;
          candidates[n].algorithm = algorithms[i];
        }
    }

  return hd_choices_measure (cuda, key, candidates, n, run<T>, &part, choice, error);
}

/* As chosen; by tiles where the library has measured well and now will not, or finds no memory. */
template <typename T>
static gboolean
run_chosen (HdCudaContext   *cuda,
            const HdChoice  *choice,
            Layer<T>        *layer,
            GError         **error)
{
  g_autoptr (GError) failure = NULL;
  HdTilePlan         plans[HD_TILE_MAX_PLANS];

  if (choice->kind == HD_CHOICE_TILES)
    return run<T> (cuda, choice, layer, error);
  if (run<T> (cuda, choice, layer, &failure))
    return TRUE;

  if (cuda->lost || hd_context_is_cancelled (&cuda->parent))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }

  hd_tile_plans (cuda, layer->job.rows, layer->job.outputs, layer->job.depth,
                 layer->job.output.activation == HD_ACTIVATION_GEGLU, plans);

  return hd_tile_run<T> (cuda, &layer->job, layer->aligned, &plans[0], error);
}

/* --- the operator --- */

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
          const void            *elements,
          const HdLinearOptions *options,
          GError               **error)
{
  const HdTensor     *x2 = options->x2;
  const HdCudaWeight *weight = hd_cuda_weight (linear->weight);
  Layer<T>            layer = { };
  HdChoice            choice;

  layer.aligned = is_aligned (x) && (x2 == NULL || is_aligned (x2));
  layer.job.source.x = (const T *) x->data;
  layer.job.source.x2 = x2 != NULL ? (const T *) x2->data : NULL;
  layer.job.source.joined = hd_tensor_join (x, x2);
  layer.job.output = get_output (y, linear, options);
  layer.job.weight = elements;
  layer.job.rows = layer.job.output.rows;
  layer.job.outputs = linear->weight->out_channels;
  layer.job.depth = weight->in_stride;

  layer.product.dtype = x->dtype;
  layer.product.rows = layer.job.rows;
  layer.product.outputs = layer.job.outputs;
  layer.product.depth = layer.job.depth;
  layer.product.x = x->data;
  layer.product.weight = elements;
  if (linear->bias != NULL && suits_library (&layer) && hd_choices_library (cuda) != NULL
      && !round_bias<T> (cuda, linear->bias, x->dtype, &layer.product.bias, error))
    return FALSE;

  return choose (cuda, &layer, &choice, error) && run_chosen (cuda, &choice, &layer, error);
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
  const void    *elements;
  gboolean       success;

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

  elements = hd_cuda_weight_use (cuda, linear->weight, error);
  if (elements == NULL)
    return FALSE;

  success = x->dtype == HD_DTYPE_F16 ? multiply<__half> (cuda, y, x, linear, elements, options, error)
                                     : multiply<__nv_bfloat16> (cuda, y, x, linear, elements, options, error);

  return hd_cuda_weight_done (cuda, linear->weight, success ? error : NULL) && success;
}
