/* SPDX-License-Identifier: Apache-2.0 */

/* What operators give, count and refuse, on the dry device. */

#include "tests/unit/context_test.h"

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

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/counting/conv", test_conv);
  g_test_add_func ("/counting/conv-refused", test_conv_refused);
  g_test_add_func ("/counting/linear", test_linear);
  g_test_add_func ("/counting/norms", test_norms);
  g_test_add_func ("/counting/attention", test_attention);
  g_test_add_func ("/counting/windows-refused", test_windows_refused);
  g_test_add_func ("/counting/resize", test_resize);
  g_test_add_func ("/counting/embed", test_embed);

  return g_test_run ();
}
