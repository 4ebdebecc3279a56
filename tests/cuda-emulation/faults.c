/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/cuda-emulation/cuda_test.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

/* What the device does where there is no driver, no card, no memory or a card that falls out; that it gives back all
 * that it was lent; and that launches are split. */

#define HEIGHT   6
#define WIDTH    7
#define CHANNELS 16

static void
assert_no_device (int         devices,
                  const char *message)
{
  g_autoptr (GError)     error = NULL;
  g_autoptr (GError)     opening = NULL;
  g_autoptr (GPtrArray)  list = NULL;
  g_autoptr (HdContext)  context = NULL;

  hd_emulated_set_devices (devices);
  list = hd_cuda_module_open ()->list_devices (&error);
  context = hd_cuda_module_open ()->context_new (-1, HD_PRECISION_AUTO, &opening);
  hd_emulated_set_devices (1);

  g_assert_null (list);
  g_assert_null (context);
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_assert_error (opening, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, message));
  g_assert_nonnull (strstr (opening->message, message));
}

static void
test_devices (void)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) list = hd_cuda_module_open ()->list_devices (&error);
  const HdCudaDevice   *device;

  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 1);
  device = g_ptr_array_index (list, 0);
  g_assert_cmpstr (device->name, ==, "Emulated GPU");
  g_assert_cmpuint (device->available_bytes, >, 0);
  g_assert_cmpuint (device->available_bytes, <=, device->total_bytes);

  assert_no_device (-1, "driver");
  assert_no_device (0, "no NVIDIA GPU");
}

static void
assert_refused (const char *message)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdContext) context = hd_cuda_module_open ()->context_new (0, HD_PRECISION_AUTO, &error);

  g_assert_null (context);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
}

/* A driver or a card that is too old: the message says what would do. A newer card beside an old one is found. */
static void
test_old (void)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) list = NULL;

  hd_emulated_set_driver (12080);
  assert_no_device (1, "expected driver 580 or later, which supports CUDA 13.0");
  assert_refused ("it supports CUDA 12.8");
  hd_emulated_set_driver (13000);

  hd_emulated_set_capability (7, 5);
  assert_no_device (1, "compute capability 7.5, expected 8.0 or later");
  assert_refused ("GeForce RTX 30 and newer");

  hd_emulated_set_devices (2);
  list = hd_cuda_module_open ()->list_devices (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 1);
  g_assert_cmpint (((HdCudaDevice *) list->pdata[0])->index, ==, 1);
  assert_refused ("too old");
  hd_emulated_set_devices (1);
  hd_emulated_set_capability (8, 0);
}

/* A card that other programs have filled. */
static void
test_full (void)
{
  GError    *error = NULL;
  HdContext *context;

  hd_emulated_take_memory ((gsize) 5 << 30);
  assert_refused ("has no memory left");

  hd_emulated_take_memory (((gsize) 4 << 30) - ((gsize) 300 << 20));
  context = hd_cuda_module_open ()->context_new (0, HD_PRECISION_AUTO, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hd_context_get_available_bytes (context), <=, (gsize) 300 << 20);
  g_assert_false (hd_context_reserve (context, (gsize) 1 << 30, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "1.0"));
  g_clear_error (&error);

  hd_context_unref (context);
  hd_emulated_take_memory (0);
  test_cuda_assert_released ();
}

