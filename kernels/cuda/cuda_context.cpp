/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/i18n.h"

/* What is queued at once is about three times this much, by the estimate of hd_cuda_pace(). */
#define PACE_SECONDS   0.05
#define PACE_PENDING   2
#define POLL_MICROSECONDS 200
/* Starting a kernel. */
#define LAUNCH_SECONDS 5e-6

/* Of what a card can do on paper, what is surely reached. */
#define SURE_FLOPS     0.25
#define SURE_BANDWIDTH 0.4

/* cudaErrorContained: the card has kept an error of its hardware from spreading; cudaErrorTensorMemoryLeak. */
#define CONTAINED          226
#define TENSOR_MEMORY_LEAK 721

/* --- errors --- */

gboolean
hd_cuda_is_final (cudaError_t status)
{
  /* Newer toolkits have names for these, which older ones do not know. */
  if (status == (cudaError_t) CONTAINED || status == (cudaError_t) TENSOR_MEMORY_LEAK)
    return TRUE;

  switch (status)
    {
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorMpsClientTerminated:
    case cudaErrorUnknown:
      return TRUE;

    default:
      return FALSE;
    }
}

gboolean
hd_cuda_check (HdCudaContext *cuda,
               cudaError_t    status,
               const char    *doing,
               GError       **error)
{
  if (status == cudaSuccess)
    return TRUE;

  /* An error that has been told is not to be found again by the next launch. */
  cudaGetLastError ();

  if (hd_cuda_is_final (status))
    {
      cuda->lost = TRUE;
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED,
                   _("%s has failed while %s (%s: %s); the next run tries it anew, and the CPU can always be used"),
                   cuda->parent.name, doing, cudaGetErrorName (status), cudaGetErrorString (status));
    }
  else if (status == cudaErrorMemoryAllocation)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY, _("Not enough memory on %s for %s"),
                   cuda->parent.name, doing);
    }
  else
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED, "%s: %s: %s (%s)", cuda->parent.name, doing,
                   cudaGetErrorString (status), cudaGetErrorName (status));
    }

  return FALSE;
}

static gboolean
check_lost (HdCudaContext *cuda,
            GError       **error)
{
  if (!cuda->lost)
    return TRUE;

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED,
               _("%s has failed before; the next run tries it anew, and the CPU can always be used"),
               cuda->parent.name);
  return FALSE;
}

/* --- pace --- */

gboolean
hd_cuda_wait (HdCudaContext *cuda,
              cudaEvent_t    event,
              GError       **error)
{
  cudaError_t status;

  while ((status = cudaEventQuery (event)) == cudaErrorNotReady)
    {
      /* No error, but kept as one, for the next launch to find. */
      cudaGetLastError ();
      if (hd_context_is_cancelled (&cuda->parent))
        {
          hd_context_set_cancelled_error (error);
          return FALSE;
        }
      g_usleep (POLL_MICROSECONDS);
    }

  return hd_cuda_check (cuda, status, "computing", error);
}

gboolean
hd_cuda_pace_seconds (HdCudaContext *cuda,
                      double         seconds,
                      GError       **error)
{
  guint latest;

  if (!check_lost (cuda, error) || !hd_cuda_check (cuda, cudaSetDevice (cuda->device), "computing", error))
    return FALSE;
  if (hd_context_is_cancelled (&cuda->parent))
    {
      hd_context_set_cancelled_error (error);
      return FALSE;
    }

  if (cuda->capturing)
    return hd_cuda_repeat_count (cuda, seconds, error);

  if (cuda->pace_seconds >= PACE_SECONDS)
    {
      latest = cuda->pace_recorded++;
      cuda->pace_seconds = 0.0;
      if (!hd_cuda_check (cuda, cudaEventRecord (cuda->pace_events[latest % HD_CUDA_PACE_EVENTS], cuda->stream),
                          "computing", error))
        return FALSE;
      if (latest >= PACE_PENDING
          && !hd_cuda_wait (cuda, cuda->pace_events[(latest - PACE_PENDING) % HD_CUDA_PACE_EVENTS], error))
        return FALSE;
    }

  cuda->pace_seconds += seconds;
  cuda->planned_seconds += seconds;

  return TRUE;
}

gboolean
hd_cuda_pace (HdCudaContext *cuda,
              double         flops,
              double         bytes,
              GError       **error)
{
  return hd_cuda_pace_seconds (cuda, LAUNCH_SECONDS + MAX (flops / cuda->flops, bytes / cuda->bandwidth), error);
}

gint64
hd_cuda_pieces_per_launch (const HdCudaContext *cuda,
                           gint64               n,
                           double               flops,
                           double               bytes)
{
  double seconds = MAX (flops / cuda->flops, bytes / cuda->bandwidth);
  double pieces = floor (n * (cuda->launch_seconds / seconds));

  return pieces >= n ? n : pieces >= 1.0 ? (gint64) pieces : 1;
}

/* --- the backend --- */

gboolean
hd_cuda_synchronize (HdContext *context,
                     GError   **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (cuda->lost)
    return TRUE;   /* the operator that met it has said so */

  return hd_cuda_check (cuda, cudaSetDevice (cuda->device), "computing", error)
         && hd_cuda_check (cuda, cudaStreamSynchronize (cuda->stream), "computing", error);
}

