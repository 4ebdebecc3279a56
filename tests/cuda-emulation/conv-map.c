/* SPDX-License-Identifier: Apache-2.0 */

#include <glib.h>

#include "kernels/cuda/conv_map.h"

/* The index map of the CUDA device's convolutions against its definition, for every pixel and tap. */

typedef struct
{
  int kernel, stride, dilation, padding, padding_end;
} Conv;

static const Conv convs[] = {
  { 1, 1, 1, 0, 0 }, { 3, 1, 1, 1, 0 }, { 3, 2, 1, 1, 0 }, { 3, 2, 1, 0, 1 }, { 3, 4, 2, 2, 0 }, { 5, 1, 1, 2, 0 },
};

/* Maps of networks: latents of 8 to 128 and their halves, whatever a picture's size makes of them. */
static const int sides[] = { 1, 2, 3, 5, 8, 12, 13, 16, 23, 32, 48, 64, 96, 128 };

static int
result_side (const Conv *conv,
             int         side)
{
  int places = side + 2 * conv->padding + conv->padding_end - conv->dilation * (conv->kernel - 1);

  return places < 1 ? 0 : (places - 1) / conv->stride + 1;
}

/* The pixel by definition, or -1. */
static int
find_pixel (const Conv *conv,
            int         image,
            int         y,
            int         x,
            int         tap,
            const int   size[2],
            const int   read[2])
{
  gint64 sy = y * conv->stride - conv->padding + tap / conv->kernel * conv->dilation;
  gint64 sx = x * conv->stride - conv->padding + tap % conv->kernel * conv->dilation;

  if (sy < 0 || sy >= read[0] || sx < 0 || sx >= read[1])
    return -1;

  return (int) ((image * size[0] + sy * size[0] / read[0]) * size[1] + sx * size[1] / read[1]);
}

/* Every @step-th row of the result, of two images. */
static void
check_map (const Conv *conv,
           int         height,
           int         width,
           int         read_height,
           int         read_width,
           int         step)
{
  const int size[] = { height, width };
  const int read[] = { read_height, read_width };
  const int rows = result_side (conv, read_height);
  const int columns = result_side (conv, read_width);
  HdConvMap map;

  if (rows == 0 || columns == 0)
    return;

  map = hd_conv_map_new (height, width, read_height, read_width, conv->kernel, conv->kernel, conv->stride,
                         conv->dilation, conv->padding, rows, columns);
  g_assert_cmpint (map.taps, ==, conv->kernel * conv->kernel);

  for (int image = 0; image < 2; image++)
    for (int y = 0; y < rows; y += step)
      for (int x = 0; x < columns; x++)
        {
          HdConvPlace place = hd_conv_place (&map, (image * rows + y) * columns + x);

          for (int tap = 0; tap < map.taps; tap++)
            if (hd_conv_pixel (&map, place, tap) != find_pixel (conv, image, y, x, tap, size, read))
              g_error ("%d x %d read as %d x %d, stride %d, padding %d: tap %d of %d, %d of image %d is %d, not %d",
                       height, width, read_height, read_width, conv->stride, conv->padding, tap, y, x, image,
                       hd_conv_pixel (&map, place, tap), find_pixel (conv, image, y, x, tap, size, read));
        }
}

static void
test_plain (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (convs); c++)
    for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
      for (guint j = 0; j < G_N_ELEMENTS (sides); j++)
        check_map (&convs[c], sides[i], sides[j], sides[i], sides[j], 1);
}

/* To twice the size, to a skip that is a pixel smaller, and to what a pooled or D4 block's skip may have. */
static void
test_upsample (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sides); j++)
      {
        check_map (&convs[1], sides[i], sides[j], 2 * sides[i], 2 * sides[j], 1);
        check_map (&convs[1], sides[i], sides[j], 2 * sides[i] - 1, 2 * sides[j] - 1, 1);
        check_map (&convs[1], sides[i], sides[j], 4 * sides[i] - 3, 4 * sides[j] - 2, 1);
        check_map (&convs[1], sides[i], sides[j], (sides[i] + 1) / 2, sides[j] + 1, 1);
      }
}

/* The longest sides that the map is for. */
static void
test_longest (void)
{
  for (guint c = 0; c < G_N_ELEMENTS (convs); c++)
    {
      const Conv *conv = &convs[c];
      int         side = HD_CONV_MAX_SIDE - 2 * conv->padding - conv->padding_end;

      check_map (conv, side, 3, side, 3, 1);
      check_map (conv, 3, side, 3, side, 1);
      check_map (conv, side / 2, 2, side, 4, 1);
      check_map (conv, side - 1, 2, side, 4, 1);
    }
  check_map (&convs[1], 4096, 4096, 8192, 8192, 509);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/conv-map/plain", test_plain);
  g_test_add_func ("/cuda/conv-map/upsample", test_upsample);
  g_test_add_func ("/cuda/conv-map/longest", test_longest);

  return g_test_run ();
}
