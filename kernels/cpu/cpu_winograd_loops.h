/* SPDX-License-Identifier: Apache-2.0 */

/* The loops over channels, of Element: see cpu_winograd_lanes.h. No guard: it is part of the file that includes it. */

HD_INLINE void
transform_input_tile (HdCpuWinograd       vertical,
                      HdCpuWinograd       horizontal,
                      const void * const *pixels,
                      int                 channels,
                      void               *to,
                      gsize               stride)
{
  const int points_y = hd_cpu_winograd_points (vertical);
  const int points_x = hd_cpu_winograd_points (horizontal);

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES)
    {
      Element *tile = (Element *) to + channel;
      Lanes    rows[POINTS * POINTS];

#pragma GCC unroll 6
      for (int x = 0; x < points_x; x++)
        {
          Lanes column[POINTS];

#pragma GCC unroll 6
          for (int y = 0; y < points_y; y++)
            load_lanes ((const Element *) pixels[points_x * y + x] + channel, &column[y]);
          transform_input (vertical, column, 1, rows + x, POINTS);
        }

#pragma GCC unroll 6
      for (int y = 0; y < points_y; y++)
        {
          Lanes row[POINTS];

          transform_input (horizontal, rows + POINTS * y, 1, row, 1);
#pragma GCC unroll 6
          for (int x = 0; x < points_x; x++)
            store_lanes (&row[x], tile + (points_x * y + x) * stride);
        }
    }
}

/* The transformed kernels from one input channel, for a vector of output channels. */
HD_INLINE void
transform_kernels (HdCpuWinograd  vertical,
                   HdCpuWinograd  horizontal,
                   const Element *kernels,
                   Lanes         *transformed)
{
  const int points_y = hd_cpu_winograd_points (vertical);
  const int points_x = hd_cpu_winograd_points (horizontal);
  Lanes     rows[POINTS * 3];

#pragma GCC unroll 6
  for (int x = 0; x < 3; x++)
    {
      Lanes column[3];

#pragma GCC unroll 6
      for (int y = 0; y < 3; y++)
        load_lanes (kernels + (3 * y + x) * HD_CPU_WINOGRAD_LANES, &column[y]);
      transform_weights (vertical, column, 1, rows + x, 3);
    }

#pragma GCC unroll 6
  for (int y = 0; y < points_y; y++)
    transform_weights (horizontal, rows + 3 * y, 1, transformed + points_x * y, 1);
}

HD_INLINE void
transform_output_tile (HdCpuWinograd       vertical,
                       HdCpuWinograd       horizontal,
                       const float        *products,
                       gsize               stride,
                       int                 channels,
                       const float        *bias,
                       const void * const *residual,
                       void * const       *to)
{
  const int points_y = hd_cpu_winograd_points (vertical);
  const int points_x = hd_cpu_winograd_points (horizontal);
  const int results_y = hd_cpu_winograd_results (vertical);
  const int results_x = hd_cpu_winograd_results (horizontal);

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES)
    {
      const Lanes  added = *(const Lanes *) (bias + channel);
      const float *tile = products + channel;
      Lanes        rows[RESULTS * POINTS];

#pragma GCC unroll 6
      for (int x = 0; x < points_x; x++)
        {
          Lanes column[POINTS];

#pragma GCC unroll 6
          for (int y = 0; y < points_y; y++)
            column[y] = *(const Lanes *) (tile + (points_x * y + x) * stride);
          transform_output (vertical, column, 1, rows + x, POINTS);
        }

#pragma GCC unroll 6
      for (int y = 0; y < results_y; y++)
        {
          Lanes row[RESULTS];

          transform_output (horizontal, rows + POINTS * y, 1, row, 1);
#pragma GCC unroll 6
          for (int x = 0; x < results_x; x++)
            {
              Lanes value = row[x] + added;

              if (residual != NULL)
                {
                  Lanes further;

                  load_lanes ((const Element *) residual[results_x * y + x] + channel, &further);
                  value += further;
                }
              store_lanes (&value, (Element *) to[results_x * y + x] + channel);
            }
        }
    }
}