static void
test_opening (void)
{
  const HdCudaModule *module = hd_cuda_module_open ();
  GError             *error = NULL;
  HdContext          *context;

  g_assert_null (module->context_new (1, HD_PRECISION_AUTO, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  g_assert_null (module->context_new (0, HD_PRECISION_F32, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  context = module->context_new (0, HD_PRECISION_AUTO, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hd_context_get_name (context), ==, "Emulated GPU (fp16)");
  g_assert_cmpint (hd_context_get_dtype (context), ==, HD_DTYPE_F16);
  g_assert_cmpuint (hd_context_get_available_bytes (context), >, 0);

  /* more than there is */
  g_assert_false (hd_context_reserve (context, (gsize) 1 << 40, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "TiB are needed"));
  g_clear_error (&error);

  hd_context_unref (context);
  test_cuda_assert_released ();
}

/* An HdRepeatFunc. */
static HdTensor *
add_twice (HdContext *context,
           gpointer   user_data)
{
  g_autoptr (HdTensor) sum = hd_add (context, user_data, user_data);

  return hd_add (context, sum, user_data);
}

/* A little of everything that takes memory. The sticky error, or NULL. */
static GError *
run (void)
{
  g_autoptr (GRand)    rand = g_rand_new_with_seed (5);
  g_autofree float    *values = test_random (rand, HEIGHT * WIDTH * CHANNELS, HD_DTYPE_F16);
  g_autofree float    *found = g_new (float, 4 * HEIGHT * WIDTH * CHANNELS);
  g_autoptr (GBytes)   bytes = test_bytes_new (values, CHANNELS, HD_DTYPE_F16);
  const HdWeightPart   part = { HD_DTYPE_F16, CHANNELS, bytes };
  HdNorm               norm = { .epsilon = 1e-5f, .groups = 4 };
  GError              *error = NULL;
  HdContext           *context;

  context = hd_cuda_module_open ()->context_new (-1, HD_PRECISION_F16, &error);
  if (context == NULL)
    return error;

  if (hd_context_reserve (context, 1 << 20, &error))
    norm.gamma = hd_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, &part, 1, 1, 1, 1, &error);
  if (norm.gamma != NULL)
    norm.beta = hd_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, &part, 1, 1, 1, 1, &error);

  if (norm.beta != NULL)
    {
      g_autoptr (HdTensor) x = hd_upload (context, HD_DTYPE_F16, 1, HEIGHT, WIDTH, CHANNELS, values);
      g_autoptr (HdTensor) y = hd_group_norm (context, x, NULL, &norm, HD_ACTIVATION_SILU);
      g_autoptr (HdTensor) z = hd_resize_bicubic (context, y, 2 * HEIGHT, 2 * WIDTH);

      hd_download (context, z, found);
      for (int i = 0; i < 3; i++)
        hd_tensor_take (&y, hd_context_repeat (context, 1, add_twice, x));
      hd_context_check (context, &error);
    }

  hd_norm_clear (&norm);
  g_assert_cmpint (context->n_tensors, ==, 0);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
  hd_context_unref (context);

  return error;
}

/* Memory that is missing at any place is an error, and nothing is left behind. */
static void
test_no_memory (void)
{
  GError *error = NULL;
  int     places = 0;

  for (;; places++)
    {
      hd_emulated_fail_after (places);
      error = run ();
      hd_emulated_fail_after (-1);
      test_cuda_assert_released ();

      if (error == NULL)
        break;
      g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
      g_clear_error (&error);
    }

  /* tensors, two vectors, two staging buffers of two sides, scratch memory */
  g_assert_cmpint (places, >=, 8);
}

static void
test_no_leak (void)
{
  for (int i = 0; i < 100; i++)
    {
      GError *error = run ();

      g_assert_no_error (error);
      test_cuda_assert_released ();
    }
}

/* The card falls out: an error that names it, again and again, and nothing else. */
static void
test_lost (void)
{
  HdContext            *context = test_cuda_context_new (HD_DTYPE_F16, 1 << 16);
  g_autofree float     *values = g_new0 (float, 64);
  g_autoptr (HdTensor)  x = hd_upload (context, HD_DTYPE_F16, 1, 1, 1, 64, values);
  GError               *error = NULL;

  for (int i = 0; i < 2; i++)
    {
      hd_emulated_break (i == 0);
      g_assert_null (hd_add (context, x, x));
      g_assert_false (hd_context_check (context, &error));
      g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, "Emulated GPU"));
      g_clear_error (&error);
    }

  g_clear_pointer (&x, hd_tensor_unref);
  hd_context_unref (context);
  test_cuda_assert_released ();

  error = run ();
  g_assert_no_error (error);
}

