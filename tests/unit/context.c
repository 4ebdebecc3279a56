/* SPDX-License-Identifier: Apache-2.0 */

/* Contexts, tensors and weights, on the dry device and on one that fails when it is told to. */

#include <string.h>

#include "kernels/backend.h"
#include "kernels/dry/dry.h"

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

/* --- helpers --- */

/* The context's error is this one, and is gone afterwards. */
static void
assert_failed (HdContext  *context,
               int         code,
               const char *named)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, code);
  g_assert_nonnull (strstr (error->message, named));
  g_assert_true (hd_context_check (context, NULL));
}

static void
assert_shape (const HdTensor *tensor,
              int             batch,
              int             height,
              int             width,
              int             channels)
{
  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->batch, ==, batch);
  g_assert_cmpint (tensor->height, ==, height);
  g_assert_cmpint (tensor->width, ==, width);
  g_assert_cmpint (tensor->channels, ==, channels);
}

/* A weight of zeros. */
static HdWeight *
weight_new (HdContext    *context,
            HdWeightKind  kind,
            int           out_channels,
            int           in_channels,
            int           kernel)
{
  HdDtype            dtype = hd_context_get_dtype (context);
  gsize              size = (gsize) out_channels * in_channels * kernel * kernel * hd_dtype_size (dtype);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);
  HdWeightPart       part = { dtype, out_channels, bytes };
  g_autoptr (GError) error = NULL;
  HdWeight          *weight = hd_weight_new (context, kind, dtype, &part, 1, in_channels, kernel, kernel, &error);

  g_assert_no_error (error);
  g_assert_nonnull (weight);

  return weight;
}

static void
assert_statistics (HdContext *context,
                   HdOpKind   kind,
                   gint64     calls,
                   double     flops,
                   double     bytes)
{
  HdOpStatistics statistics = hd_context_get_statistics (context, kind);

  g_assert_cmpint (statistics.calls, ==, calls);
  g_assert_true (statistics.flops == flops);
  g_assert_true (statistics.bytes == bytes);
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

/* --- counting --- */

static void
test_conv (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_BF16);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_BF16, 2, 9, 7, 3);
  g_autoptr (HdTensor)  skip = hd_tensor_new (context, HD_DTYPE_BF16, 2, 17, 13, 1);
  g_autoptr (HdTensor)  y = NULL;
  HdConv                conv = { .weight = weight_new (context, HD_WEIGHT_CONV, 5, 3, 3) };
  const double          weight_bytes = 5 * 3 * 9 * 2;

  y = hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1 });
  assert_shape (y, 2, 9, 7, 5);
  assert_statistics (context, HD_OP_CONV, 1, 2.0 * 2 * 9 * 7 * 5 * 27, 2.0 * 2 * 9 * 7 * (3 + 5) + weight_bytes);

  /* stride 2, D4, the VAE encoder's one-sided padding, an upsample to the skip's size, float32 out */
  hd_tensor_take (&y, hd_conv2d (context, x, &conv, &(HdConvOptions) { .stride = 2, .padding = 1 }));
  assert_shape (y, 2, 5, 4, 5);
  hd_tensor_take (&y, hd_conv2d (context, x, &conv, &(HdConvOptions) { .stride = 4, .padding = 2, .dilation = 2 }));
  assert_shape (y, 2, 3, 2, 5);
  hd_tensor_take (&y, hd_conv2d (context, x, &conv, &(HdConvOptions) { .stride = 2, .padding_end = 1 }));
  assert_shape (y, 2, 4, 3, 5);
  hd_tensor_take (&y, hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1, .upsample_like = skip }));
  assert_shape (y, 2, 17, 13, 5);
  hd_tensor_take (&y, hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1, .float_result = TRUE }));
  g_assert_cmpint (y->dtype, ==, HD_DTYPE_F32);
  g_assert_true (hd_context_check (context, NULL));

  hd_conv_clear (&conv);
}

