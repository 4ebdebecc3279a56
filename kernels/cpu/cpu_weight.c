/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_weight.h"

#include <omp.h>

#include "kernels/cpu/cpu_convert.h"

/* Elements that one thread converts at a time. */
#define CONVERT_BLOCK 16384

/* Kernels that one thread folds at a time. */
#define FOLD_BLOCK 64

/* One packed form of the output channels [first, first + count). */
typedef struct
{
  HdCpuKernel        kernel;
  int                first;
  int                count;
  dnnl_memory_desc_t layout;
  void              *data;
  gsize              bytes;
  guint64            operation;   /* the latest that used it */
} HdCpuForm;

/* weight->device. A vector or table has @data, the others @forms; while the forms lack a channel, and for good if
 * @keep_bytes, there are the checkpoint's bytes (weight->parts) as well. */
typedef struct
{
  void    *data;
  gsize    bytes;
  GArray  *forms;
  gboolean keep_bytes;
} HdCpuWeight;

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

/* --- the row-major matrix --- */

static gsize
row_elements (const HdWeight *weight)
{
  return (gsize) weight->in_channels * weight->kernel_height * weight->kernel_width;
}

static void
drop_parts (HdWeight *weight)
{
  for (int i = 0; i < weight->n_parts; i++)
    g_bytes_unref (weight->parts[i].bytes);

  g_clear_pointer (&weight->parts, g_free);
  weight->n_parts = 0;
}

