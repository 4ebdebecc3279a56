/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_rows.h"

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_quantise.h"

/* Elements that one thread converts at a time. */
#define CONVERT_BLOCK 16384

/* Kernels that one thread folds at a time. */
#define FOLD_BLOCK 64

/* Elements that one thread unpacks at a time. */
#define UNPACK_BLOCK 1024

/* --- conversion --- */

/* The checkpoint's numbers need not be aligned: they are read by memcpy. */
HD_CPU_CLONES static void
floats_from_f16 (float      *to,
                 const char *from,
                 gsize       n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint16 value;

      memcpy (&value, from + i * sizeof value, sizeof value);
      to[i] = hd_float_from_f16 (value);
    }
}

HD_CPU_CLONES static void
floats_from_bf16 (float      *to,
                  const char *from,
                  gsize       n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint16 value;

      memcpy (&value, from + i * sizeof value, sizeof value);
      to[i] = hd_float_from_bf16 (value);
    }
}

HD_CPU_CLONES static void
bf16s_from_f16 (guint16    *to,
                const char *from,
                gsize       n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint16 value;

      memcpy (&value, from + i * sizeof value, sizeof value);
      to[i] = hd_bf16_from_float (hd_float_from_f16 (value));
    }
}

HD_CPU_CLONES static void
bf16s_from_floats (guint16    *to,
                   const char *from,
                   gsize       n)
{
  for (gsize i = 0; i < n; i++)
    {
      float value;

      memcpy (&value, from + i * sizeof value, sizeof value);
      to[i] = hd_bf16_from_float (value);
    }
}

/* To float32 or bf16 from any type. */
static void
convert (void       *to,
         HdDtype     to_type,
         const char *from,
         HdDtype     from_type,
         gsize       n)
{
  if (to_type == from_type)
    memcpy (to, from, n * hd_dtype_size (to_type));
  else if (to_type == HD_DTYPE_F32)
    (from_type == HD_DTYPE_F16 ? floats_from_f16 : floats_from_bf16) (to, from, n);
  else
    (from_type == HD_DTYPE_F16 ? bf16s_from_f16 : bf16s_from_floats) (to, from, n);
}

static void
convert_in_parallel (HdCpuContext *cpu,
                     char         *to,
                     HdDtype       to_type,
                     const char   *from,
                     HdDtype       from_type,
                     gsize         n)
{
  const gint64 n_blocks = (n + CONVERT_BLOCK - 1) / CONVERT_BLOCK;
  const gsize  to_size = hd_dtype_size (to_type);
  const gsize  from_size = hd_dtype_size (from_type);

#pragma omp parallel for num_threads (cpu->threads) schedule (static) if (n_blocks > 1)
  for (gint64 i = 0; i < n_blocks; i++)
    {
      gsize start = i * CONVERT_BLOCK;

      convert (to + start * to_size, to_type, from + start * from_size, from_type, MIN (n - start, CONVERT_BLOCK));
    }
}

/* --- rows --- */

/* The rows [first, first + count) of the checkpoint's parts, stacked, as @type. */
static void
copy_parts (HdCpuContext   *cpu,
            const HdWeight *weight,
            int             first,
            int             count,
            char           *to,
            HdDtype         type)
{
  const gsize row = hd_cpu_rows_elements (weight, HD_CPU_KERNEL_WHOLE);
  int         start = 0;

  for (int i = 0; i < weight->n_parts; i++)
    {
      const HdWeightPart *part = &weight->parts[i];
      int                 from = MAX (first, start);
      int                 end = MIN (first + count, start + part->out_channels);

      if (from < end)
        {
          const char *bytes = g_bytes_get_data (part->bytes, NULL);

          convert_in_parallel (cpu, to + (from - first) * row * hd_dtype_size (type), type,
                               bytes + (from - start) * row * hd_dtype_size (part->dtype), part->dtype,
                               (end - from) * row);
        }
      start += part->out_channels;
    }
}

/* The same of what was quantised. */
static void
unpack_row (const HdCpuQuantised *quantised,
            gsize                 elements,
            int                   row,
            char                 *to,
            HdDtype               type)
{
  float values[UNPACK_BLOCK];

  for (gsize first = 0; first < elements; first += UNPACK_BLOCK)
    {
      gsize n = MIN (elements - first, UNPACK_BLOCK);

      hd_cpu_quantised_read (quantised, elements, row, first, n, values);
      convert (to + first * hd_dtype_size (type), type, (const char *) values, HD_DTYPE_F32, n);
    }
}

static void
unpack_rows (HdCpuContext         *cpu,
             const HdWeight       *weight,
             const HdCpuQuantised *quantised,
             int                   first,
             int                   count,
             char                 *to)
{
  const gsize   elements = hd_cpu_rows_elements (weight, HD_CPU_KERNEL_WHOLE);
  const HdDtype type = weight->dtype;

#pragma omp parallel for num_threads (cpu->threads) schedule (static)
  for (int i = 0; i < count; i++)
    unpack_row (quantised, elements, first + i, to + i * elements * hd_dtype_size (type), type);
}

/* --- folded kernels --- */

