/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/device.h"
#include "kernels/error.h"

/* Devices as the engine knows them, with an emulated card and without one. */

static HdContext *
open_device (const char  *name,
             GError     **error)
{
  g_autoptr (HdRequest) request = hd_request_new ();

  hd_request_set (&request->model, "any");
  hd_request_set (&request->device, name);
  g_assert_true (hd_request_check (request, NULL));

  return hd_device_open (request, error);
}

static void
assert_opens (const char *name,
              const char *device)
{
  GError    *error = NULL;
  HdContext *context = open_device (name, &error);

  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (hd_context_get_name (context), device));
  hd_context_unref (context);
}

static void
assert_fails (const char *name,
              const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (open_device (name, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_card (void)
{
  GError                *error = NULL;
  g_autoptr (GPtrArray)  gpus = hd_device_list_gpus (&error);
  g_autofree char       *all = hd_device_describe ("cuda");
  g_autofree char       *first = hd_device_describe ("cuda:0");
  g_autofree char       *second = hd_device_describe ("cuda:1");
  const HdGpu           *gpu;

  g_assert_no_error (error);
  g_assert_cmpuint (gpus->len, ==, 1);
  gpu = g_ptr_array_index (gpus, 0);
  g_assert_cmpstr (gpu->device, ==, "cuda:0");
  g_assert_cmpstr (gpu->name, ==, "Emulated GPU");
  g_assert_cmpuint (gpu->total_bytes, ==, (guint64) 4 << 30);
  g_assert_cmpuint (gpu->available_bytes, <=, gpu->total_bytes);
  g_assert_cmpuint (gpu->available_bytes, >, 0);

  g_assert_true (g_str_has_prefix (all, "Emulated GPU, "));
  g_assert_nonnull (strstr (all, "of 4.0"));
  g_assert_cmpstr (first, ==, all);
  g_assert_nonnull (strstr (second, "no such card"));

  assert_opens ("auto", "Emulated GPU");
  assert_opens ("cuda", "Emulated GPU");
  assert_opens ("cuda:0", "Emulated GPU");
  assert_opens ("cpu", "CPU");
  assert_fails ("cuda:1", "no GPU number 1: expected 0 to 0");
}

static void
test_no_module (void)
{
  g_autofree char       *module = g_strdup (g_getenv ("HIDIFFUSION_CUDA_MODULE"));
  g_autoptr (GError)     error = NULL;
  g_autofree char       *description = NULL;

  g_setenv ("HIDIFFUSION_CUDA_MODULE", "/nowhere/hd-cuda.so", TRUE);
  g_assert_null (hd_device_list_gpus (&error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  description = hd_device_describe ("cuda");
  g_assert_cmpstr (description, ==, error->message);
  assert_fails ("cuda", "/nowhere/hd-cuda.so");
  assert_fails ("cuda:0", "/nowhere/hd-cuda.so");
  assert_opens ("auto", "CPU");
  g_setenv ("HIDIFFUSION_CUDA_MODULE", module, TRUE);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/device/card", test_card);
  g_test_add_func ("/cuda/device/no-module", test_no_module);

  return g_test_run ();
}
