/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/i18n.h"

/* A checkpoint's bytes, usually a mapped file, go to the device as they lie, through two pinned buffers: while one
 * is on its way the host fills the other. There they are converted and put into the order that operators read. */

#define THREADS 256
#define IN_MULTIPLE 8

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

/* --- copying --- */

template <typename To, typename From> static gboolean
launch_convert (HdCudaContext      *cuda,
                void               *to,
                const void         *from,
                gint64              first,
                int                 n,
                const WeightLayout *layout,
                GError            **error)
{
  return hd_cuda_launch (cuda, "loading weights", error, convert_kernel<To, From>, (n + THREADS - 1) / THREADS, THREADS,
                         0, (To *) to, (const From *) from, first, n, *layout);
}

template <typename To> static gboolean
convert_to (HdCudaContext      *cuda,
            HdDtype             stored,
            void               *to,
            const void         *from,
            gint64              first,
            int                 n,
            const WeightLayout *layout,
            GError            **error)
{
  switch (stored)
    {
    case HD_DTYPE_F32:
      return launch_convert<To, float> (cuda, to, from, first, n, layout, error);
    case HD_DTYPE_F16:
      return launch_convert<To, __half> (cuda, to, from, first, n, layout, error);
    case HD_DTYPE_BF16:
      break;
    }

  return launch_convert<To, __nv_bfloat16> (cuda, to, from, first, n, layout, error);
}

static gboolean
copy_part (HdCudaContext      *cuda,
           const HdWeight     *weight,
           const HdWeightPart *part,
           void               *to,
           const WeightLayout *layout,
           GError            **error)
{
  const gsize   size = hd_dtype_size (part->dtype);
  const gint64  elements = (gint64) (g_bytes_get_size (part->bytes) / size);
  const guint8 *bytes = (const guint8 *) g_bytes_get_data (part->bytes, NULL);

  for (gint64 first = 0; first < elements;)
    {
      HdCudaStaging *staging;
      int            n;

      if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
        return FALSE;
      staging = hd_cuda_staging_next (cuda, error);
      if (staging == NULL)
        return FALSE;

      n = (int) MIN (elements - first, (gint64) (cuda->staging_bytes / size));
      memcpy (staging->host, bytes + first * size, n * size);
      if (!hd_cuda_check (cuda, cudaMemcpyAsync (staging->device, staging->host, n * size, cudaMemcpyHostToDevice,
                                                 cuda->stream), "loading weights", error)
          || !HD_CUDA_DISPATCH (weight->dtype, convert_to, cuda, part->dtype, to, staging->device, first, n, layout,
                                error)
          || !hd_cuda_staging_used (cuda, staging, error))
        return FALSE;

      first += n;
    }

  return TRUE;
}

/* --- entries --- */

static gboolean
find_size (const HdWeight *weight,
           int             in_stride,
           gsize          *bytes)
{
  return g_size_checked_mul (bytes, weight->out_channels, weight->kernel_height)
         && g_size_checked_mul (bytes, *bytes, weight->kernel_width)
         && g_size_checked_mul (bytes, *bytes, in_stride)
         && g_size_checked_mul (bytes, *bytes, hd_dtype_size (weight->dtype))
         && *bytes <= G_MAXSSIZE;
}

static gboolean
fill (HdCudaContext *cuda,
      HdWeight      *weight,
      HdCudaWeight  *device,
      GError       **error)
{
  WeightLayout layout = {
    .first_out = 0, .in_channels = weight->in_channels, .in_stride = device->in_stride,
    .taps = weight->kernel_height * weight->kernel_width
  };

  if (device->in_stride != weight->in_channels
      && !hd_cuda_check (cuda, cudaMemsetAsync (device->data, 0, device->bytes, cuda->stream), "loading weights", error))
    return FALSE;

  for (int i = 0; i < weight->n_parts; i++)
    {
      if (!copy_part (cuda, weight, &weight->parts[i], device->data, &layout, error))
        return FALSE;
      layout.first_out += weight->parts[i].out_channels;
    }

  return TRUE;
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

gboolean
hd_cuda_weight_make (HdContext *context,
                     HdWeight  *weight,
                     gsize     *bytes,
                     GError   **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  gboolean       padded = weight->kind == HD_WEIGHT_CONV || weight->kind == HD_WEIGHT_LINEAR;
  HdCudaWeight  *device;

  if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
    return FALSE;

  device = g_new0 (HdCudaWeight, 1);
  device->in_stride = weight->in_channels;
  if (padded && weight->in_channels <= G_MAXINT - IN_MULTIPLE)
    device->in_stride = (weight->in_channels + IN_MULTIPLE - 1) / IN_MULTIPLE * IN_MULTIPLE;

  if (!find_size (weight, device->in_stride, &device->bytes))
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, "A weight of %d x %d x %d x %d is too large",
                 weight->out_channels, device->in_stride, weight->kernel_height, weight->kernel_width);
  else if (hd_cuda_allocate (cuda, device->bytes, _("the model's weights"), &device->data, error))
    {
      if (fill (cuda, weight, device, error))
        {
          drop_parts (weight);
          weight->device = device;
          *bytes = device->bytes;
          return TRUE;
        }
      cudaFree (device->data);
      cudaGetLastError ();
    }

  g_free (device);
  return FALSE;
}

void
hd_cuda_weight_free (HdContext *context,
                     HdWeight  *weight)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  HdCudaWeight  *device = (HdCudaWeight *) weight->device;

  if (device == NULL)
    return;

  cudaSetDevice (cuda->device);
  cudaFree (device->data);
  for (guint i = 0; i < G_N_ELEMENTS (device->rounded); i++)
    cudaFree (device->rounded[i]);
  cudaGetLastError ();
  context->weight_bytes -= device->bytes;
  g_free (device);
  weight->device = NULL;
}
