/* SPDX-License-Identifier: Apache-2.0 */

/* Pictures in memory: cropping over the edge, resizing; and which part of a picture is looked at to fill some of it. */

#include "engine/image.h"

#include <math.h>

#include "engine/error.h"
#include "engine/fill.h"

/* Each pixel tells its place. */
static HdImage *
numbered_image (int width,
                int height,
                int channels)
{
  HdImage *image = hd_image_new (width, height, channels, NULL);

  for (int i = 0; i < width * height * channels; i++)
    image->pixels[i] = (float) i / (width * height * channels);

  return image;
}

static float
pixel (const HdImage *image,
       int            x,
       int            y,
       int            c)
{
  return image->pixels[((gsize) y * image->width + x) * image->channels + c];
}

static void
test_crop (void)
{
  g_autoptr (HdImage) image = numbered_image (5, 4, 3);
  g_autoptr (HdImage) inside = hd_image_crop (image, 1, 2, 3, 2, NULL);
  g_autoptr (HdImage) around = hd_image_crop (image, -3, -2, 11, 8, NULL);

  for (int c = 0; c < 3; c++)
    {
      g_assert_true (pixel (inside, 0, 0, c) == pixel (image, 1, 2, c));
      g_assert_true (pixel (inside, 2, 1, c) == pixel (image, 3, 3, c));
    }

  /* Mirrored at the edge's pixel, which is not repeated. */
  for (int y = 0; y < 8; y++)
    for (int x = 0; x < 11; x++)
      {
        static const int across[] = { 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1 };
        static const int down[] = { 2, 1, 0, 1, 2, 3, 2, 1 };

        g_assert_true (pixel (around, x, y, 1) == pixel (image, across[x], down[y], 1));
      }
}

/* Much wider than the picture: the mirror goes to and fro. */
static void
test_crop_far (void)
{
  g_autoptr (HdImage) image = numbered_image (3, 1, 1);
  g_autoptr (HdImage) wide = hd_image_crop (image, -1000, -50, 2003, 101, NULL);
  g_autoptr (HdImage) dot = numbered_image (1, 1, 1);
  g_autoptr (HdImage) field = hd_image_crop (dot, -7, -9, 20, 20, NULL);

  g_assert_true (pixel (wide, 1000, 0, 0) == pixel (image, 0, 0, 0));
  g_assert_true (pixel (wide, 1004, 100, 0) == pixel (image, 0, 0, 0));
  g_assert_true (pixel (wide, 1003, 7, 0) == pixel (image, 1, 0, 0));
  for (int i = 0; i < 400; i++)
    g_assert_true (field->pixels[i] == dot->pixels[0]);
}

static void
assert_flat (int from_width,
             int from_height,
             int width,
             int height)
{
  g_autoptr (HdImage) image = hd_image_new (from_width, from_height, 3, NULL);
  g_autoptr (HdImage) resized = NULL;

  for (int i = 0; i < from_width * from_height * 3; i++)
    image->pixels[i] = 0.625f;
  resized = hd_image_resize (image, width, height, NULL);
  g_assert_cmpint (resized->width, ==, width);
  g_assert_cmpint (resized->height, ==, height);
  for (int i = 0; i < width * height * 3; i++)
    g_assert_true (fabsf (resized->pixels[i] - 0.625f) <= 1e-5f);
}

static void
test_resize_flat (void)
{
  assert_flat (1, 1, 7, 5);
  assert_flat (2, 3, 64, 64);
  assert_flat (64, 48, 100, 31);
  assert_flat (100, 100, 1, 1);
  assert_flat (513, 7, 64, 640);
}

/* A slow wave keeps its shape, at its place. */
static void
test_resize_wave (void)
{
  const int           sizes[] = { 64, 200, 301, 480 };
  g_autoptr (HdImage) image = hd_image_new (160, 120, 1, NULL);

  for (int y = 0; y < 120; y++)
    for (int x = 0; x < 160; x++)
      image->pixels[y * 160 + x] = (float) (0.5 + 0.4 * sin ((x + 0.5) / 160.0 * 9.0) * cos ((y + 0.5) / 120.0 * 7.0));

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      int                 width = sizes[i];
      int                 height = sizes[i] * 3 / 4;
      g_autoptr (HdImage) resized = hd_image_resize (image, width, height, NULL);

      for (int y = height / 8; y < height * 7 / 8; y++)
        for (int x = width / 8; x < width * 7 / 8; x++)
          {
            double expected = 0.5 + 0.4 * sin ((x + 0.5) / width * 9.0) * cos ((y + 0.5) / height * 7.0);

            g_assert_true (fabs (resized->pixels[y * width + x] - expected) <= 0.004);
          }
    }
}