/* Opened anew, it works again if a reset helps. The CPU works in any case. */
static void
test_recover (void)
{
  HdContext            *context = test_cuda_context_new (HD_DTYPE_F16, 1 << 16);
  g_autofree float     *values = g_new0 (float, 64);
  g_autoptr (HdTensor)  x = hd_upload (context, HD_DTYPE_F16, 1, 1, 1, 64, values);
  GError               *error = NULL;

  hd_emulated_break (1);
  g_assert_null (hd_add (context, x, x));
  g_assert_false (hd_context_check (context, &error));
  g_clear_error (&error);
  g_clear_pointer (&x, hd_tensor_unref);
  hd_context_unref (context);
  test_cuda_assert_released ();

  assert_refused ("illegal memory access");
  hd_emulated_break (0);

  hd_emulated_break_until_reset ();
  error = run ();
  g_assert_no_error (error);
  test_cuda_assert_released ();

  context = test_context_new (HD_DTYPE_F32, 1 << 16);
  x = test_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 64, values);
  hd_tensor_take (&x, hd_add (context, x, x));
  g_assert_nonnull (x);
  g_clear_pointer (&x, hd_tensor_unref);
  test_assert_finished (context);
  hd_context_unref (context);
}

/* Whoever asks for much waits for the device: what is queued, and cannot be taken back, never takes long. */
static void
test_pace (void)
{
  const int             n = 1 << 16;
  HdContext            *context = test_cuda_context_new (HD_DTYPE_F16, 4 << 20);
  g_autofree float     *values = g_new0 (float, n);
  g_autoptr (HdTensor)  x = hd_upload (context, HD_DTYPE_F16, 1, 1, 1, n, values);
  const double          bytes = 3.0 * 2.0 * n;
  gsize                 most = 0;

  hd_context_check (context, NULL);
  test_cuda_pretend_bandwidth (context, bytes / 0.02);   /* each takes 20 ms */
  for (int i = 0; i < 40; i++)
    {
      hd_tensor_unref (hd_add (context, x, x));
      most = MAX (most, hd_emulated_queued ());
    }

  /* 0.25 s of them, with an event after each third */
  g_assert_cmpuint (most, >, 4);
  g_assert_cmpuint (most, <=, 17);

  g_clear_pointer (&x, hd_tensor_unref);
  test_assert_finished (context);
  hd_context_unref (context);
  test_cuda_assert_released ();
}

/* The device says whether the driver ends launches that take long; then they are shorter. */
static void
test_display (void)
{
  const int n = 1 << 16;
  guint64   launches[2];

  for (int display = 0; display < 2; display++)
    {
      HdContext            *context;
      g_autofree float     *values = g_new0 (float, n);
      g_autoptr (HdTensor)  x = NULL;

      hd_emulated_set_display (display);
      context = test_cuda_context_new (HD_DTYPE_F16, 4 << 20);
      x = hd_upload (context, HD_DTYPE_F16, 1, 1, 1, n, values);
      test_cuda_pretend_bandwidth (context, 3.0 * 2.0 * n);   /* a second */
      launches[display] = hd_emulated_launches ();
      hd_tensor_unref (hd_add (context, x, x));
      launches[display] = hd_emulated_launches () - launches[display];

      g_clear_pointer (&x, hd_tensor_unref);
      test_assert_finished (context);
      hd_context_unref (context);
    }
  hd_emulated_set_display (1);

  /* at most 250 ms each, 100 with a display */
  g_assert_cmpuint (launches[0], >=, 4);
  g_assert_cmpuint (launches[0], <=, 5);
  g_assert_cmpuint (launches[1], >=, 10);
  g_assert_cmpuint (launches[1], <=, 11);
  test_cuda_assert_released ();
}

