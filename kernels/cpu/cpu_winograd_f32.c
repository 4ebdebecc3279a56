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
transform_weight_rows (HdCpuWinograd kind,
                       const void   *kernels,
                       int           channels,
                       gsize         tap,
                       void         *to,
                       gsize         stride)
{
  const int points = hd_cpu_winograd_points (kind);

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES)
    {
      Lanes transformed[POINTS * POINTS];

      transform_kernels (kind, (const Element *) kernels + channel, tap, transformed);
      for (int i = 0; i < points * points; i++)
        store_lanes (&transformed[i], (Element *) to + i * stride + channel);
    }
}

#define HD_DEFINE_TILES(NAME, KIND) \
  HD_CPU_CLONES static void \
  NAME##_input (const void * const *pixels, int channels, void *to, gsize stride) \
  { \
    transform_input_tile (KIND, pixels, channels, to, stride); \
  } \
  \
  HD_CPU_CLONES static void \
  NAME##_weights (const void *kernels, int channels, gsize row, gsize tap, void *to, gsize stride) \
  { \
    transform_weight_rows (KIND, kernels, channels, tap, to, stride); \
  } \
  \
  HD_CPU_CLONES static void \
  NAME##_output (const float *products, gsize stride, int channels, const float *bias, \
                 const void * const *residual, void * const *to) \
  { \
    transform_output_tile (KIND, products, stride, channels, bias, residual, to); \
  }

HD_DEFINE_TILES (four, HD_CPU_WINOGRAD_4)
HD_DEFINE_TILES (twice, HD_CPU_WINOGRAD_TWICE)

const HdCpuWinogradTiles *
hd_cpu_winograd_tiles_f32 (HdCpuWinograd kind)
{
  static const HdCpuWinogradTiles four = { four_input, four_weights, four_output };
  static const HdCpuWinogradTiles twice = { twice_input, twice_weights, twice_output };

  switch (kind)
    {
    case HD_CPU_WINOGRAD_2:
      break;
    case HD_CPU_WINOGRAD_4:
      return &four;
    case HD_CPU_WINOGRAD_TWICE:
      return &twice;
    }

  g_return_val_if_reached (NULL);
}
