/* SPDX-License-Identifier: Apache-2.0 */

/* The pictures that a dialog keeps: how many, and how they are shown. */

#include <math.h>

#include "plugin/kept-picture.h"
#include "ui/pixbuf.h"
#include "ui/results.h"

#define SIDE 64

/* Bytes that a picture of SIDE x SIDE takes: 16 bits a value, and a close-up of 8. */
#define PICTURE_BYTES (SIDE * SIDE * 3 * (2 + 1))

static HdPicture *
make_picture (int side,
              int seed)
{
  HdPicture *picture = g_new0 (HdPicture, 1);

  picture->width = side;
  picture->height = side;
  picture->pixels = g_new (float, (gsize) 3 * side * side);
  for (int i = 0; i < 3 * side * side; i++)
    picture->pixels[i] = (float) (i % 11) / 10.0f;
  picture->request = hd_request_new ();
  picture->request->seed = seed;
  hd_request_set (&picture->request->prompt, "a red star");

  return picture;
}

/* How many are gone for it. */
static guint
add (HdResults *results,
     int        side,
     int        seed)
{
  g_autoptr (HdPicture) picture = make_picture (side, seed);
  g_autoptr (GObject)   settings = g_object_new (G_TYPE_OBJECT, NULL);
  HdPlace               place;
  HdResult             *result;
  guint                 n_dropped;

  hd_place_init (&place, HD_TASK_GENERATE, NULL, TRUE);
  result = hd_results_add (results, picture, hd_kept_picture_new (&place, picture), settings, &n_dropped);
  hd_place_clear (&place);
  g_assert_nonnull (result);
  g_assert_true (result == hd_results_get (results, hd_results_count (results) - 1));
  g_assert_cmpint (result->seed, ==, seed);
  g_assert_true (hd_kept_picture_has_pixels (result->kept));
  g_assert_nonnull (result->close_up);

  return n_dropped;
}

static gboolean
is_kept (HdResults *results,
         guint      index)
{
  HdResult *result = hd_results_get (results, index);

  g_assert_cmpint (result->close_up != NULL, ==, hd_kept_picture_has_pixels (result->kept));
  return hd_kept_picture_has_pixels (result->kept);
}

static void
test_the_oldest_lose_their_pixels (void)
{
  HdResults *results = hd_results_new (3 * PICTURE_BYTES);

  for (int i = 0; i < 5; i++)
    g_assert_cmpint (add (results, SIDE, i), ==, 0);
  g_assert_cmpint (hd_results_count (results), ==, 5);
  for (guint i = 0; i < 5; i++)
    {
      HdResult *result = hd_results_get (results, i);

      g_assert_cmpint (is_kept (results, i), ==, i >= 2);
      g_assert_cmpint (hd_kept_picture_get_size (result->kept) > 0, ==, i >= 2);
      g_assert_nonnull (result->thumbnail);
      g_assert_cmpint (hd_kept_picture_get_request (result->kept)->seed, ==, i);
    }

  /* One that is larger than all that is allowed is kept alone, until the next. */
  add (results, 4 * SIDE, 5);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (is_kept (results, i), ==, i == 5);
  add (results, SIDE, 6);
  g_assert_false (is_kept (results, 5));
  g_assert_true (is_kept (results, 6));

  hd_results_free (results);
}

static void
test_thumbnails_are_not_without_number (void)
{
  HdResults *results = hd_results_new (PICTURE_BYTES);
  guint      n_dropped = 0;

  for (int i = 0; i < 400; i++)
    n_dropped += add (results, 8, i);
  g_assert_cmpint (n_dropped, >, 0);
  g_assert_cmpint (hd_results_count (results), ==, 400 - n_dropped);
  g_assert_cmpint (hd_results_get (results, 0)->seed, ==, n_dropped);
  g_assert_null (hd_results_get (results, 400 - n_dropped));

  hd_results_free (results);
}

static void
test_memory_has_bounds (void)
{
  g_assert_cmpuint (hd_results_usual_memory (), >=, (gsize) 64 << 20);
  g_assert_cmpuint (hd_results_usual_memory (), <=, (gsize) 512 << 20);
}

static void
assert_size (int width,
             int height,
             int max_side,
             int expected_width,
             int expected_height)
{
  g_autofree float     *pixels = g_new0 (float, (gsize) 3 * width * height);
  g_autoptr (GdkPixbuf) pixbuf = hd_pixbuf_new (pixels, width, height, max_side);

  g_assert_cmpint (gdk_pixbuf_get_width (pixbuf), ==, expected_width);
  g_assert_cmpint (gdk_pixbuf_get_height (pixbuf), ==, expected_height);
}

static void
test_sizes (void)
{
  assert_size (64, 48, 640, 64, 48);
  assert_size (1280, 960, 640, 640, 480);
  assert_size (5000, 2500, 100, 100, 50);
  assert_size (8192, 1, 100, 100, 1);
  assert_size (1, 8192, 100, 1, 100);
  assert_size (1, 1, 100, 1, 1);
}

static void
test_colours (void)
{
  const float           pixels[] = { 0.0f, 0.5f, 1.0f, -3.0f, 7.0f, NAN };
  g_autoptr (GdkPixbuf) pixbuf = hd_pixbuf_new (pixels, 2, 1, 100);
  const guchar         *found = gdk_pixbuf_read_pixels (pixbuf);
  const guchar          expected[] = { 0, 128, 255, 0, 255, 0 };

  g_assert_cmpmem (found, 6, expected, 6);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/results/pixels", test_the_oldest_lose_their_pixels);
  g_test_add_func ("/results/thumbnails", test_thumbnails_are_not_without_number);
  g_test_add_func ("/results/memory", test_memory_has_bounds);
  g_test_add_func ("/pixbuf/sizes", test_sizes);
  g_test_add_func ("/pixbuf/colours", test_colours);

  return g_test_run ();
}
