/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/unit/tensors.h"

/* hd_combine() on any device, bit by bit: a sampler's steps are the same on all of them. */

/* Whether @found is @expected as @dtype has it; of float16 tests know the error alone. */
static inline gboolean
test_combine_same (float   found,
                   float   expected,
                   HdDtype dtype)
{
  if (dtype == HD_DTYPE_F16)
    return fabsf (found - expected) <= fabsf (expected) * 0x1p-11f + 0x1p-25f;

  return found == test_round (expected, dtype);
}

/* @images: of the first operand; @both: there are two; @part: the result is a part of each pixel. */
static inline void
test_combine_case (HdContext *context,
                   HdDtype    dtype,
                   const int *size,
                   int        images,
                   gboolean   both,
                   gboolean   part)
{
  g_autoptr (GRand)    rand = g_rand_new_with_seed (12);
  const int            c = size[3];
  const int            stride = part ? c + 3 : c;
  gsize                pixels = (gsize) size[0] * size[1] * size[2];
  gsize                image = (gsize) size[1] * size[2] * c;
  g_autofree float    *a = test_random (rand, images * image, dtype);
  g_autofree float    *b = test_random (rand, pixels * c, HD_DTYPE_F32);
  g_autofree float    *before = test_random (rand, pixels * stride, dtype);
  g_autoptr (HdTensor) ta = test_tensor_new (context, dtype, images, size[1], size[2], c, a);
  g_autoptr (HdTensor) tb = test_tensor_new (context, HD_DTYPE_F32, size[0], size[1], size[2], c, b);
  g_autoptr (HdTensor) y = test_tensor_new (context, dtype, size[0], size[1], size[2], stride, before);
  g_autoptr (HdTensor) place = hd_tensor_channels (y, stride - c, c);
  g_autofree float    *found = NULL;
  const HdTensor      *tensors[] = { ta, tb, y, NULL };

  hd_combine (context, -0.83, ta, 1.77, both ? tb : NULL, place);
  found = test_tensor_read (context, y);

  for (gsize i = 0; i < pixels * stride; i++)
    {
      gsize at = i / stride * c + i % stride - (stride - c);
      float expected = before[i];

      if (i % stride >= (gsize) (stride - c))
        {
          /* each product is rounded before the sum is */
          volatile float product = -0.83f * a[images == 1 ? at % image : at];
          volatile float other = 1.77f * b[at];

          expected = both ? product + other : product;
        }
      g_assert_true (test_combine_same (found[i], expected, dtype));
    }

  test_assert_guards (context, tensors);
}

/* Onto what it is made of, as samplers do. */
static inline void
test_combine_in_place (HdContext *context,
                       HdDtype    dtype)
{
  enum { N = 4000 };
  g_autoptr (GRand)    rand = g_rand_new_with_seed (13);
  g_autofree float    *x = test_random (rand, N, dtype);
  g_autoptr (HdTensor) tx = test_tensor_new (context, dtype, 1, 20, N / 80, 4, x);
  g_autofree float    *found = NULL;

  hd_combine (context, 0.5, tx, 0.25, tx, tx);
  found = test_tensor_read (context, tx);
  for (int i = 0; i < N; i++)
    g_assert_true (test_combine_same (found[i], 0.75f * x[i], dtype));
}

/* What does not fit together is an error. */
static inline void
test_combine_rejected (HdContext *context,
                       HdDtype    dtype)
{
  const float          zeros[48] = { 0.0f };
  g_autoptr (HdTensor) y = test_tensor_new (context, dtype, 3, 2, 2, 4, zeros);
  g_autoptr (HdTensor) narrow = test_tensor_new (context, dtype, 3, 2, 2, 3, zeros);
  g_autoptr (HdTensor) few = test_tensor_new (context, dtype, 2, 2, 2, 4, zeros);
  g_autoptr (HdTensor) view = hd_tensor_channels (y, 0, 3);
  const HdTensor      *wrong[] = { narrow, few, view };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    for (int second = 0; second < 2; second++)
      {
        GError *error = NULL;

        hd_combine (context, 1.0, second ? y : wrong[i], 1.0, second ? wrong[i] : NULL, y);
        g_assert_false (hd_context_check (context, &error));
        g_assert_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE);
        g_clear_error (&error);
      }
}

/* All of it, with results of @size, (N, H, W, C); @open: makes a context with an arena of so many bytes. */
static inline void
test_combine_on (HdContext *(* open) (HdDtype dtype, gsize bytes),
                 HdDtype       dtype,
                 const int    *size)
{
  for (int i = 0; i < 10; i++)
    {
      g_autoptr (HdContext) context = open (dtype, 4 << 20);

      if (i < 8)
        test_combine_case (context, dtype, size, (i & 1) != 0 ? 1 : size[0], (i & 2) != 0, (i & 4) != 0);
      else if (i == 8)
        test_combine_in_place (context, dtype);
      else
        test_combine_rejected (context, dtype);
      test_assert_finished (context);
    }
}
