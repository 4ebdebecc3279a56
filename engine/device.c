/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/device.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cuda/cuda.h"
#include "kernels/host.h"

#define CUDA_PREFIX "cuda:"

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

/* The number behind "cuda:", or -1. */
static int
cuda_index_of (const char *name)
{
  return g_str_has_prefix (name, CUDA_PREFIX) ? atoi (name + strlen (CUDA_PREFIX)) : -1;
}

HdContext *
hd_device_open (const HdRequest  *request,
                GError          **error)
{
  HdPrecision precision = precision_of (request->precision);

  if (g_str_equal (request->device, "cuda") || g_str_has_prefix (request->device, CUDA_PREFIX))
    return hd_cuda_context_new (cuda_index_of (request->device), precision, error);

  if (g_str_equal (request->device, "auto"))
    {
      HdContext *context = open_cuda_if_possible (precision);

      if (context != NULL)
        return context;
    }

  return hd_cpu_context_new (precision, request->threads, error);
}

void
hd_gpu_free (HdGpu *gpu)
{
  if (gpu == NULL)
    return;

  g_free (gpu->device);
  g_free (gpu->name);
  g_free (gpu);
}

GPtrArray *
hd_device_list_gpus (GError **error)
{
  g_autoptr (GPtrArray) cards = hd_cuda_list_devices (error);
  GPtrArray            *gpus;

  if (cards == NULL)
    return NULL;

  gpus = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_gpu_free);
  for (guint i = 0; i < cards->len; i++)
    {
      const HdCudaDevice *card = g_ptr_array_index (cards, i);
      HdGpu              *gpu = g_new (HdGpu, 1);

      *gpu = (HdGpu) {
        .device = g_strdup_printf (CUDA_PREFIX "%d", card->index), .name = g_strdup (card->name),
        .total_bytes = card->total_bytes, .available_bytes = card->available_bytes,
      };
      g_ptr_array_add (gpus, gpu);
    }

  return gpus;
}

static char *
describe_gpu (const HdGpu *gpu)
{
  g_autofree char *available = g_format_size_full (gpu->available_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *total = g_format_size_full (gpu->total_bytes, G_FORMAT_SIZE_IEC_UNITS);

  return g_strdup_printf ("%s, %s of %s free", gpu->name, available, total);
}

/* All cards in a line, or the one that is asked for. */
static char *
describe_cuda (const char *name)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) gpus = hd_device_list_gpus (&error);
  g_autoptr (GString)   text = g_string_new (NULL);

  if (gpus == NULL)
    return g_strdup (error->message);

  for (guint i = 0; i < gpus->len; i++)
    {
      const HdGpu     *gpu = g_ptr_array_index (gpus, i);
      g_autofree char *description = describe_gpu (gpu);

      if (g_str_equal (name, "cuda") || g_str_equal (name, gpu->device))
        g_string_append_printf (text, "%s%s", text->len > 0 ? "; " : "", description);
    }

  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : g_strdup ("there is no such card");
}

char *
hd_device_describe (const char *name)
{
  if (g_str_has_prefix (name, "cuda"))
    return describe_cuda (name);
  if (g_str_equal (name, "cpu"))
    return g_strdup_printf ("%d processors", hd_host_threads (0));

  return g_strdup ("the GPU, or the CPU where there is none");
}

char *
hd_device_key (const HdRequest *request)
{
  return g_strdup_printf ("%s/%s/%d", request->device, request->precision, request->threads);
}
