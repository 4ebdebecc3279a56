/* SPDX-License-Identifier: Apache-2.0 */

/* Contexts, tensors and weights, on the dry device and on one that fails when it is told to. */

#include "tests/unit/context_test.h"

/* --- a device that fails --- */

typedef struct
{
  HdContext parent;
  gboolean  refuse_memory;
  gboolean  refuse_weights;
  gboolean  lose_device;     /* at the next synchronisation */
  int       fail_at_call;    /* of hd_add(), from 1; 0: never */
  int       calls;
  int       weights;         /* made and not freed */
} Failing;

static gboolean
failing_reserve (HdContext  *context,
                 gsize       bytes,
                 void      **memory,
                 GError    **error)
{
  g_clear_pointer (memory, g_free);
  if (bytes == 0)
    return TRUE;

  if (((Failing *) context)->refuse_memory)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY, "refused");
      return FALSE;
    }

  *memory = g_malloc0 (bytes);

  return TRUE;
}

static void
failing_free (HdContext *context)
{
  g_assert_cmpint (((Failing *) context)->weights, ==, 0);
  g_free (context);
}

static gboolean
failing_synchronize (HdContext  *context,
                     GError    **error)
{
  if (!((Failing *) context)->lose_device)
    return TRUE;

  g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED, "device lost");

  return FALSE;
}

static gboolean
failing_weight_make (HdContext  *context,
                     HdWeight   *weight,
                     gsize      *bytes,
                     GError    **error)
{
  Failing *failing = (Failing *) context;

  if (failing->refuse_weights)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY, "refused");
      return FALSE;
    }

  failing->weights++;
  weight->device = failing;

  return TRUE;
}

static void
failing_weight_free (HdContext *context,
                     HdWeight  *weight)
{
  if (weight->device != NULL)
    ((Failing *) context)->weights--;
}

static gboolean
failing_add (HdContext      *context,
             HdTensor       *y,
             const HdTensor *a,
             const HdTensor *b,
             float           scale,
             GError        **error)
{
  Failing *failing = (Failing *) context;

  if (++failing->calls != failing->fail_at_call)
    return TRUE;

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED, "call %d", failing->calls);

  return FALSE;
}

static const HdBackend failing_backend = {
  .reserve = failing_reserve,
  .free = failing_free,
  .synchronize = failing_synchronize,
  .weight_make = failing_weight_make,
  .weight_free = failing_weight_free,
  .add = failing_add,
};

static Failing *
failing_new (gsize bytes)
{
  Failing *failing = g_new0 (Failing, 1);

  hd_context_init (&failing->parent, &failing_backend, g_strdup ("failing"), HD_DTYPE_F32, FALSE);
  g_assert_true (hd_context_reserve (&failing->parent, bytes, NULL));

  return failing;
}

/* --- errors --- */

static void
test_sticky (void)
{
  Failing                *failing = failing_new (1 << 20);
  g_autoptr (HdContext)   context = &failing->parent;
  g_autoptr (HdTensor)    x = hd_tensor_new (context, HD_DTYPE_F32, 1, 2, 2, 8);
  HdAttentionOptions      options = { .heads = 1 };
  float                   planes[32] = { 1.0f };

  failing->fail_at_call = 2;
  for (int call = 1; call <= 4; call++)
    {
      g_autoptr (HdTensor) y = hd_add (context, x, x);

      g_assert_true ((y != NULL) == (call < 2));
    }
  /* The failed call was the last one that reached the device. */
  g_assert_cmpint (failing->calls, ==, 2);

  /* Everything takes what a failed operator gave. */
  g_assert_null (hd_add (context, NULL, NULL));
  g_assert_null (hd_conv2d (context, NULL, NULL, NULL));
  g_assert_null (hd_linear (context, NULL, NULL, NULL));
  g_assert_null (hd_group_norm (context, NULL, NULL, NULL, HD_ACTIVATION_NONE));
  g_assert_null (hd_layer_norm (context, NULL, NULL));
  g_assert_null (hd_attention (context, NULL, NULL, NULL, &options));
  g_assert_null (hd_avg_pool_2x2 (context, NULL));
  g_assert_null (hd_resize_bicubic (context, NULL, 1, 1));
  g_assert_null (hd_activate (context, NULL, HD_ACTIVATION_SILU));
  g_assert_null (hd_embed_tokens (context, NULL, NULL, NULL, 1, 1));
  g_assert_null (hd_upload (context, HD_DTYPE_F32, 1, 1, 1, 1, NULL));
  g_assert_null (hd_upload_rows (context, HD_DTYPE_F32, 1, 1, 1, 1, NULL));
  g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 1));
  g_assert_null (hd_tensor_channels (NULL, 0, 1));
  g_assert_null (hd_tensor_images (NULL, 0, 1));
  g_assert_null (hd_tensor_ref (NULL));
  hd_tensor_unref (NULL);
  hd_download (context, NULL, planes);
  hd_download_rows (context, NULL, planes);
  g_assert_true (planes[0] == 1.0f);

  /* The first error is the one that is told; then the context is as good as new. */
  assert_failed (context, HD_KERNEL_ERROR_FAILED, "call 2");
  {
    g_autoptr (HdTensor) y = hd_add (context, x, x);

    g_assert_nonnull (y);
  }
  g_assert_true (hd_context_check (context, NULL));
}