/* A pattern too fine for the smaller picture becomes grey instead of another pattern. */
static void
test_resize_aliasing (void)
{
  g_autoptr (HdImage) image = hd_image_new (256, 256, 1, NULL);
  g_autoptr (HdImage) resized = NULL;

  for (int y = 0; y < 256; y++)
    for (int x = 0; x < 256; x++)
      image->pixels[y * 256 + x] = (float) ((x + y) % 2);
  resized = hd_image_resize (image, 60, 60, NULL);
  for (int y = 4; y < 56; y++)
    for (int x = 4; x < 56; x++)
      g_assert_true (fabsf (resized->pixels[y * 60 + x] - 0.5f) <= 0.02f);
}

static void
test_no_memory (void)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (HdImage) image = hd_image_new (G_MAXINT, G_MAXINT, 3, &error);

  g_assert_null (image);
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY);
}

/* --- fill ---------------------------------------------------------------------- */

static HdImage *
mask_new (int width,
          int height,
          int left,
          int top,
          int right,
          int bottom)
{
  HdImage *mask = hd_image_new (width, height, 1, NULL);

  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++)
      mask->pixels[(gsize) y * width + x] = 0.25f;

  return mask;
}

/* Whatever the mask is, the rectangle holds it and lies in the picture; small ones are enlarged, in proportion. */
static void
check_plan (const HdImage *mask,
            int            left,
            int            top,
            int            right,
            int            bottom,
            HdFillPlan    *plan)
{
  g_assert_true (hd_fill_plan_init (plan, mask, 512, 0, 0, NULL));
  g_assert_cmpint (plan->x, >=, 0);
  g_assert_cmpint (plan->y, >=, 0);
  g_assert_cmpint (plan->x, <=, left);
  g_assert_cmpint (plan->y, <=, top);
  g_assert_cmpint (plan->x + plan->width, >=, right);
  g_assert_cmpint (plan->y + plan->height, >=, bottom);
  g_assert_cmpint (plan->x + plan->width, <=, mask->width);
  g_assert_cmpint (plan->y + plan->height, <=, mask->height);
  g_assert_cmpint (plan->working_width, >=, plan->width);
  g_assert_cmpint (abs (plan->working_width * plan->height - plan->working_height * plan->width), <=,
                   plan->width + plan->height);
}

static void
test_fill_plan (void)
{
  static const int masks[][6] = {
    { 2000, 1500, 900, 700, 950, 730 }, { 2000, 1500, 0, 0, 10, 10 }, { 2000, 1500, 1990, 1490, 2000, 1500 },
    { 2000, 1500, 0, 0, 2000, 1500 }, { 2000, 1500, 200, 1400, 1800, 1500 }, { 100, 80, 40, 40, 41, 41 },
    { 64, 3000, 0, 1000, 64, 1010 }, { 1, 1, 0, 0, 1, 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (masks); i++)
    {
      const int          *m = masks[i];
      g_autoptr (HdImage) mask = mask_new (m[0], m[1], m[2], m[3], m[4], m[5]);
      HdFillPlan          plan;

      check_plan (mask, m[2], m[3], m[4], m[5], &plan);
      if (i == 0)
        {
          /* As much around it as the model knows, in the middle. */
          g_assert_cmpint (plan.width, ==, 512);
          g_assert_cmpint (plan.height, ==, 512);
          g_assert_cmpint (plan.x, ==, 669);
          g_assert_cmpint (plan.working_width, ==, 512);
        }
      if (i == 5)
        {
          g_assert_cmpint (plan.width, ==, 100);
          g_assert_cmpint (plan.working_width, ==, 572);
          g_assert_cmpint (plan.working_height, ==, 458);
        }
    }
}

static void
test_fill_sizes (void)
{
  g_autoptr (HdImage) mask = mask_new (1000, 500, 0, 0, 1000, 500);
  g_autoptr (HdImage) empty = mask_new (10, 10, 0, 0, 0, 0);
  g_autoptr (GError)  error = NULL;
  HdFillPlan          plan;

  g_assert_true (hd_fill_plan_init (&plan, mask, 512, 500, 0, NULL));
  g_assert_cmpint (plan.working_width, ==, 500);
  g_assert_cmpint (plan.working_height, ==, 250);
  g_assert_true (hd_fill_plan_init (&plan, mask, 512, 500, 100, NULL));
  g_assert_cmpint (plan.working_width, ==, 200);
  g_assert_cmpint (plan.working_height, ==, 100);

  g_assert_false (hd_fill_plan_init (&plan, empty, 512, 0, 0, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/image/crop", test_crop);
  g_test_add_func ("/image/crop/far", test_crop_far);
  g_test_add_func ("/image/resize/flat", test_resize_flat);
  g_test_add_func ("/image/resize/wave", test_resize_wave);
  g_test_add_func ("/image/resize/aliasing", test_resize_aliasing);
  g_test_add_func ("/image/no-memory", test_no_memory);
  g_test_add_func ("/fill/plan", test_fill_plan);
  g_test_add_func ("/fill/sizes", test_fill_sizes);

  return g_test_run ();
}
