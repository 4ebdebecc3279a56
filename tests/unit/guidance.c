/* SPDX-License-Identifier: Apache-2.0 */

/* Classifier-free guidance and its rescaling. */

#include "engine/guidance.h"

#include "tests/unit/tensors.h"

#define COUNT 4

static const float without[COUNT] = { 0.5f, -1.0f, 0.25f, 2.0f };
static const float with[COUNT] = { 1.0f, -0.5f, -0.75f, 1.5f };

static void
guide (const float *from,
       const float *to,
       double       scale,
       double       rescale,
       float       *guided)
{
  g_autoptr (HdContext) context = test_context_new (HD_DTYPE_F32, 1 << 16);
  g_autoptr (HdTensor)  x = hd_upload (context, HD_DTYPE_F32, 1, 1, COUNT, 1, from);
  g_autoptr (HdTensor)  y = hd_upload (context, HD_DTYPE_F32, 1, 1, COUNT, 1, to);
  g_autoptr (HdTensor)  result = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, COUNT, 1);
  GError               *error = NULL;

  hd_guide (context, x, y, scale, rescale, result);
  hd_download (context, result, guided);
  hd_context_check (context, &error);
  g_assert_no_error (error);
}

static void
check_guided (double       scale,
              double       rescale,
              const float *expected)
{
  float values[COUNT];

  guide (without, with, scale, rescale, values);
  for (int i = 0; i < COUNT; i++)
    g_assert_true (fabsf (values[i] - expected[i]) <= 1e-6f);
}

static void
test_scale (void)
{
  static const float tripled[COUNT] = { 2.0f, 0.5f, -2.75f, 0.5f };

  check_guided (0.0, 0.0, without);
  check_guided (1.0, 0.0, with);
  check_guided (3.0, 0.0, tripled);
}

/* The numbers are those of diffusers' rescale_noise_cfg(). */
static void
test_rescale (void)
{
  static const float all[COUNT] = { 1.1041720f, 0.2760430f, -1.5182365f, 0.2760430f };
  static const float most[COUNT] = { 1.3729204f, 0.3432301f, -1.8877656f, 0.3432301f };

  check_guided (3.0, 1.0, all);
  check_guided (3.0, 0.7, most);

  /* what needs no rescaling stays */
  check_guided (1.0, 1.0, with);
}

/* Nothing is divided by a deviation of 0. */
static void
test_constant (void)
{
  float flat[COUNT] = { 2.0f, 2.0f, 2.0f, 2.0f };
  float same[COUNT] = { 1.0f, 1.0f, 1.0f, 1.0f };

  guide (flat, same, 3.0, 0.7, flat);
  for (int i = 0; i < COUNT; i++)
    g_assert_true (flat[i] == -1.0f);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/guidance/scale", test_scale);
  g_test_add_func ("/guidance/rescale", test_rescale);
  g_test_add_func ("/guidance/constant", test_constant);

  return g_test_run ();
}