static void
test_synchronize (void)
{
  Failing              *failing = failing_new (1 << 20);
  g_autoptr (HdContext) context = &failing->parent;
  g_autoptr (GError)    error = NULL;

  failing->lose_device = TRUE;
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED);

  failing->lose_device = FALSE;
  g_assert_true (hd_context_check (context, NULL));

  /* What an operator had met before is what is told. */
  g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, 0, 1, 1, 1));
  failing->lose_device = TRUE;
  g_clear_error (&error);
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE);
}

static void
test_cancel (void)
{
  g_autoptr (HdContext)    context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (HdTensor)     x = hd_tensor_new (context, HD_DTYPE_F32, 1, 2, 2, 8);
  g_autoptr (HdTensor)     y = NULL;
  g_autoptr (GError)       error = NULL;

  hd_context_set_cancellable (context, cancellable);
  y = hd_add (context, x, x);
  g_assert_nonnull (y);

  g_cancellable_cancel (cancellable);
  g_assert_null (hd_add (context, x, x));
  g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 1));
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  hd_context_set_cancellable (context, NULL);
  hd_tensor_take (&y, hd_add (context, x, x));
  g_assert_nonnull (y);
  g_assert_true (hd_context_check (context, NULL));
}

/* Cancelled after the last operator: that run was cancelled, too. */
static void
test_cancel_late (void)
{
  g_autoptr (HdContext)    context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error = NULL;

  hd_context_set_cancellable (context, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- memory --- */

static void
test_reserve (void)
{
  const gsize           bytes = 4 * HD_ARENA_ALIGNMENT;
  Failing              *failing = failing_new (bytes);
  g_autoptr (HdContext) context = &failing->parent;
  g_autoptr (HdTensor)  a = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 64);
  g_autoptr (HdTensor)  b = hd_tensor_new (context, HD_DTYPE_BF16, 3, 1, 2, 64);
  g_autoptr (GError)    error = NULL;

  g_assert_true (a->data == context->memory);
  g_assert_true (b->data == context->memory + HD_ARENA_ALIGNMENT);
  g_assert_cmpuint (hd_context_get_peak_bytes (context), ==, bytes);
  g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 1));
  assert_failed (context, HD_KERNEL_ERROR_NO_MEMORY, "1 x 1 x 1 x 1 float32");

  g_clear_pointer (&a, hd_tensor_unref);
  g_clear_pointer (&b, hd_tensor_unref);
  g_assert_true (hd_context_reserve (context, 2 * bytes, NULL));
  hd_tensor_take (&a, hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 512));
  g_assert_nonnull (a);
  g_clear_pointer (&a, hd_tensor_unref);

  /* What is refused leaves a context without memory, not one with an arena that promises some. */
  failing->refuse_memory = TRUE;
  g_assert_false (hd_context_reserve (context, bytes, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);
  g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 1));
  assert_failed (context, HD_KERNEL_ERROR_NO_MEMORY, "");

  failing->refuse_memory = FALSE;
  g_assert_true (hd_context_reserve (context, bytes, NULL));
  a = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 1);
  g_assert_nonnull (a);
}

static void
test_tensor_sizes (void)
{
  static const int sides[][4] = {
    { 0, 1, 1, 1 }, { 1, 0, 1, 1 }, { 1, 1, 0, 1 }, { 1, 1, 1, 0 }, { -1, -1, 1, 1 }, { G_MININT, 1, 1, 1 },
    { G_MAXINT, G_MAXINT, G_MAXINT, G_MAXINT }, { 2, G_MAXINT, G_MAXINT, 1 },
  };
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  large = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
    {
      g_assert_null (hd_tensor_new (context, HD_DTYPE_F32, sides[i][0], sides[i][1], sides[i][2], sides[i][3]));
      assert_failed (context, HD_KERNEL_ERROR_SHAPE, "at least 1");
    }

  large = hd_tensor_new (context, HD_DTYPE_F32, 2, 1 << 15, 1 << 15, 1 << 10);
  g_assert_nonnull (large);
  g_assert_cmpint (hd_tensor_pixels (large), ==, G_GINT64_CONSTANT (1) << 31);
  g_assert_cmpint (hd_tensor_elements (large), ==, G_GINT64_CONSTANT (1) << 41);
  g_assert_cmpuint (hd_context_get_peak_bytes (context), ==, G_GUINT64_CONSTANT (1) << 43);
}

