/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/device.h"

#include "kernels/cpu/cpu.h"

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

HdContext *
hd_device_open (const HdRequest  *request,
                GError          **error)
{
  return hd_cpu_context_new (precision_of (request->precision), request->threads, error);
}

char *
hd_device_key (const HdRequest *request)
{
  return g_strdup_printf ("%s/%s/%d", request->device, request->precision, request->threads);
}
