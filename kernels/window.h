/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The index map of shifted-window attention (arXiv 2311.17528, section 3.3).
 *
 * The H x W map is rolled by (-shift_y, -shift_x) and cut into 2 x 2 windows; no tensor is ever moved for
 * that: window (wy, wx) has its token (ty, tx) at the pixel that these functions give. */

#include "kernels/host_device.h"

#define HD_WINDOWS_PER_SIDE 2

/**
 * HdWindow:
 * @height: H of the map, a multiple of 2
 * @width: W of the map, a multiple of 2
 * @window_height: wh = H / 2
 * @window_width: ww = W / 2
 * @shift_y: rows the map is rolled up by, 0 <= shift_y < wh
 * @shift_x: columns the map is rolled to the left by
 */
typedef struct
{
  int height;
  int width;
  int window_height;
  int window_width;
  int shift_y;
  int shift_x;
} HdWindow;

/* Row of the map that row @ty of the windows in window row @wy comes from. */
static inline HD_HOST_DEVICE int
hd_window_y (const HdWindow *window, int wy, int ty)
{
  int y = wy * window->window_height + ty + window->shift_y;

  return y >= window->height ? y - window->height : y;
}

/* Column of the map that column @tx of the windows in window column @wx comes from. */
static inline HD_HOST_DEVICE int
hd_window_x (const HdWindow *window, int wx, int tx)
{
  int x = wx * window->window_width + tx + window->shift_x;

  return x >= window->width ? x - window->width : x;
}

/* Pixel index (y * W + x) of token @i, counted row by row, of window @w = wy * 2 + wx. */
static inline HD_HOST_DEVICE int
hd_window_pixel (const HdWindow *window, int w, int i)
{
  int y = hd_window_y (window, w / HD_WINDOWS_PER_SIDE, i / window->window_width);
  int x = hd_window_x (window, w % HD_WINDOWS_PER_SIDE, i % window->window_width);

  return y * window->width + x;
}
