/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_winograd_lanes.h"

#include "kernels/cpu/cpu_convert.h"

/* Everything below is for the processors that have AVX-512 BF16, which the caller has asked for. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,avx512bf16")
#define HAVE_AVX512_BF16
#endif

typedef guint16 Element;

typedef guint16 Halves __attribute__ ((vector_size (2 * HD_CPU_WINOGRAD_LANES), aligned (2), may_alias));
typedef guint32 Words  __attribute__ ((vector_size (4 * HD_CPU_WINOGRAD_LANES), aligned (4), may_alias));

HD_INLINE void
load_lanes (const Element *from,
            Lanes         *lanes)
{
  *lanes = (Lanes) (__builtin_convertvector (*(const Halves *) from, Words) << 16);
}

HD_INLINE void
round_lanes (const Lanes *lanes,
             Halves      *halves)
{
#ifdef HAVE_AVX512_BF16
  *halves = (Halves) _mm512_cvtneps_pbh ((__m512) *lanes);
#else
  for (int i = 0; i < HD_CPU_WINOGRAD_LANES; i++)
    (*halves)[i] = hd_bf16_from_float ((*lanes)[i]);
#endif
}

HD_INLINE void
store_lanes (const Lanes *lanes,
             Element     *to)
{
  round_lanes (lanes, (Halves *) to);
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
      Lanes even[POINTS * POINTS];
      Lanes odd[POINTS * POINTS];

      transform_kernels (vertical, horizontal, from, even);
      transform_kernels (vertical, horizontal, from + 9 * HD_CPU_WINOGRAD_LANES, odd);
      for (int i = 0; i < points; i++)
        {
          Halves low, high;

          round_lanes (&even[i], &low);
          round_lanes (&odd[i], &high);
          *(Words *) ((Element *) to + i * stride + 2 * channel)
            = __builtin_convertvector (low, Words) | __builtin_convertvector (high, Words) << 16;
        }
    }
}

#define HD_DEFINE_TILES(NAME, VERTICAL, HORIZONTAL) \
  static void \
  NAME##_input (const void * const *pixels, int channels, void *to, gsize stride) \
  { \
    transform_input_tile (VERTICAL, HORIZONTAL, pixels, channels, to, stride); \
  } \
  \
  static void \
  NAME##_weights (const void *kernels, int channels, gsize block, void *to, gsize stride) \
  { \
    transform_weight_rows (VERTICAL, HORIZONTAL, kernels, channels, block, to, stride); \
  } \
  \
  static void \
  NAME##_output (const float *products, gsize stride, int channels, const float *bias, \
                 const void * const *residual, void * const *to) \
  { \
    transform_output_tile (VERTICAL, HORIZONTAL, products, stride, channels, bias, residual, to); \
  }

HD_DEFINE_TILES (two_by_four, HD_CPU_WINOGRAD_2, HD_CPU_WINOGRAD_4)
HD_DEFINE_TILES (twice, HD_CPU_WINOGRAD_TWICE, HD_CPU_WINOGRAD_TWICE)

#ifdef HAVE_AVX512_BF16
#pragma GCC pop_options
#endif

const HdCpuWinogradTiles *
hd_cpu_winograd_tiles_bf16 (gboolean twice)
{
  static const HdCpuWinogradTiles tiles[2] = {
    { HD_CPU_WINOGRAD_2, HD_CPU_WINOGRAD_4, two_by_four_input, two_by_four_weights, two_by_four_output },
    { HD_CPU_WINOGRAD_TWICE, HD_CPU_WINOGRAD_TWICE, twice_input, twice_weights, twice_output },
  };

  return &tiles[twice ? 1 : 0];
}
