/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_quantise.h"

#include "kernels/cpu/cpu_rows.h"
#include "kernels/i18n.h"
#include "kernels/quantise.h"

/* Elements that are float32 at a time. */
#define BLOCK 1024

HD_CPU_CLONES static float
find_largest (const float *values,
              gsize        n,
              float        largest)
{
  for (gsize i = 0; i < n; i++)
    {
      float magnitude = fabsf (values[i]);

      largest = magnitude > largest ? magnitude : largest;
    }

  return largest;
}

HD_CPU_CLONES static void
round_values (gint8       *to,
              const float *values,
              gsize        n,
              float        factor)
{
  for (gsize i = 0; i < n; i++)
    to[i] = hd_quantise (values[i], factor);
}

HD_CPU_CLONES static void
scale_values (float       *to,
              const gint8 *values,
              gsize        n,
              float        scale)
{
  for (gsize i = 0; i < n; i++)
    to[i] = values[i] * scale;
}

static void
quantise_row (HdCpuQuantised *quantised,
              const HdWeight *weight,
              gsize           elements,
              int             row)
{
  gint8 *to = quantised->rows + row * elements;
  float  values[BLOCK];
  float  largest = 0.0f;
  float  factor;

  for (gsize first = 0; first < elements; first += BLOCK)
    {
      gsize n = MIN (elements - first, BLOCK);

      hd_cpu_rows_read (weight, row, first, n, values);
      largest = find_largest (values, n, largest);
    }

  factor = hd_quantise_factor (largest);
  quantised->scales[row] = hd_quantise_scale (largest);
  for (gsize first = 0; first < elements; first += BLOCK)
    {
      gsize n = MIN (elements - first, BLOCK);

      hd_cpu_rows_read (weight, row, first, n, values);
      round_values (to + first, values, n, factor);
    }
}

gboolean
hd_cpu_quantised_init (HdCpuQuantised  *quantised,
                       HdCpuContext    *cpu,
                       const HdWeight  *weight,
                       GError         **error)
{
  const gsize elements = hd_cpu_rows_elements (weight, HD_CPU_KERNEL_WHOLE);
  const gsize scales = (weight->out_channels * sizeof (float) + 63) / 64 * 64;

  quantised->bytes = scales + weight->out_channels * elements;
  quantised->scales = hd_cpu_pages_new (quantised->bytes, _("the model's weights"), error);
  if (quantised->scales == NULL)
    return FALSE;
  quantised->rows = (gint8 *) quantised->scales + scales;

#pragma omp parallel for num_threads (cpu->threads) schedule (static)
  for (int row = 0; row < weight->out_channels; row++)
    quantise_row (quantised, weight, elements, row);

  return TRUE;
}

void
hd_cpu_quantised_clear (HdCpuQuantised *quantised)
{
  hd_cpu_pages_free (quantised->scales, quantised->bytes);
  *quantised = (HdCpuQuantised) { 0 };
}

void
hd_cpu_quantised_read (const HdCpuQuantised *quantised,
                       gsize                 row_elements,
                       int                   row,
                       gsize                 first,
                       gsize                 n,
                       float                *to)
{
  scale_values (to, quantised->rows + row * row_elements + first, n, quantised->scales[row]);
}