static void
test_conv_refused (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 1, 2, 2, 4);
  g_autoptr (HdTensor)  half = hd_tensor_new (context, HD_DTYPE_BF16, 1, 2, 2, 4);
  g_autoptr (HdTensor)  view = hd_tensor_channels (x, 0, 2);
  HdConv                conv = { .weight = weight_new (context, HD_WEIGHT_CONV, 4, 4, 3) };
  HdConv                narrow = { .weight = weight_new (context, HD_WEIGHT_CONV, 4, 2, 3) };
  HdConv                biased = { hd_weight_ref (conv.weight), weight_new (context, HD_WEIGHT_VECTOR, 3, 1, 1) };

  /* the kernel does not fit, at any stride */
  for (int stride = 1; stride <= 4; stride++)
    {
      g_assert_null (hd_conv2d (context, x, &conv, &(HdConvOptions) { .stride = stride }));
      assert_failed (context, HD_KERNEL_ERROR_SHAPE, "1 x 0 x 0 x 4");
    }
  g_assert_null (hd_conv2d (context, x, &narrow, NULL));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "expected 2 input channels of float32, found 4");
  g_assert_null (hd_conv2d (context, half, &conv, NULL));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "bfloat16");
  g_assert_null (hd_conv2d (context, view, &narrow, NULL));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "view");
  g_assert_null (hd_conv2d (context, x, &biased, &(HdConvOptions) { .padding = 1 }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "vector of 4, found one of 3");
  g_assert_null (hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 1, .channel_bias = x }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "1 x 1 x 1 x 4");
  g_assert_null (hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = 2, .residual = x }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "1 x 4 x 4");
  g_assert_null (hd_conv2d (context, x, &conv, &(HdConvOptions) { .padding = -1 }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "padding -1");

  /* What was refused left nothing behind. */
  g_assert_cmpint (context->n_tensors, ==, 2);

  hd_conv_clear (&conv);
  hd_conv_clear (&narrow);
  hd_conv_clear (&biased);
}

static void
test_linear (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 2, 1, 10, 8);
  g_autoptr (HdTensor)  x2 = hd_tensor_new (context, HD_DTYPE_F32, 2, 1, 10, 4);
  g_autoptr (HdTensor)  y = NULL;
  HdLinear              plain = { .weight = weight_new (context, HD_WEIGHT_LINEAR, 6, 8, 1) };
  HdLinear              joined = { .weight = weight_new (context, HD_WEIGHT_LINEAR, 7, 12, 1) };

  y = hd_linear (context, x, &plain, NULL);
  assert_shape (y, 2, 1, 10, 6);
  assert_statistics (context, HD_OP_LINEAR, 1, 2.0 * 20 * 6 * 8, 4.0 * (20 * 8 + 20 * 6 + 6 * 8));
  hd_tensor_take (&y, hd_linear (context, x, &plain, &(HdLinearOptions) { .activation = HD_ACTIVATION_GEGLU }));
  assert_shape (y, 2, 1, 10, 3);
  hd_tensor_take (&y, hd_linear (context, x, &joined, &(HdLinearOptions) { .x2 = x2 }));
  assert_shape (y, 2, 1, 10, 7);

  g_assert_null (hd_linear (context, x, &joined, NULL));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "expected 12 input channels");
  g_assert_null (hd_linear (context, x, &joined, &(HdLinearOptions) { .x2 = x2, .activation = HD_ACTIVATION_GEGLU }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "GEGLU, found 7");
  g_assert_null (hd_linear (context, x, &plain, &(HdLinearOptions) { .residual = x }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "expected 6 channels, found 8");

  hd_linear_clear (&plain);
  hd_linear_clear (&joined);
}

static void
test_norms (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 1, 4, 4, 8);
  g_autoptr (HdTensor)  x2 = hd_tensor_new (context, HD_DTYPE_F32, 1, 4, 4, 4);
  g_autoptr (HdTensor)  y = NULL;
  HdNorm                twelve = { .gamma = weight_new (context, HD_WEIGHT_VECTOR, 12, 1, 1),
                                   .beta = weight_new (context, HD_WEIGHT_VECTOR, 12, 1, 1), .groups = 3 };
  HdNorm                eight = { .gamma = weight_new (context, HD_WEIGHT_VECTOR, 8, 1, 1),
                                  .beta = weight_new (context, HD_WEIGHT_VECTOR, 8, 1, 1), .groups = 3 };

  y = hd_group_norm (context, x, x2, &twelve, HD_ACTIVATION_SILU);
  assert_shape (y, 1, 4, 4, 12);
  hd_tensor_take (&y, hd_layer_norm (context, x, &eight));
  assert_shape (y, 1, 4, 4, 8);

  g_assert_null (hd_group_norm (context, x, NULL, &eight, HD_ACTIVATION_NONE));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "multiples of 3 groups, found 8");
  g_assert_null (hd_group_norm (context, x, NULL, &twelve, HD_ACTIVATION_NONE));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "vector of 8, found one of 12");
  eight.groups = 0;
  g_assert_null (hd_group_norm (context, x, NULL, &eight, HD_ACTIVATION_NONE));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "0 groups");
  g_assert_null (hd_group_norm (context, x, x2, &twelve, HD_ACTIVATION_GELU));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "SiLU");
  g_assert_null (hd_layer_norm (context, x, &twelve));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "vector of 8");

  hd_norm_clear (&twelve);
  hd_norm_clear (&eight);
}

