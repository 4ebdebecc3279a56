/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/device.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cuda/cuda.h"
#include "kernels/host.h"

static HdPrecision
precision_of (const char *name)
{
  if (g_str_equal (name, "float32"))
    return HD_PRECISION_F32;
  if (g_str_equal (name, "bfloat16"))
    return HD_PRECISION_BF16;
  if (g_str_equal (name, "float16"))
    return HD_PRECISION_F16;

  return HD_PRECISION_AUTO;
}

/* The GPU under "auto": NULL wherever it cannot be used, as the CPU then can. */
static HdContext *
open_cuda_if_possible (HdPrecision precision)
{
  g_autoptr (GError) error = NULL;
  HdContext         *context = NULL;

  if (precision != HD_PRECISION_F32)
    {
      context = hd_cuda_context_new (-1, precision, &error);
      if (context == NULL)
        g_debug ("Computing on the CPU: %s", error->message);
    }

  return context;
}

HdContext *
hd_device_open (const HdRequest  *request,
                GError          **error)
{
  HdPrecision precision = precision_of (request->precision);

  if (g_str_equal (request->device, "cuda"))
    return hd_cuda_context_new (-1, precision, error);

  if (g_str_equal (request->device, "auto"))
    {
      HdContext *context = open_cuda_if_possible (precision);

      if (context != NULL)
        return context;
    }

  return hd_cpu_context_new (precision, request->threads, error);
}

static char *
describe_cuda (void)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) devices = hd_cuda_list_devices (&error);
  g_autoptr (GString)   text = NULL;

  if (devices == NULL)
    return g_strdup (error->message);

  text = g_string_new (NULL);
  for (guint i = 0; i < devices->len; i++)
    {
      const HdCudaDevice *device = g_ptr_array_index (devices, i);
      g_autofree char    *available = g_format_size_full (device->available_bytes, G_FORMAT_SIZE_IEC_UNITS);
      g_autofree char    *total = g_format_size_full (device->total_bytes, G_FORMAT_SIZE_IEC_UNITS);

      g_string_append_printf (text, "%s%s, %s of %s free", i > 0 ? "; " : "", device->name, available, total);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
hd_device_describe (const char *name)
{
  if (g_str_equal (name, "cuda"))
    return describe_cuda ();
  if (g_str_equal (name, "cpu"))
    return g_strdup_printf ("%d processors", hd_host_threads (0));

  return g_strdup ("the GPU, or the CPU where there is none");
}

char *
hd_device_key (const HdRequest *request)
{
  return g_strdup_printf ("%s/%s/%d", request->device, request->precision, request->threads);
}