static void
test_references (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  HdTensor             *x = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 64);
  HdTensor             *y = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 1, 64);

  g_assert_true (hd_tensor_ref (x) == x);
  hd_tensor_unref (x);
  g_assert_cmpuint (hd_arena_get_used (context->arena), ==, 2 * HD_ARENA_ALIGNMENT);

  /* The variable's own tensor goes, the other moves in. */
  hd_tensor_take (&x, g_steal_pointer (&y));
  g_assert_cmpuint (hd_arena_get_used (context->arena), ==, HD_ARENA_ALIGNMENT);
  hd_tensor_take (&x, NULL);
  g_assert_null (x);
  g_assert_cmpuint (hd_arena_get_used (context->arena), ==, 0);
  g_assert_cmpint (context->n_tensors, ==, 0);

  /* The peak is of what was alive at once. */
  g_assert_cmpuint (hd_context_get_peak_bytes (context), ==, 2 * HD_ARENA_ALIGNMENT);
  hd_context_reset_statistics (context);
  g_assert_cmpuint (hd_context_get_peak_bytes (context), ==, 0);
}

static void
test_views (void)
{
  Failing              *failing = failing_new (1 << 20);
  g_autoptr (HdContext) context = &failing->parent;
  HdTensor             *x = hd_tensor_new (context, HD_DTYPE_BF16, 3, 4, 5, 24);
  g_autoptr (HdTensor)  channels = hd_tensor_channels (x, 8, 16);
  g_autoptr (HdTensor)  images = hd_tensor_images (channels, 1, 2);
  gsize                 used = hd_arena_get_used (context->arena);

  assert_shape (channels, 3, 4, 5, 16);
  g_assert_cmpint (channels->pixel_stride, ==, 24);
  g_assert_true ((char *) channels->data == (char *) x->data + 8 * 2);

  assert_shape (images, 2, 4, 5, 16);
  g_assert_true ((char *) images->data == (char *) x->data + (4 * 5 * 24 + 8) * 2);

  /* The views keep what they look at. */
  hd_tensor_unref (x);
  g_clear_pointer (&channels, hd_tensor_unref);
  g_assert_cmpuint (hd_arena_get_used (context->arena), ==, used);
  g_clear_pointer (&images, hd_tensor_unref);
  g_assert_cmpuint (hd_arena_get_used (context->arena), ==, 0);
}

/* --- weights --- */

static void
check_weight_refused (HdContext  *context,
                      gsize       found_bytes,
                      int         n_parts,
                      int         out_channels,
                      int         in_channels,
                      int         kernel_height,
                      int         kernel_width)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (found_bytes + 1), found_bytes);
  HdWeightPart       part = { HD_DTYPE_F16, out_channels, bytes };
  g_autoptr (GError) error = NULL;

  g_assert_null (hd_weight_new (context, HD_WEIGHT_CONV, HD_DTYPE_F32, &part, n_parts, in_channels,
                                kernel_height, kernel_width, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
}

static void
test_weights_refused (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);

  check_weight_refused (context, 2 * 24 - 2, 1, 4, 6, 1, 1);
  check_weight_refused (context, 2 * 24 + 2, 1, 4, 6, 1, 1);
  check_weight_refused (context, 4 * 24, 1, 4, 6, 1, 1);
  check_weight_refused (context, 0, 1, 4, 6, 1, 1);
  check_weight_refused (context, 0, 1, 0, 6, 1, 1);
  check_weight_refused (context, 48, 0, 4, 6, 1, 1);
  check_weight_refused (context, 48, 1, -4, -6, 1, 1);
  check_weight_refused (context, 48, 1, 4, 6, 0, 1);
  check_weight_refused (context, 48, 1, 4, 6, 1, -1);
  /* products of 2^64 and of 2^65: nothing, if they wrapped around */
  check_weight_refused (context, 0, 1, 1 << 30, 1 << 30, 4, 2);
  check_weight_refused (context, 0, 1, 1 << 30, 1 << 30, 1 << 30, 1 << 30);
}