static void
test_attention (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  qkv = hd_tensor_new (context, HD_DTYPE_F32, 2, 8, 12, 48);
  g_autoptr (HdTensor)  q = hd_tensor_channels (qkv, 0, 16);
  g_autoptr (HdTensor)  k = hd_tensor_channels (qkv, 16, 16);
  g_autoptr (HdTensor)  v = hd_tensor_channels (qkv, 32, 16);
  g_autoptr (HdTensor)  text = hd_tensor_new (context, HD_DTYPE_F32, 2, 1, 77, 16);
  g_autoptr (HdTensor)  y = NULL;
  HdWindow              window = { 8, 12, 4, 6, 1, 1 };
  const double          whole = 4.0 * 2 * 96 * 16 * 96;

  y = hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = 4 });
  assert_shape (y, 2, 8, 12, 16);
  g_assert_cmpint (y->pixel_stride, ==, 16);
  assert_statistics (context, HD_OP_ATTENTION, 1, whole, 4.0 * 4 * 2 * 96 * 16);

  /* Four windows of a quarter of the keys: a quarter of the work. */
  hd_tensor_take (&y, hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = 4, .window = &window }));
  assert_shape (y, 2, 8, 12, 16);
  g_assert_true (hd_context_get_statistics (context, HD_OP_ATTENTION).flops == 1.25 * whole);

  hd_tensor_take (&y, hd_attention (context, q, text, text, &(HdAttentionOptions) { .heads = 1 }));
  assert_shape (y, 2, 8, 12, 16);

  g_assert_null (hd_attention (context, q, k, v, &(HdAttentionOptions) { .heads = 3 }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "3 heads, found 16");
  g_assert_null (hd_attention (context, q, text, v, &(HdAttentionOptions) { .heads = 4 }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "two maps");
  g_assert_null (hd_attention (context, text, qkv, qkv, &(HdAttentionOptions) { .heads = 4 }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "2 x 16");
  g_assert_null (hd_attention (context, q, text, text, &(HdAttentionOptions) { .heads = 4, .window = &window }));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "windows of 4 x 6");
}

static void
test_windows_refused (void)
{
  static const HdWindow windows[] = {
    { 8, 8, 4, 4, 4, 0 }, { 8, 8, 4, 4, 0, -1 }, { 8, 8, 4, 2, 0, 0 }, { 8, 6, 4, 3, 0, 0 },
    { 16, 8, 8, 4, 0, 0 }, { 8, 8, 8, 8, 0, 0 }, { 0 },
  };
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 1, 8, 8, 16);

  for (gsize i = 0; i < G_N_ELEMENTS (windows); i++)
    {
      HdAttentionOptions options = { .heads = 2, .window = &windows[i] };

      g_assert_null (hd_attention (context, x, x, x, &options));
      assert_failed (context, HD_KERNEL_ERROR_SHAPE, "do not cut a map of 8 x 8");
    }
}