/* Adds up three taps, which are @stride apart, into two or one. */
static void
fold_taps (const float *taps,
           int          stride,
           HdCpuFold    fold,
           float       *folded,
           int          folded_stride)
{
  switch (fold)
    {
    case HD_CPU_FOLD_FIRST:
      folded[0] = taps[0];
      folded[folded_stride] = taps[stride] + taps[2 * stride];
      break;
    case HD_CPU_FOLD_MIDDLE:
      folded[0] = taps[0] + taps[stride] + taps[2 * stride];
      break;
    case HD_CPU_FOLD_LAST:
      folded[0] = taps[0] + taps[stride];
      folded[folded_stride] = taps[2 * stride];
      break;
    }
}

/* One kernel 3 x 3 becomes one of the taps that @fold_y and @fold_x leave. */
static void
fold_kernel (const float *kernel,
             HdCpuFold    fold_y,
             HdCpuFold    fold_x,
             float       *folded)
{
  const int width = hd_cpu_fold_taps (fold_x);
  float     rows[3 * 2];

  for (int y = 0; y < 3; y++)
    fold_taps (kernel + 3 * y, 1, fold_x, rows + width * y, 1);
  for (int x = 0; x < width; x++)
    fold_taps (rows + x, width, fold_y, folded + x, width);
}

/* Output channel @row of the checkpoint's parts, and its type. */
static const char *
find_row (const HdWeight *weight,
          int             row,
          HdDtype        *type)
{
  const HdWeightPart *part = weight->parts;

  for (; row >= part->out_channels; part++)
    row -= part->out_channels;

  *type = part->dtype;
  return (const char *) g_bytes_get_data (part->bytes, NULL) + row * hd_cpu_rows_elements (weight, HD_CPU_KERNEL_WHOLE) * hd_dtype_size (*type);
}

/* The folded kernels of one output channel. */
static void
fold_row (const HdWeight *weight,
          int             row,
          HdCpuFold       fold_y,
          HdCpuFold       fold_x,
          float          *folded)
{
  const int taps = hd_cpu_fold_taps (fold_y) * hd_cpu_fold_taps (fold_x);
  float     kernels[FOLD_BLOCK * 9];

  for (int channel = 0; channel < weight->in_channels; channel += FOLD_BLOCK)
    {
      int n = MIN (weight->in_channels - channel, FOLD_BLOCK);

      hd_cpu_rows_read (weight, row, (gsize) channel * 9, n * 9, kernels);
      for (int i = 0; i < n; i++)
        fold_kernel (kernels + 9 * i, fold_y, fold_x, folded + (gsize) (channel + i) * taps);
    }
}

static void
copy_folded (HdCpuContext   *cpu,
             const HdWeight *weight,
             HdCpuKernel     kernel,
             int             first,
             int             count,
             float          *to)
{
  const HdCpuFold fold_y = hd_cpu_kernel_fold_y (kernel);
  const HdCpuFold fold_x = hd_cpu_kernel_fold_x (kernel);
  const gsize     row = hd_cpu_rows_elements (weight, kernel);

#pragma omp parallel for num_threads (cpu->threads) schedule (static)
  for (int i = 0; i < count; i++)
    fold_row (weight, first + i, fold_y, fold_x, to + i * row);
}

/* --- */

gsize
hd_cpu_rows_elements (const HdWeight *weight,
                      HdCpuKernel     kernel)
{
  if (kernel == HD_CPU_KERNEL_WHOLE)
    return (gsize) weight->in_channels * weight->kernel_height * weight->kernel_width;

  return (gsize) weight->in_channels * hd_cpu_fold_taps (hd_cpu_kernel_fold_y (kernel))
         * hd_cpu_fold_taps (hd_cpu_kernel_fold_x (kernel));
}

HdDtype
hd_cpu_rows_type (const HdWeight *weight,
                  HdCpuKernel     kernel)
{
  return kernel == HD_CPU_KERNEL_WHOLE ? weight->dtype : HD_DTYPE_F32;
}

void
hd_cpu_rows_copy (HdCpuContext   *cpu,
                  const HdWeight *weight,
                  HdCpuKernel     kernel,
                  int             first,
                  int             count,
                  void           *to)
{
  const HdCpuQuantised *quantised = hd_cpu_weight_quantised (weight);

  if (kernel != HD_CPU_KERNEL_WHOLE)
    copy_folded (cpu, weight, kernel, first, count, to);
  else if (quantised != NULL)
    unpack_rows (cpu, weight, quantised, first, count, to);
  else
    copy_parts (cpu, weight, first, count, to, weight->dtype);
}

void
hd_cpu_rows_read (const HdWeight *weight,
                  int             row,
                  gsize           first,
                  gsize           n,
                  float          *to)
{
  const HdCpuQuantised *quantised = hd_cpu_weight_quantised (weight);
  HdDtype               type;
  const char           *from;

  if (quantised != NULL)
    {
      hd_cpu_quantised_read (quantised, hd_cpu_rows_elements (weight, HD_CPU_KERNEL_WHOLE), row, first, n, to);
      return;
    }

  from = find_row (weight, row, &type);
  convert (to, HD_DTYPE_F32, from + first * hd_dtype_size (type), type, n);
}