static void
test_weights (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_BF16);
  g_autoptr (GBytes)    bytes = g_bytes_new_take (g_malloc0 (96), 96);
  g_autoptr (GBytes)    half = g_bytes_new_from_bytes (bytes, 0, 48);
  HdWeightPart          parts[] = { { HD_DTYPE_F32, 4, bytes }, { HD_DTYPE_F16, 4, half }, { HD_DTYPE_F32, 4, bytes } };
  g_autoptr (HdWeight)  stacked = hd_weight_new (context, HD_WEIGHT_LINEAR, HD_DTYPE_BF16, parts, 3, 6, 1, 1, NULL);
  g_autoptr (HdWeight)  vector = hd_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_BF16,
                                                &(HdWeightPart) { HD_DTYPE_F32, 24, bytes }, 1, 1, 1, 1, NULL);
  HdWeight             *other;

  g_assert_nonnull (stacked);
  g_assert_cmpint (stacked->out_channels, ==, 12);
  g_assert_cmpint (stacked->in_channels, ==, 6);
  g_assert_cmpint (stacked->dtype, ==, HD_DTYPE_BF16);
  g_assert_nonnull (vector);
  g_assert_cmpint (vector->dtype, ==, HD_DTYPE_F32);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 12 * 8 * 2 + 24 * 4);

  other = hd_weight_ref (vector);
  g_clear_pointer (&vector, hd_weight_unref);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 12 * 8 * 2 + 24 * 4);
  hd_weight_unref (other);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 12 * 8 * 2);
  g_clear_pointer (&stacked, hd_weight_unref);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, 0);
}

static void
test_weights_no_memory (void)
{
  Failing              *failing = failing_new (1 << 10);
  g_autoptr (HdContext) context = &failing->parent;
  g_autoptr (GBytes)    bytes = g_bytes_new_take (g_malloc0 (16), 16);
  HdWeightPart          part = { HD_DTYPE_F32, 4, bytes };
  g_autoptr (HdWeight)  weight = NULL;
  g_autoptr (GError)    error = NULL;

  failing->refuse_weights = TRUE;
  g_assert_null (hd_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, &part, 1, 1, 1, 1, &error));
  g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY);

  failing->refuse_weights = FALSE;
  weight = hd_weight_new (context, HD_WEIGHT_VECTOR, HD_DTYPE_F32, &part, 1, 1, 1, 1, NULL);
  g_assert_nonnull (weight);
  g_assert_cmpint (failing->weights, ==, 1);
}

/* --- progress --- */

typedef struct
{
  int    calls;
  double flops;
} Progress;

static void
on_progress (HdContext *context,
             double     flops,
             gpointer   user_data)
{
  Progress *progress = user_data;

  g_assert_true (flops >= progress->flops);
  progress->calls++;
  progress->flops = flops;
}

/* Some ten times a second, however many operators run in one. */
static void
test_progress (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 1, 2, 2, 8);
  Progress              progress = { 0 };
  gint64                started = g_get_monotonic_time ();
  gint64                calls;

  hd_context_set_progress (context, on_progress, &progress);
  for (calls = 0; progress.calls < 4; calls++)
    {
      g_autoptr (HdTensor) y = hd_add (context, x, x);

      g_assert_nonnull (y);
      g_assert_cmpint (g_get_monotonic_time () - started, <, 60 * G_USEC_PER_SEC);
    }

  g_assert_cmpint (g_get_monotonic_time () - started, >=, 3 * G_USEC_PER_SEC / 10);
  g_assert_true (progress.flops == calls * 32.0);
  assert_statistics (context, HD_OP_ELEMENTWISE, calls, calls * 32.0, calls * 3.0 * 4 * 32);

  hd_context_reset_statistics (context);
  assert_statistics (context, HD_OP_ELEMENTWISE, 0, 0.0, 0.0);
}

static void
test_names (void)
{
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      g_assert_nonnull (hd_op_kind_name (kind));
      for (int other = 0; other < kind; other++)
        g_assert_cmpstr (hd_op_kind_name (kind), !=, hd_op_kind_name (other));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/context/sticky", test_sticky);
  g_test_add_func ("/context/synchronize", test_synchronize);
  g_test_add_func ("/context/cancel", test_cancel);
  g_test_add_func ("/context/cancel-late", test_cancel_late);
  g_test_add_func ("/context/reserve", test_reserve);
  g_test_add_func ("/context/tensor-sizes", test_tensor_sizes);
  g_test_add_func ("/context/references", test_references);
  g_test_add_func ("/context/views", test_views);
  g_test_add_func ("/context/weights-refused", test_weights_refused);
  g_test_add_func ("/context/weights", test_weights);
  g_test_add_func ("/context/weights-no-memory", test_weights_no_memory);
  g_test_add_func ("/context/progress", test_progress);
  g_test_add_func ("/context/names", test_names);

  return g_test_run ();
}