static void
test_resize (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdTensor)  x = hd_tensor_new (context, HD_DTYPE_F32, 1, 5, 1, 3);
  g_autoptr (HdTensor)  y = hd_avg_pool_2x2 (context, x);
  g_autofree float     *planes = g_new (float, 15);

  assert_shape (y, 1, 3, 1, 3);
  hd_tensor_take (&y, hd_resize_bicubic (context, x, 11, 7));
  assert_shape (y, 1, 11, 7, 3);
  assert_statistics (context, HD_OP_RESIZE, 2, 15.0 + 32 * 11 * 7 * 3, 4.0 * (15 + 9 + 15 + 11 * 7 * 3));
  g_assert_null (hd_resize_bicubic (context, x, 0, 7));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "1 x 0 x 7 x 3");
  g_assert_null (hd_activate (context, x, HD_ACTIVATION_GEGLU));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "GEGLU");
  g_assert_null (hd_add (context, x, y));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "5 x 1");

  for (int i = 0; i < 15; i++)
    planes[i] = 1.0f;
  hd_download (context, x, planes);
  for (int i = 0; i < 15; i++)
    g_assert_true (planes[i] == 0.0f);
}

static void
test_embed (void)
{
  static const gint32   ids[] = { 0, 1, 9, 9, 0, 3 };
  static const gint32   beyond[] = { 0, 10 };
  static const gint32   below[] = { 0, -1 };
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdWeight)  tokens = weight_new (context, HD_WEIGHT_TABLE, 10, 4, 1);
  g_autoptr (HdWeight)  positions = weight_new (context, HD_WEIGHT_TABLE, 3, 4, 1);
  g_autoptr (HdWeight)  matrix = weight_new (context, HD_WEIGHT_LINEAR, 3, 4, 1);
  g_autoptr (HdTensor)  y = hd_embed_tokens (context, tokens, positions, ids, 2, 3);

  assert_shape (y, 2, 1, 3, 4);
  g_assert_null (hd_embed_tokens (context, tokens, positions, beyond, 1, 2));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "below 10, found 10");
  g_assert_null (hd_embed_tokens (context, tokens, positions, below, 2, 1));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "found -1");
  g_assert_null (hd_embed_tokens (context, tokens, positions, ids, 1, 6));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "6 positions");
  g_assert_null (hd_embed_tokens (context, tokens, matrix, ids, 2, 3));
  assert_failed (context, HD_KERNEL_ERROR_SHAPE, "table");
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
  g_test_add_func ("/context/conv", test_conv);
  g_test_add_func ("/context/conv-refused", test_conv_refused);
  g_test_add_func ("/context/linear", test_linear);
  g_test_add_func ("/context/norms", test_norms);
  g_test_add_func ("/context/attention", test_attention);
  g_test_add_func ("/context/windows-refused", test_windows_refused);
  g_test_add_func ("/context/resize", test_resize);
  g_test_add_func ("/context/embed", test_embed);
  g_test_add_func ("/context/weights-refused", test_weights_refused);
  g_test_add_func ("/context/weights", test_weights);
  g_test_add_func ("/context/weights-no-memory", test_weights_no_memory);
  g_test_add_func ("/context/progress", test_progress);
  g_test_add_func ("/context/names", test_names);

  return g_test_run ();
}
