/* SPDX-License-Identifier: Apache-2.0 */

/* Canny's edges, against those of OpenCV 4.10 (cv2.Canny) and in cases that can be told beforehand. */

#include "engine/canny.h"

#include <math.h>
#include <string.h>

#define WIDTH  40
#define HEIGHT 24

/* cv2.Canny (picture, 100, 200) */
static const char * const usual_edges[HEIGHT] = {
  "...............................####.....",
  "..............................##......##",
  ".............................##......##.",
  "............##..............##......##..",
  ".........###..#####........##......##...",
  "........##....#....##.....##......##....",
  "........#......#....#.....#......##.....",
  ".......#.............#...#......##......",
  ".......#.............#...#.....##.......",
  "......#..............#....#...##......##",
  "......#...............#...#..##......##.",
  "......#...............#..#..##......##..",
  "......#...............#..#.##......##...",
  ".......#.............#.....#......##....",
  ".......#.............#...........##.....",
  ".......#.............#..........##.#....",
  "........#...........#..........##.......",
  ".....##.##...######.#.........##......##",
  "..###..#####........#........##......##.",
  "............######..#.......##......##..",
  "...........#........#......##......##...",
  "..........##........#.....##......##....",
  ".........#..........#.....#.#....##.....",
  "..........#.........#....#......##......",
};

/* cv2.Canny (picture, 60, 300) */
static const char * const other_edges[HEIGHT] = {
  "...............................#######..",
  "..............................##......##",
  ".............................##.#....##.",
  "............##..............##....#.##..",
  ".........###..#####........##......##...",
  "........##....#....##.....##......##....",
  "........#......#....#.....#......##.....",
  ".......#.............#.###......##......",
  ".......#.............#...#.....##.......",
  "......#..............#....##..##......##",
  "......#...............#...#..##......##.",
  "......#...............#.##..##......##..",
  "......#...............#..#.##......##...",
  ".......#.............#.....#......##....",
  ".......#.............#...........##.....",
  ".......#.............#..........##.#....",
  "........#...........#........#.##.......",
  ".....##.##...######.#.........##......##",
  "..###..#####........#....#...##.#....##.",
  "............######..#.....#.##....#.##.#",
  ".........#.#........#......##......##...",
  "..........##........#.....##......##....",
  ".........#..........#.....#.#....##.....",
  "..........#.........#....#...#####......",
};

/* A disc, stripes, a ramp that overflows and a texture, different in each channel; 8 bits. */
static int
value_at (int x,
          int y,
          int c)
{
  int value = ((x * 7 + y * 13 + c * 29) ^ (x * y)) & 31;

  if ((x - 14) * (x - 14) + (y - 11) * (y - 11) < 64)
    value += 60 + 40 * c;
  if (x >= 26 && (x + y) % 16 < 8)
    value += 90;
  if (y >= 18 && x < 20)
    value += x * 6;

  return MIN (value, 255);
}

static HdImage *
make_picture (void)
{
  HdImage *image = hd_image_new (WIDTH, HEIGHT, 3, NULL);

  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int c = 0; c < 3; c++)
        image->pixels[(y * WIDTH + x) * 3 + c] = value_at (x, y, c) / 255.0f;

  return image;
}

static void
assert_edges (const HdImage      *edges,
              const char * const *expected)
{
  g_assert_nonnull (edges);
  g_assert_cmpint (edges->channels, ==, 3);
  for (int y = 0; y < edges->height; y++)
    for (int x = 0; x < edges->width; x++)
      for (int c = 0; c < 3; c++)
        {
          float found = edges->pixels[(y * edges->width + x) * 3 + c];

          if (found != (expected[y][x] == '#' ? 1.0f : 0.0f))
            g_error ("pixel %d, %d is %g", x, y, found);
        }
}

