/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_device.h"
#include "kernels/i18n.h"

/* Tensor cores that multiply bf16, and asynchronous copies, came with these. */
#define LEAST_MAJOR 8

/* The first drivers for CUDA 12 and 13, on Linux; 0: not known. */
static int
find_least_driver (int runtime)
{
  return runtime >= 14000 ? 0 : runtime >= 13000 ? 580 : runtime >= 12000 ? 525 : 0;
}

static void
set_old_driver (int      driver,
                int      runtime,
                GError **error)
{
  int least = find_least_driver (runtime);

  if (least > 0)
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                 _("The NVIDIA driver is too old: it supports CUDA %d.%d, expected driver %d or later, which supports "
                   "CUDA %d.0"), driver / 1000, driver % 1000 / 10, least, runtime / 1000);
  else
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                 _("The NVIDIA driver is too old: it supports CUDA %d.%d, expected %d.0 or later"),
                 driver / 1000, driver % 1000 / 10, runtime / 1000);
}

/* Why there is no device: said for someone who may never have heard of CUDA. */
static void
set_no_device (cudaError_t status,
               GError    **error)
{
  int driver = 0;
  int runtime = 0;

  cudaGetLastError ();
  cudaDriverGetVersion (&driver);
  cudaRuntimeGetVersion (&runtime);

  if (driver == 0)
    g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED, _("There is no NVIDIA driver"));
  else if (status == cudaErrorInsufficientDriver)
    set_old_driver (driver, runtime, error);
  else if (status == cudaErrorNoDevice || status == cudaSuccess)
    g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED, _("There is no NVIDIA GPU"));
  else
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED, _("The NVIDIA driver does not start: %s (%s)"),
                 cudaGetErrorString (status), cudaGetErrorName (status));
}

static cudaError_t
read_memory (int     index,
             size_t *available,
             size_t *total)
{
  cudaError_t status = cudaSetDevice (index);

  if (status == cudaSuccess)
    status = cudaMemGetInfo (available, total);
  cudaGetLastError ();

  return status;
}

/* A card that has failed in an earlier run is this process's again after a reset, mostly: nothing of that run is left
 * that could be lost. Returns: whether @status was such a failure. */
static gboolean
recover (int         index,
         cudaError_t status)
{
  if (!hd_cuda_is_final (status))
    return FALSE;

  cudaSetDevice (index);
  cudaDeviceReset ();
  cudaGetLastError ();

  return TRUE;
}

static cudaError_t
count_devices (int *count)
{
  cudaError_t status = cudaGetDeviceCount (count);

  return recover (0, status) ? cudaGetDeviceCount (count) : status;
}

/* NULL with @error set if it cannot be computed on. */
static HdCudaDevice *
describe_device (int      index,
                 GError **error)
{
  cudaDeviceProp properties;
  size_t         available = 0;
  size_t         total = 0;
  int            major = 0;
  int            minor = 0;
  HdCudaDevice  *device;
  cudaError_t    status;

  status = cudaGetDeviceProperties (&properties, index);
  if (recover (index, status))
    status = cudaGetDeviceProperties (&properties, index);
  if (status != cudaSuccess)
    {
      set_no_device (status, error);
      return NULL;
    }

  cudaDeviceGetAttribute (&major, cudaDevAttrComputeCapabilityMajor, index);
  cudaDeviceGetAttribute (&minor, cudaDevAttrComputeCapabilityMinor, index);
  if (major < LEAST_MAJOR)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   _("%s is too old: it has compute capability %d.%d, expected 8.0 or later (GeForce RTX 30 and newer)"),
                   properties.name, major, minor);
      return NULL;
    }

  status = read_memory (index, &available, &total);
  if (recover (index, status))
    status = read_memory (index, &available, &total);
  if (status == cudaErrorMemoryAllocation)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
                   _("%s has no memory left: other programs have taken it"), properties.name);
      return NULL;
    }
  if (status != cudaSuccess)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED, _("%s cannot be used: %s (%s)"), properties.name,
                   cudaGetErrorString (status), cudaGetErrorName (status));
      return NULL;
    }

  device = g_new0 (HdCudaDevice, 1);
  device->index = index;
  device->name = g_strdup (properties.name);
  device->total_bytes = total;
  device->available_bytes = available;

  return device;
}

GPtrArray *
hd_cuda_devices_list (GError **error)
{
  g_autoptr (GPtrArray) devices = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_cuda_device_free);
  g_autoptr (GError)    first = NULL;
  cudaError_t           status;
  int                   count = 0;

  status = count_devices (&count);
  if (status != cudaSuccess || count == 0)
    {
      set_no_device (status, error);
      return NULL;
    }

  for (int i = 0; i < count; i++)
    {
      HdCudaDevice *device = describe_device (i, first == NULL ? &first : NULL);

      if (device != NULL)
        g_ptr_array_add (devices, device);
    }

  if (devices->len == 0)
    {
      g_propagate_error (error, g_steal_pointer (&first));
      return NULL;
    }

  return g_steal_pointer (&devices);
}

HdCudaDevice *
hd_cuda_device_choose (int      index,
                       GError **error)
{
  g_autoptr (GPtrArray) devices = NULL;
  guint                 best = 0;
  cudaError_t           status;
  int                   count = 0;

  if (index >= 0)
    {
      status = count_devices (&count);
      if (status != cudaSuccess || count == 0)
        {
          set_no_device (status, error);
          return NULL;
        }
      if (index >= count)
        {
          g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                       _("There is no GPU number %d: expected 0 to %d"), index, count - 1);
          return NULL;
        }
      return describe_device (index, error);
    }

  devices = hd_cuda_devices_list (error);
  if (devices == NULL)
    return NULL;

  for (guint i = 1; i < devices->len; i++)
    {
      const HdCudaDevice *device = (const HdCudaDevice *) g_ptr_array_index (devices, i);

      if (device->available_bytes > ((const HdCudaDevice *) g_ptr_array_index (devices, best))->available_bytes)
        best = i;
    }

  return (HdCudaDevice *) g_ptr_array_steal_index (devices, best);
}
