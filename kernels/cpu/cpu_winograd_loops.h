/* SPDX-License-Identifier: Apache-2.0 */

/* The loops over channels, of Element: see cpu_winograd_lanes.h. No guard: it is part of the file that includes it. */

HD_INLINE void
transform_input_tile (HdCpuWinograd       kind,
                      const void * const *pixels,
                      int                 channels,
                      void               *to,
                      gsize               stride)
{
  const int points = hd_cpu_winograd_points (kind);

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES)
    {
      Element *tile = (Element *) to + channel;
      Lanes    rows[POINTS * POINTS];

#pragma GCC unroll 6
      for (int x = 0; x < points; x++)
        {
          Lanes column[POINTS];

#pragma GCC unroll 6
          for (int y = 0; y < points; y++)
            load_lanes ((const Element *) pixels[points * y + x] + channel, &column[y]);
          transform_input (kind, column, 1, rows + x, POINTS);
        }

#pragma GCC unroll 6
      for (int y = 0; y < points; y++)
        {
          Lanes row[POINTS];

          transform_input (kind, rows + POINTS * y, 1, row, 1);
#pragma GCC unroll 6
          for (int x = 0; x < points; x++)
            store_lanes (&row[x], tile + (points * y + x) * stride);
        }
    }
}

/* The transformed kernels from one input channel, for a vector of output channels. */
HD_INLINE void
transform_kernels (HdCpuWinograd  kind,
                   const Element *kernels,
                   gsize          tap,
                   Lanes         *transformed)
{
  const int points = hd_cpu_winograd_points (kind);
  Lanes     rows[POINTS * 3];

#pragma GCC unroll 6
  for (int x = 0; x < 3; x++)
    {
      Lanes column[3];

#pragma GCC unroll 6
      for (int y = 0; y < 3; y++)
        load_lanes (kernels + (3 * y + x) * tap, &column[y]);
      transform_weights (kind, column, 1, rows + x, 3);
    }

#pragma GCC unroll 6
  for (int y = 0; y < points; y++)
    transform_weights (kind, rows + 3 * y, 1, transformed + points * y, 1);
}

HD_INLINE void
transform_output_tile (HdCpuWinograd       kind,
                       const float        *products,
                       gsize               stride,
                       int                 channels,
                       const float        *bias,
                       const void * const *residual,
                       void * const       *to)
{
  const int points = hd_cpu_winograd_points (kind);
  const int results = hd_cpu_winograd_results (kind);

  for (int channel = 0; channel < channels; channel += HD_CPU_WINOGRAD_LANES)
    {
      const Lanes  added = *(const Lanes *) (bias + channel);
      const float *tile = products + channel;
      Lanes        rows[RESULTS * POINTS];

#pragma GCC unroll 6
      for (int x = 0; x < points; x++)
        {
          Lanes column[POINTS];

#pragma GCC unroll 6
          for (int y = 0; y < points; y++)
            column[y] = *(const Lanes *) (tile + (points * y + x) * stride);
          transform_output (kind, column, 1, rows + x, POINTS);
        }

#pragma GCC unroll 6
      for (int y = 0; y < results; y++)
        {
          Lanes row[RESULTS];

          transform_output (kind, rows + POINTS * y, 1, row, 1);
#pragma GCC unroll 6
          for (int x = 0; x < results; x++)
            {
              Lanes value = row[x] + added;

              if (residual != NULL)
                {
                  Lanes further;

                  load_lanes ((const Element *) residual[results * y + x] + channel, &further);
                  value += further;
                }
              store_lanes (&value, (Element *) to[results * y + x] + channel);
            }
        }
    }
}