static void
test_opencv (void)
{
  g_autoptr (HdImage) picture = make_picture ();
  g_autoptr (HdImage) usual = hd_canny (picture, NULL, NULL);
  g_autoptr (HdImage) other = hd_canny (picture, &(HdCannyOptions) { .low = 60, .high = 300 }, NULL);
  g_autoptr (HdImage) exchanged = hd_canny (picture, &(HdCannyOptions) { .low = 300, .high = 60 }, NULL);

  assert_edges (usual, usual_edges);
  assert_edges (other, other_edges);
  assert_edges (exchanged, other_edges);
}

/* A bright rectangle, of one channel. */
static void
test_rectangle (void)
{
  static const char * const expected[] = {
    "........", "...##...", "..#..#..", ".#...#..",
    ".#...#..", "..####..", "........", "........",
  };
  g_autoptr (HdImage) image = hd_image_new (8, 8, 1, NULL);
  g_autoptr (HdImage) edges = NULL;

  for (int y = 2; y < 6; y++)
    for (int x = 2; x < 6; x++)
      image->pixels[y * 8 + x] = 1.0f;
  edges = hd_canny (image, NULL, NULL);
  assert_edges (edges, expected);
}

/* A blur takes single pixels away that would be edges, and leaves large ones. */
static void
test_blur (void)
{
  g_autoptr (HdImage) image = hd_image_new (32, 32, 3, NULL);
  g_autoptr (HdImage) sharp = NULL;
  g_autoptr (HdImage) blurred = NULL;
  int                 n_sharp = 0;
  int                 n_blurred = 0;
  int                 n_step = 0;

  for (int y = 0; y < 32; y++)
    for (int x = 0; x < 32; x++)
      for (int c = 0; c < 3; c++)
        image->pixels[(y * 32 + x) * 3 + c] = x >= 20 ? 1.0f : x % 6 == 3 && y % 6 == 3 ? 0.7f : 0.0f;
  sharp = hd_canny (image, NULL, NULL);
  blurred = hd_canny (image, &(HdCannyOptions) { .low = 100, .high = 200, .sigma = 1.5 }, NULL);

  for (int y = 0; y < 32; y++)
    for (int x = 0; x < 32; x++)
      {
        n_sharp += x < 16 && sharp->pixels[(y * 32 + x) * 3] > 0.0f;
        n_blurred += x < 16 && blurred->pixels[(y * 32 + x) * 3] > 0.0f;
        n_step += x >= 16 && blurred->pixels[(y * 32 + x) * 3] > 0.0f;
      }
  g_assert_cmpint (n_sharp, >, 50);
  g_assert_cmpint (n_blurred, ==, 0);
  g_assert_cmpint (n_step, ==, 32);
}

/* Plain, tiny, out of range and not a number: no edges out of nothing, no crash. */
static void
test_extremes (void)
{
  static const float values[] = { 0.0f, 0.5f, 1e30f, -1e30f, NAN, INFINITY, -INFINITY };
  static const int   sides[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 2, 2 }, { 17, 3 } };

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (sides); j++)
      {
        g_autoptr (HdImage) image = hd_image_new (sides[j][0], sides[j][1], 3, NULL);
        g_autoptr (HdImage) edges = NULL;
        int                 count = 3 * sides[j][0] * sides[j][1];

        for (int k = 0; k < count; k++)
          image->pixels[k] = values[i];
        edges = hd_canny (image, &(HdCannyOptions) { .sigma = i % 2 == 0 ? 0.0 : 1e9, .low = -1.0, .high = 0.0 }, NULL);
        g_assert_nonnull (edges);
        for (int k = 0; k < count; k++)
          g_assert_cmpfloat (edges->pixels[k], ==, 0.0f);
      }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/canny/opencv", test_opencv);
  g_test_add_func ("/canny/rectangle", test_rectangle);
  g_test_add_func ("/canny/blur", test_blur);
  g_test_add_func ("/canny/extremes", test_extremes);

  return g_test_run ();
}
