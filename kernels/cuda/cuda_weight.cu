/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/i18n.h"

#include "kernels/quantise.h"

/* A checkpoint's bytes, usually a mapped file, go to the device as they lie, through two pinned buffers: while one
 * is on its way the host fills the other. There they are converted, or quantised, and put into the order that operators
 * read. */

#define THREADS 256
#define DOING   "loading weights"

/* How a part's elements, row-major (O, I, KH * KW), lie on the device: (O, KH * KW, I'). */
typedef struct
{
  int64_t first_out;       /* of the weight's output channels: where the part begins */
  int     in_channels;     /* I */
  int     in_stride;       /* I' */
  int     taps;            /* KH * KW */
} WeightLayout;

template <typename To, typename From> __global__ void __launch_bounds__ (THREADS)
convert_kernel (To          *y,          /* the weight */
                const From  *x,          /* (@n): elements [@first, @first + @n) of the part */
                int64_t      first,
                int          n,
                WeightLayout layout)
{
  const int i = blockIdx.x * THREADS + threadIdx.x;

  if (i < n)
    {
      const int64_t place = first + i;
      const int64_t column = place / layout.taps;      /* (O, I) */
      const int     tap = (int) (place % layout.taps);
      const int64_t out = column / layout.in_channels + layout.first_out;
      const int     in = (int) (column % layout.in_channels);

      y[(out * layout.taps + tap) * layout.in_stride + in] = hd_from_float<To> (hd_to_float (x[i]));
    }
}

/* Whole rows of a part, one by each block. */
template <typename From> __global__ void __launch_bounds__ (THREADS)
quantise_kernel (signed char *y,           /* the weight */
                 float       *scales,      /* its output channels' */
                 const From  *x,           /* the part's rows from @first on */
                 int          first,
                 WeightLayout layout)
{
  __shared__ float largest_of[THREADS / HD_WARP];
  const int     n = layout.in_channels * layout.taps;
  const int64_t out = layout.first_out + first + blockIdx.x;
  const From   *row = x + (int64_t) blockIdx.x * n;
  float         largest = 0.0f;
  float         factor;

  for (int i = threadIdx.x; i < n; i += THREADS)
    largest = fmaxf (largest, fabsf (hd_to_float (row[i])));
  largest = hd_warp_max (largest);
  if (threadIdx.x % HD_WARP == 0)
    largest_of[threadIdx.x / HD_WARP] = largest;
  __syncthreads ();
  for (int i = 0; i < THREADS / HD_WARP; i++)
    largest = fmaxf (largest, largest_of[i]);

  factor = hd_quantise_factor (largest);
  if (threadIdx.x == 0)
    scales[out] = hd_quantise_scale (largest);
  for (int i = threadIdx.x; i < n; i += THREADS)
    y[(out * layout.taps + i % layout.taps) * layout.in_stride + i / layout.taps]
      = hd_quantise (hd_to_float (row[i]), factor);
}

/* --- launching --- */

/* Where a weight is made. */
typedef struct
{
  void        *data;
  float       *scales;   /* NULL: it is not quantised */
  HdDtype      dtype;
  WeightLayout layout;
} Target;

template <typename To, typename From> static gboolean
launch_convert (HdCudaContext *cuda,
                const Target  *target,
                const void    *from,
                gint64         first,
                int            n,
                GError       **error)
{
  return hd_cuda_launch (cuda, DOING, error, convert_kernel<To, From>, (n + THREADS - 1) / THREADS, THREADS, 0,
                         (To *) target->data, (const From *) from, first, n, target->layout);
}

template <typename From> static gboolean
convert_from (HdCudaContext *cuda,
              const Target  *target,
              const void    *from,
              gint64         first,
              int            n,
              GError       **error)
{
  const int row = target->layout.in_channels * target->layout.taps;

  if (target->scales != NULL)
    return hd_cuda_launch (cuda, DOING, error, quantise_kernel<From>, n / row, THREADS, 0,
                           (signed char *) target->data, target->scales, (const From *) from, (int) (first / row),
                           target->layout);

  switch (target->dtype)
    {
    case HD_DTYPE_F32:
      return launch_convert<float, From> (cuda, target, from, first, n, error);
    case HD_DTYPE_F16:
      return launch_convert<__half, From> (cuda, target, from, first, n, error);
    case HD_DTYPE_BF16:
      break;
    }

  return launch_convert<__nv_bfloat16, From> (cuda, target, from, first, n, error);
}

static gboolean
copy_part (HdCudaContext      *cuda,
           const HdWeightPart *part,
           const Target       *target,
           GError            **error)
{
  const gsize   size = hd_dtype_size (part->dtype);
  const gint64  elements = (gint64) (g_bytes_get_size (part->bytes) / size);
  const guint8 *bytes = (const guint8 *) g_bytes_get_data (part->bytes, NULL);
  const gint64  row = (gint64) target->layout.in_channels * target->layout.taps;

  for (gint64 first = 0; first < elements;)
    {
      HdCudaStaging *staging;
      gint64         most;
      int            n;

      if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
        return FALSE;
      staging = hd_cuda_staging_next (cuda, error);
      if (staging == NULL)
        return FALSE;

      /* Rows are quantised as a whole; no longer ones are. */
      most = (gint64) (cuda->staging_bytes / size);
      if (target->scales != NULL)
        most -= most % row;
      n = (int) MIN (elements - first, most);

      memcpy (staging->host, bytes + first * size, n * size);
      if (!hd_cuda_check (cuda, cudaMemcpyAsync (staging->device, staging->host, n * size, cudaMemcpyHostToDevice,
                                                 cuda->stream), DOING, error)
          || !HD_CUDA_DISPATCH (part->dtype, convert_from, cuda, target, staging->device, first, n, error)
          || !hd_cuda_staging_used (cuda, staging, error))
        return FALSE;

      first += n;
    }

  return TRUE;
}