/* The rows [first, first + count) of the checkpoint's parts, stacked, as @type. */
static void
copy_parts (HdCpuContext   *cpu,
            const HdWeight *weight,
            int             first,
            int             count,
            char           *to,
            HdDtype         type)
{
  const gsize row = row_elements (weight);
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

/* The checkpoint's own bytes if these are the rows [first, first + count) as they are needed, else NULL. */
static const void *
find_whole_part (const HdWeight *weight,
                 int             first,
                 int             count)
{
  const void *bytes;

  if (weight->n_parts != 1 || weight->parts[0].dtype != weight->dtype)
    return NULL;

  bytes = (const char *) g_bytes_get_data (weight->parts[0].bytes, NULL)
          + first * row_elements (weight) * hd_dtype_size (weight->dtype);

  return (guintptr) bytes % hd_dtype_size (weight->dtype) == 0 ? bytes : NULL;
}

/* The layout of @count rows as the checkpoint has them. */
static gboolean
describe_rows (const HdWeight     *weight,
               int                 count,
               dnnl_memory_desc_t *layout,
               GError            **error)
{
  const dnnl_data_type_t type = hd_cpu_data_type (weight->dtype);
  const dnnl_dims_t      kernel = { count, weight->in_channels, weight->kernel_height, weight->kernel_width };
  const dnnl_dims_t      matrix = { weight->in_channels, count };
  dnnl_status_t          status;

  if (weight->kind == HD_WEIGHT_CONV)
    status = dnnl_memory_desc_create_with_tag (layout, 4, kernel, type, dnnl_abcd);
  else
    status = dnnl_memory_desc_create_with_tag (layout, 2, matrix, type, dnnl_ba);

  return status == dnnl_success || hd_cpu_set_error (error, status, "describing weights");
}

/* --- forms --- */

static void
form_clear (HdCpuForm *form)
{
  hd_cpu_pages_free (form->data, form->bytes);
  g_clear_pointer (&form->layout, dnnl_memory_desc_destroy);
}

static HdCpuForm *
find_form (HdCpuWeight             *device,
           HdCpuKernel              kernel,
           int                      first,
           int                      count,
           const_dnnl_memory_desc_t layout)
{
  for (guint i = 0; i < device->forms->len; i++)
    {
      HdCpuForm *form = &g_array_index (device->forms, HdCpuForm, i);

      if (form->kernel == kernel && form->first == first && form->count == count
          && dnnl_memory_desc_equal (form->layout, layout))
        return form;
    }

  return NULL;
}

/* A form that has output channel @row as it is, or NULL. */
static HdCpuForm *
find_form_with_row (HdCpuWeight *device,
                    int          row)
{
  for (guint i = 0; i < device->forms->len; i++)
    {
      HdCpuForm *form = &g_array_index (device->forms, HdCpuForm, i);

      if (form->kernel == HD_CPU_KERNEL_WHOLE && form->first <= row && row < form->first + form->count)
        return form;
    }

  return NULL;
}

static gboolean
forms_are_complete (const HdWeight *weight)
{
  HdCpuWeight *device = weight->device;
  HdCpuForm   *form;
  int          row = 0;

  while (row < weight->out_channels && (form = find_form_with_row (device, row)) != NULL)
    row = form->first + form->count;

  return row >= weight->out_channels;
}

/* Drops the forms of the channels [first, first + count) that no primitive of this operation uses. */
static void
drop_old_forms (HdCpuContext *cpu,
                HdCpuWeight  *device,
                int           first,
                int           count)
{
  for (guint i = device->forms->len; i-- > 0;)
    {
      HdCpuForm *form = &g_array_index (device->forms, HdCpuForm, i);

      if (form->first == first && form->count == count && form->operation != cpu->operation)
        {
          cpu->parent.weight_bytes -= form->bytes;
          g_array_remove_index_fast (device->forms, i);
        }
    }
}

/* Rows that only packed forms still have, row-major. */
static gboolean
unpack_rows (HdCpuContext *cpu,
             HdWeight     *weight,
             int           first,
             int           count,
             char         *to,
             GError      **error)
{
  const gsize row_bytes = row_elements (weight) * hd_dtype_size (weight->dtype);
  int         row = first;

  while (row < first + count)
    {
      HdCpuForm         *form = find_form_with_row (weight->device, row);
      int                end = MIN (form->first + form->count, first + count);
      gsize              bytes = form->count * row_bytes;
      dnnl_memory_desc_t rows = NULL;
      char              *plain = hd_cpu_pages_new (bytes, "rearranging weights", error);
      gboolean           success = plain != NULL
                                   && describe_rows (weight, form->count, &rows, error)
                                   && hd_cpu_reorder (cpu, form->layout, form->data, rows, plain, error);

      if (success)
        memcpy (to + (row - first) * row_bytes, plain + (row - form->first) * row_bytes, (end - row) * row_bytes);

      g_clear_pointer (&rows, dnnl_memory_desc_destroy);
      hd_cpu_pages_free (plain, bytes);
      if (!success)
        return FALSE;
      row = end;
    }

  return TRUE;
}

/* Fills form->data. */
static gboolean
pack (HdCpuContext *cpu,
      HdWeight     *weight,
      HdCpuForm    *form,
      GError      **error)
{
  const void        *source = find_whole_part (weight, form->first, form->count);
  gsize              bytes = form->count * row_elements (weight) * hd_dtype_size (weight->dtype);
  char              *plain = NULL;
  dnnl_memory_desc_t rows = NULL;
  gboolean           success = TRUE;

  if (source == NULL)
    {
      source = plain = hd_cpu_pages_new (bytes, "rearranging weights", error);
      if (plain == NULL)
        return FALSE;

      if (weight->n_parts > 0)
        copy_parts (cpu, weight, form->first, form->count, plain, weight->dtype);
      else
        success = unpack_rows (cpu, weight, form->first, form->count, plain, error);
    }

  success = success
            && describe_rows (weight, form->count, &rows, error)
            && hd_cpu_reorder (cpu, rows, source, form->layout, form->data, error);

  g_clear_pointer (&rows, dnnl_memory_desc_destroy);
  hd_cpu_pages_free (plain, bytes);

  return success;
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
  return (const char *) g_bytes_get_data (part->bytes, NULL) + row * row_elements (weight) * hd_dtype_size (*type);
}

/* The folded kernels of one output channel. */
static void
fold_row (const HdWeight *weight,
          int             row,
          HdCpuFold       fold_y,
          HdCpuFold       fold_x,
          float          *folded)
{
  const int   taps = hd_cpu_fold_taps (fold_y) * hd_cpu_fold_taps (fold_x);
  HdDtype     type;
  const char *from = find_row (weight, row, &type);
  float       kernels[FOLD_BLOCK * 9];

  for (int channel = 0; channel < weight->in_channels; channel += FOLD_BLOCK)
    {
      int n = MIN (weight->in_channels - channel, FOLD_BLOCK);

      convert (kernels, HD_DTYPE_F32, from + (gsize) channel * 9 * hd_dtype_size (type), type, n * 9);
      for (int i = 0; i < n; i++)
        fold_kernel (kernels + 9 * i, fold_y, fold_x, folded + (gsize) (channel + i) * taps);
    }
}

/* In float32 up to the end, so that the sums are rounded once. */
static gboolean
pack_folded (HdCpuContext *cpu,
             HdWeight     *weight,
             HdCpuForm    *form,
             GError      **error)
{
  const HdCpuFold    fold_y = (form->kernel - HD_CPU_KERNEL_FOLDED) / 3;
  const HdCpuFold    fold_x = (form->kernel - HD_CPU_KERNEL_FOLDED) % 3;
  const int          height = hd_cpu_fold_taps (fold_y);
  const int          width = hd_cpu_fold_taps (fold_x);
  const dnnl_dims_t  sides = { form->count, weight->in_channels, height, width };
  const gsize        row = (gsize) weight->in_channels * height * width;
  const gsize        bytes = form->count * row * sizeof (float);
  float             *folded = hd_cpu_pages_new (bytes, "rearranging weights", error);
  dnnl_memory_desc_t layout = NULL;
  gboolean           success = FALSE;
  dnnl_status_t      status;

  if (folded == NULL)
    return FALSE;

#pragma omp parallel for num_threads (cpu->threads) schedule (static)
  for (int i = 0; i < form->count; i++)
    fold_row (weight, form->first + i, fold_y, fold_x, folded + i * row);

  status = dnnl_memory_desc_create_with_tag (&layout, 4, sides, dnnl_f32, dnnl_abcd);
  if (status == dnnl_success)
    success = hd_cpu_reorder (cpu, layout, folded, form->layout, form->data, error);
  else
    hd_cpu_set_error (error, status, "describing weights");

  g_clear_pointer (&layout, dnnl_memory_desc_destroy);
  hd_cpu_pages_free (folded, bytes);

  return success;
}

/* --- the forms of a weight --- */

gboolean
hd_cpu_weight_keep_bytes (HdWeight *weight)
{
  HdCpuWeight *device = weight->device;

  device->keep_bytes = weight->n_parts > 0;
  return device->keep_bytes;
}

static gboolean
form_init (HdCpuContext            *cpu,
           HdWeight                *weight,
           HdCpuForm               *form,
           const_dnnl_memory_desc_t layout,
           GError                 **error)
{
  dnnl_status_t status = dnnl_memory_desc_clone (&form->layout, layout);

  if (status != dnnl_success)
    return hd_cpu_set_error (error, status, "weights");

  form->bytes = dnnl_memory_desc_get_size (layout);
  form->data = hd_cpu_pages_new (form->bytes, "the model's weights", error);
  if (form->data == NULL)
    return FALSE;

  return (form->kernel == HD_CPU_KERNEL_WHOLE ? pack : pack_folded) (cpu, weight, form, error);
}

const void *
hd_cpu_weight_packed (HdCpuContext            *cpu,
                      HdWeight                *weight,
                      HdCpuKernel              kernel,
                      int                      first,
                      int                      count,
                      const_dnnl_memory_desc_t layout,
                      GError                 **error)
{
  HdCpuWeight *device = weight->device;
  HdCpuForm   *form = find_form (device, kernel, first, count, layout);
  HdCpuForm    made = { .kernel = kernel, .first = first, .count = count, .operation = cpu->operation };

  if (form != NULL)
    {
      form->operation = cpu->operation;
      return form->data;
    }

  if (!form_init (cpu, weight, &made, layout, error))
    {
      form_clear (&made);
      return NULL;
    }

  drop_old_forms (cpu, device, first, count);
  g_array_append_val (device->forms, made);
  cpu->parent.weight_bytes += made.bytes;
  if (!device->keep_bytes && weight->n_parts > 0 && forms_are_complete (weight))
    drop_parts (weight);

  return made.data;
}

/* --- HdBackend --- */

gboolean
hd_cpu_weight_make (HdContext *context,
                    HdWeight  *weight,
                    gsize     *bytes,
                    GError   **error)
{
  HdCpuContext *cpu = (HdCpuContext *) context;
  HdCpuWeight  *device;

  *bytes = 0;
  if (weight->dtype == HD_DTYPE_F16)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                           "The CPU computes in float32 or bfloat16, not in float16");
      return FALSE;
    }

  weight->device = device = g_new0 (HdCpuWeight, 1);
  if (weight->kind == HD_WEIGHT_CONV || weight->kind == HD_WEIGHT_LINEAR)
    {
      /* The layout depends on the first use. */
      device->forms = g_array_new (FALSE, FALSE, sizeof (HdCpuForm));
      g_array_set_clear_func (device->forms, (GDestroyNotify) form_clear);
      return TRUE;
    }

  device->bytes = weight->out_channels * row_elements (weight) * hd_dtype_size (weight->dtype);
  device->data = hd_cpu_pages_new (device->bytes, "the model's weights", error);
  if (device->data == NULL)
    return FALSE;

  copy_parts (cpu, weight, 0, weight->out_channels, device->data, weight->dtype);
  drop_parts (weight);
  *bytes = device->bytes;

  return TRUE;
}

void
hd_cpu_weight_free (HdContext *context,
                    HdWeight  *weight)
{
  HdCpuWeight *device = weight->device;

  if (device == NULL)
    return;

  if (device->forms != NULL)
    {
      for (guint i = 0; i < device->forms->len; i++)
        context->weight_bytes -= g_array_index (device->forms, HdCpuForm, i).bytes;
      g_array_unref (device->forms);
    }
  if (device->data != NULL)
    {
      context->weight_bytes -= device->bytes;
      hd_cpu_pages_free (device->data, device->bytes);
    }

  g_clear_pointer (&weight->device, g_free);
}

const float *
hd_cpu_vector (HdWeight *vector)
{
  return ((HdCpuWeight *) vector->device)->data;
}

const void *
hd_cpu_table (HdWeight *table)
{
  return ((HdCpuWeight *) table->device)->data;
}