static void
test_cancel (void)
{
  HdContext               *context = test_cuda_context_new (HD_DTYPE_F16, 1 << 16);
  g_autofree float        *values = g_new0 (float, 64);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (HdTensor)     x = hd_upload (context, HD_DTYPE_F16, 1, 1, 1, 64, values);
  g_autoptr (HdTensor)     y = hd_tensor_new (context, HD_DTYPE_F16, 1, 1, 1, 64);
  guint64                  launches = hd_emulated_launches ();
  GError                  *error = NULL;

  hd_context_set_cancellable (context, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_false (context->backend->activate (context, y, x, HD_ACTIVATION_SILU, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (hd_emulated_launches (), ==, launches);
  hd_context_set_cancellable (context, NULL);

  g_clear_pointer (&x, hd_tensor_unref);
  g_clear_pointer (&y, hd_tensor_unref);
  hd_context_unref (context);
  test_cuda_assert_released ();
}

/* On a card that is slow enough, every operator's work is divided into several launches, with the same results. */
static void
test_split (void)
{
  const int             n = 40 * 41 * CHANNELS;
  HdContext            *context = test_cuda_context_new (HD_DTYPE_F16, 4 << 20);
  g_autoptr (GRand)     rand = g_rand_new_with_seed (6);
  g_autofree float     *values = test_random (rand, n, HD_DTYPE_F16);
  g_autofree float     *first = NULL;
  HdNorm                norm = {
    .gamma = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, CHANNELS, 1, 1, values),
    .beta = test_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, HD_DTYPE_F32, CHANNELS, 1, 1, values),
    .epsilon = 1e-5f, .groups = 4,
  };

  for (int slow = 0; slow < 2; slow++)
    {
      guint64              launches = hd_emulated_launches ();
      g_autoptr (HdTensor) x = hd_upload_rows (context, HD_DTYPE_F16, 1, 40, 41, CHANNELS, values);
      g_autoptr (HdTensor) normal = hd_group_norm (context, x, NULL, &norm, HD_ACTIVATION_SILU);
      g_autoptr (HdTensor) rows = hd_layer_norm (context, normal, &norm);
      g_autoptr (HdTensor) sum = hd_add_scaled (context, rows, x, 0.5);
      g_autoptr (HdTensor) small = hd_avg_pool_2x2 (context, sum);
      g_autoptr (HdTensor) y = hd_resize_bicubic (context, small, 40, 41);
      g_autofree float    *found = test_tensor_read (context, y);

      launches = hd_emulated_launches () - launches;
      if (slow)
        {
          g_assert_cmpuint (launches, >=, 11 + 6 * 2);
          g_assert_cmpmem (found, n * sizeof *found, first, n * sizeof *first);
        }
      else
        {
          /* there and back, three of GroupNorm, two more of the resize, and four */
          g_assert_cmpuint (launches, ==, 11);
          first = g_steal_pointer (&found);
          test_cuda_pretend_bandwidth (context, 1e5);
        }
    }

  hd_norm_clear (&norm);
  test_assert_finished (context);
  hd_context_unref (context);
  test_cuda_assert_released ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cuda/faults/devices", test_devices);
  g_test_add_func ("/cuda/faults/old", test_old);
  g_test_add_func ("/cuda/faults/full", test_full);
  g_test_add_func ("/cuda/faults/opening", test_opening);
  g_test_add_func ("/cuda/faults/no-memory", test_no_memory);
  g_test_add_func ("/cuda/faults/no-leak", test_no_leak);
  g_test_add_func ("/cuda/faults/lost", test_lost);
  g_test_add_func ("/cuda/faults/recover", test_recover);
  g_test_add_func ("/cuda/faults/cancel", test_cancel);
  g_test_add_func ("/cuda/faults/pace", test_pace);
  g_test_add_func ("/cuda/faults/display", test_display);
  g_test_add_func ("/cuda/faults/split", test_split);

  return g_test_run ();
}
