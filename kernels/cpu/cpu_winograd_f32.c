/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_winograd_lanes.h"

typedef float Element;

HD_INLINE void
load_lanes (const Element *from,
            Lanes         *lanes)
{
  *lanes = *(const Lanes *) from;
}

HD_INLINE void
store_lanes (const Lanes *lanes,
             Element     *to)
{
  *(Lanes *) to = *lanes;
}

#include "kernels/cpu/cpu_winograd_loops.h"

HD_INLINE void
transform_weight_rows (HdCpuWinograd vertical,
                       HdCpuWinograd horizontal,
                       const void   *kernels,
                       int           channels,
                       gsize         block,
                       void         *to,
                       gsize         stride)
{
  const int      points = hd_cpu_winograd_points (vertical) * hd_cpu_winograd_points (horizontal);
  const Element *from = kernels;

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES, from += block)
    {
      Lanes transformed[POINTS * POINTS];

      transform_kernels (vertical, horizontal, from, transformed);
      for (int i = 0; i < points; i++)
        store_lanes (&transformed[i], (Element *) to + i * stride + channel);
    }
}

#define HD_DEFINE_TILES(NAME, VERTICAL, HORIZONTAL) \
  HD_CPU_CLONES static void \
  NAME##_input (const void * const *pixels, int channels, void *to, gsize stride) \
  { \
    transform_input_tile (VERTICAL, HORIZONTAL, pixels, channels, to, stride); \
  } \
  \
  HD_CPU_CLONES static void \
  NAME##_weights (const void *kernels, int channels, gsize block, void *to, gsize stride) \
  { \
    transform_weight_rows (VERTICAL, HORIZONTAL, kernels, channels, block, to, stride); \
  } \
  \
  HD_CPU_CLONES static void \
  NAME##_output (const float *products, gsize stride, int channels, const float *bias, \
                 const void * const *residual, void * const *to) \
  { \
    transform_output_tile (VERTICAL, HORIZONTAL, products, stride, channels, bias, residual, to); \
  }

HD_DEFINE_TILES (four, HD_CPU_WINOGRAD_4, HD_CPU_WINOGRAD_4)
HD_DEFINE_TILES (twice, HD_CPU_WINOGRAD_TWICE, HD_CPU_WINOGRAD_TWICE)

const HdCpuWinogradTiles *
hd_cpu_winograd_tiles_f32 (gboolean twice)
{
  static const HdCpuWinogradTiles tiles[2] = {
    { HD_CPU_WINOGRAD_4, HD_CPU_WINOGRAD_4, four_input, four_weights, four_output },
    { HD_CPU_WINOGRAD_TWICE, HD_CPU_WINOGRAD_TWICE, twice_input, twice_weights, twice_output },
  };

  return &tiles[twice ? 1 : 0];
}