void
hd_cuda_context_free (HdContext *context)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  cudaSetDevice (cuda->device);
  hd_cuda_repeat_free (cuda);
  hd_cuda_products_free (cuda->products);
  hd_cuda_staging_free (cuda);
  hd_cuda_ring_free (cuda);
  hd_cuda_weight_memory_free (cuda);
  hd_cuda_weight_unpacked (cuda, 0, NULL);
  cudaFree (cuda->scratch);
  for (int i = 0; i < HD_CUDA_PACE_EVENTS; i++)
    if (cuda->pace_events[i] != NULL)
      cudaEventDestroy (cuda->pace_events[i]);
  if (cuda->stream != NULL)
    cudaStreamDestroy (cuda->stream);
  cudaGetLastError ();
  g_free (cuda);
}

const HdBackend hd_cuda_backend = {
  .streams = TRUE,
  .reserve = hd_cuda_reserve,
  .free = hd_cuda_context_free,
  .available = hd_cuda_available,
  .synchronize = hd_cuda_synchronize,
  .weight_make = hd_cuda_weight_make,
  .weight_free = hd_cuda_weight_free,
  .conv2d = hd_cuda_conv2d,
  .linear = hd_cuda_linear,
  .group_norm = hd_cuda_group_norm,
  .channel_moments = hd_cuda_channel_moments,
  .group_statistics = hd_cuda_group_statistics,
  .layer_norm = hd_cuda_layer_norm,
  .attention = hd_cuda_attention,
  .avg_pool_2x2 = hd_cuda_avg_pool_2x2,
  .resize_bicubic = hd_cuda_resize_bicubic,
  .activate = hd_cuda_activate,
  .add = hd_cuda_add,
  .combine = hd_cuda_combine,
  .embed_tokens = hd_cuda_embed_tokens,
  .upload = hd_cuda_upload,
  .download = hd_cuda_download,
  .repeat_begin = hd_cuda_repeat_begin,
  .repeat_end = hd_cuda_repeat_end,
};

/* --- opening --- */

static int
get_attribute (int            device,
               cudaDeviceAttr attribute)
{
  int value = 0;

  if (cudaDeviceGetAttribute (&value, attribute, device) != cudaSuccess)
    {
      cudaGetLastError ();
      return 0;
    }

  return value;
}

static void
read_attributes (HdCudaContext *cuda)
{
  int    device = cuda->device;
  double clock = get_attribute (device, cudaDevAttrClockRate) * 1e3;
  double memory = get_attribute (device, cudaDevAttrMemoryClockRate) * 2e3
                  * get_attribute (device, cudaDevAttrGlobalMemoryBusWidth) / 8.0;

  cuda->major = get_attribute (device, cudaDevAttrComputeCapabilityMajor);
  cuda->minor = get_attribute (device, cudaDevAttrComputeCapabilityMinor);
  cuda->processors = MAX (get_attribute (device, cudaDevAttrMultiProcessorCount), 1);
  cuda->shared_bytes = MAX ((gsize) get_attribute (device, cudaDevAttrMaxSharedMemoryPerBlockOptin), (gsize) 48 << 10);
  cuda->display = get_attribute (device, cudaDevAttrKernelExecTimeout) != 0;
  cuda->launch_seconds = cuda->display ? 0.1 : 0.25;

  /* A processor of a data centre's card does 2048 operations a cycle with mma.sync, an artist's 512 when the sums
   * are float32. What the driver does not tell is taken to be small. */
  cuda->flops = cuda->processors * (clock > 0.0 ? clock : 1e9)
                * (cuda->minor == 0 && cuda->major < 12 ? 2048.0 : 512.0) * SURE_FLOPS;
  cuda->bandwidth = (memory > 0.0 ? memory : 200e9) * SURE_BANDWIDTH;
}

static gboolean
open_stream (HdCudaContext *cuda,
             GError       **error)
{
  if (!hd_cuda_check (cuda, cudaSetDevice (cuda->device), "starting", error)
      || !hd_cuda_check (cuda, cudaStreamCreateWithFlags (&cuda->stream, cudaStreamNonBlocking), "starting", error))
    return FALSE;

  for (int i = 0; i < HD_CUDA_PACE_EVENTS; i++)
    if (!hd_cuda_check (cuda, cudaEventCreateWithFlags (&cuda->pace_events[i], cudaEventDisableTiming), "starting",
                        error))
      return FALSE;

  return TRUE;
}

HdContext *
hd_cuda_context_open (int         index,
                      HdPrecision precision,
                      GError    **error)
{
  g_autoptr (HdCudaDevice) device = NULL;
  HdDtype                  dtype = precision == HD_PRECISION_BF16 ? HD_DTYPE_BF16 : HD_DTYPE_F16;
  HdCudaContext           *cuda;

  if (precision == HD_PRECISION_F32)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                           _("GPUs compute in float16 or bfloat16 here, with sums in float32, not in float32"));
      return NULL;
    }

  device = hd_cuda_device_choose (index, error);
  if (device == NULL)
    return NULL;

  cuda = g_new0 (HdCudaContext, 1);
  cuda->device = device->index;
  hd_context_init (&cuda->parent, &hd_cuda_backend,
                   g_strdup_printf ("%s (%s)", device->name, dtype == HD_DTYPE_BF16 ? "bf16" : "fp16"), dtype, FALSE);
  cuda->parent.asynchronous = TRUE;
  read_attributes (cuda);
  if (!open_stream (cuda, error))
    {
      hd_context_unref (&cuda->parent);
      return NULL;
    }

  return &cuda->parent;
}