/* --- making --- */

static gboolean
check_size (const HdWeight *weight,
            GError        **error)
{
  const gsize stride = hd_weight_stride (weight);
  gsize       bytes;

  if (g_size_checked_mul (&bytes, weight->out_channels, weight->kernel_height)
      && g_size_checked_mul (&bytes, bytes, weight->kernel_width)
      && g_size_checked_mul (&bytes, bytes, stride)
      && g_size_checked_mul (&bytes, bytes, sizeof (float))
      && bytes <= G_MAXSSIZE)
    return TRUE;

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "A weight of %d x %d x %d x %d is too large",
               weight->out_channels, weight->in_channels, weight->kernel_height, weight->kernel_width);
  return FALSE;
}

/* Room for the weight, and beside it for what is common to all of its form. */
static gboolean
allocate (HdCudaContext  *cuda,
          const HdWeight *weight,
          HdCudaWeight   *device,
          GError        **error)
{
  const HdWeightStore *store = &cuda->parent.weights;
  const char          *purpose = _("the model's weights");
  const gsize          scales = hd_weight_scale_bytes (weight);
  const gsize          kept = hd_weight_kept_bytes (weight);

  if (weight->form == HD_WEIGHT_FORM_INT8
      && (!hd_cuda_weight_unpacked (cuda, store->largest_packed, error)
          || !hd_cuda_allocate (cuda, scales, purpose, (void **) &device->scales, error)))
    return FALSE;
  device->bytes = scales;

  if (weight->streamed)
    {
      device->host_bytes = kept;
      return hd_cuda_ring_provide (cuda, hd_weight_store_ring (store), error);
    }

  device->bytes += kept;
  device->data_bytes = kept;
  return hd_cuda_weight_take (cuda, kept, &device->data, error);
}

static gboolean
fill (HdCudaContext  *cuda,
      const HdWeight *weight,
      HdCudaWeight   *device,
      GError        **error)
{
  Target target = { };

  target.data = weight->streamed ? hd_cuda_ring_memory (cuda) : device->data;
  target.scales = device->scales;
  target.dtype = weight->dtype;
  target.layout.in_channels = weight->in_channels;
  target.layout.in_stride = device->in_stride;
  target.layout.taps = weight->kernel_height * weight->kernel_width;

  if (device->in_stride != weight->in_channels
      && !hd_cuda_check (cuda, cudaMemsetAsync (target.data, 0, hd_weight_kept_bytes (weight), cuda->stream), DOING,
                         error))
    return FALSE;

  for (int i = 0; i < weight->n_parts; i++)
    {
      if (!copy_part (cuda, &weight->parts[i], &target, error))
        return FALSE;
      target.layout.first_out += weight->parts[i].out_channels;
    }

  return !weight->streamed || hd_cuda_ring_add (cuda, device, error);
}

/* The device has its own copy: the file's pages are not needed any more. */
static void
drop_parts (HdWeight *weight)
{
  for (int i = 0; i < weight->n_parts; i++)
    g_bytes_unref (weight->parts[i].bytes);

  g_clear_pointer (&weight->parts, g_free);
  weight->n_parts = 0;
}

static void
device_free (HdCudaContext *cuda,
             HdCudaWeight  *device)
{
  hd_cuda_ring_remove (cuda, device);
  hd_cuda_weight_give (cuda, device->data, device->data_bytes);
  cudaFree (device->scales);
  for (guint i = 0; i < G_N_ELEMENTS (device->rounded); i++)
    cudaFree (device->rounded[i]);
  cudaGetLastError ();
  g_free (device);
}

/* --- entries --- */

gboolean
hd_cuda_weight_make (HdContext *context,
                     HdWeight  *weight,
                     gsize     *bytes,
                     GError   **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  HdCudaWeight  *device;

  if (!hd_cuda_pace (cuda, 0.0, 0.0, error) || !check_size (weight, error))
    return FALSE;

  device = g_new0 (HdCudaWeight, 1);
  device->in_stride = hd_weight_stride (weight);
  if (!allocate (cuda, weight, device, error) || !fill (cuda, weight, device, error))
    {
      device_free (cuda, device);
      return FALSE;
    }

  drop_parts (weight);
  weight->device = device;
  *bytes = device->bytes;

  return TRUE;
}

/* What is common to a form goes with the last weight of it. */
void
hd_cuda_weight_free (HdContext *context,
                     HdWeight  *weight)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  HdCudaWeight  *device = (HdCudaWeight *) weight->device;

  cudaSetDevice (cuda->device);
  hd_cuda_repeat_drop (cuda);
  if (device != NULL)
    {
      context->weight_bytes -= device->bytes;
      device_free (cuda, device);
      weight->device = NULL;
    }

  if (weight->form == HD_WEIGHT_FORM_INT8 && context->weights.n_packed == 1)
    hd_cuda_weight_unpacked (cuda, 0, NULL);
  if (weight->streamed && context->weights.n_streamed == 1)
    hd_cuda_ring_free (cuda);
}
