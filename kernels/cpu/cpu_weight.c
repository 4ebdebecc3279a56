/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_weight.h"

#include "kernels/cpu/cpu_quantise.h"
#include "kernels/i18n.h"

/* Output channels are packed in multiples of what any layout has in a block (16, 24, 32, 48, 64), and about so many
 * bytes at a time. */
#define PACKED_ROWS  192
#define PACKED_BYTES ((gsize) 4 << 20)

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
 * @keep_bytes, there are the checkpoint's bytes (weight->parts) as well. One in 8 bits is @quantised; it has forms while
 * it is cpu->unpacked, and not beyond: they take no room that is not counted for it already (weight_store.h). */
typedef struct
{
  void          *data;
  gsize          bytes;
  GArray        *forms;
  gboolean       keep_bytes;
  HdCpuQuantised quantised;
} HdCpuWeight;

/* --- rows --- */

/* Bytes of a row as hd_cpu_rows_copy() makes it. */
static gsize
row_bytes (const HdWeight *weight,
           HdCpuKernel     kernel)
{
  return hd_cpu_rows_elements (weight, kernel) * hd_dtype_size (hd_cpu_rows_type (weight, kernel));
}

static void
drop_parts (HdWeight *weight)
{
  for (int i = 0; i < weight->n_parts; i++)
    g_bytes_unref (weight->parts[i].bytes);

  g_clear_pointer (&weight->parts, g_free);
  weight->n_parts = 0;
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
          + first * row_bytes (weight, HD_CPU_KERNEL_WHOLE);

  return (guintptr) bytes % hd_dtype_size (weight->dtype) == 0 ? bytes : NULL;
}

/* The layout of @count rows as hd_cpu_rows_copy() makes them. */
static gboolean
describe_rows (const HdWeight     *weight,
               HdCpuKernel         kernel,
               int                 count,
               dnnl_memory_desc_t *layout,
               GError            **error)
{
  const dnnl_data_type_t type = hd_cpu_data_type (hd_cpu_rows_type (weight, kernel));
  const dnnl_dims_t      matrix = { weight->in_channels, count };
  dnnl_dims_t            sides = { count, weight->in_channels, weight->kernel_height, weight->kernel_width };
  dnnl_status_t          status;

  if (kernel != HD_CPU_KERNEL_WHOLE)
    {
      sides[2] = hd_cpu_fold_taps (hd_cpu_kernel_fold_y (kernel));
      sides[3] = hd_cpu_fold_taps (hd_cpu_kernel_fold_x (kernel));
    }

  if (weight->kind == HD_WEIGHT_CONV)
    status = dnnl_memory_desc_create_with_tag (layout, 4, sides, type, dnnl_abcd);
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

/* Bytes that count as the weight's own. */
static gsize
count_bytes (const HdCpuWeight *device,
             const HdCpuForm   *form)
{
  return device->quantised.rows == NULL ? form->bytes : 0;
}

/* Another weight in 8 bits than before is used. */
static void
switch_unpacked (HdCpuContext *cpu,
                 HdWeight     *weight)
{
  if (cpu->unpacked != NULL && cpu->unpacked != weight)
    g_array_set_size (((HdCpuWeight *) cpu->unpacked->device)->forms, 0);

  cpu->unpacked = weight;
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
          cpu->parent.weight_bytes -= count_bytes (device, form);
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
  const gsize stride = row_bytes (weight, HD_CPU_KERNEL_WHOLE);
  int         row = first;

  while (row < first + count)
    {
      HdCpuForm         *form = find_form_with_row (weight->device, row);
      int                end = MIN (form->first + form->count, first + count);
      gsize              bytes = form->count * stride;
      dnnl_memory_desc_t rows = NULL;
      char              *plain = hd_cpu_pages_new (bytes, "rearranging weights", error);
      gboolean           success = plain != NULL
                                   && describe_rows (weight, HD_CPU_KERNEL_WHOLE, form->count, &rows, error)
                                   && hd_cpu_reorder (cpu, form->layout, form->data, rows, plain, error);

      if (success)
        memcpy (to + (row - first) * stride, plain + (row - form->first) * stride, (end - row) * stride);

      g_clear_pointer (&rows, dnnl_memory_desc_destroy);
      hd_cpu_pages_free (plain, bytes);
      if (!success)
        return FALSE;
      row = end;
    }

  return TRUE;
}

/* The part of form->layout that the rows [start, start + count) of the form take. */
static gboolean
describe_part (const HdCpuForm    *form,
               gboolean            kernel,
               int                 start,
               int                 count,
               dnnl_memory_desc_t *part,
               GError            **error)
{
  const int      axis = kernel ? 0 : 1;
  dnnl_dims_t    offsets = { 0 };
  dnnl_dims_t    sides;
  dnnl_dims_t   *whole;
  dnnl_status_t  status = dnnl_memory_desc_query (form->layout, dnnl_query_dims, &whole);

  if (status == dnnl_success)
    {
      memcpy (sides, whole, sizeof sides);
      sides[axis] = count;
      offsets[axis] = start;
      status = dnnl_memory_desc_create_submemory (part, form->layout, sides, offsets);
    }

  return status == dnnl_success || hd_cpu_set_error (error, status, "describing weights");
}

/* Packs the rows [start, start + count) of the form, which @source has, or weight->parts if it is NULL. */
static gboolean
pack_rows (HdCpuContext    *cpu,
           HdWeight        *weight,
           const HdCpuForm *form,
           int              start,
           int              count,
           const void      *source,
           GError         **error)
{
  dnnl_memory_desc_t rows = NULL;
  dnnl_memory_desc_t part = NULL;
  gboolean           success;

  if (source == NULL)
    {
      hd_cpu_rows_copy (cpu, weight, form->kernel, form->first + start, count, cpu->packing);
      source = cpu->packing;
    }

  success = describe_rows (weight, form->kernel, count, &rows, error)
            && describe_part (form, weight->kind == HD_WEIGHT_CONV, start, count, &part, error)
            && hd_cpu_reorder (cpu, rows, source, part, form->data, error);

  g_clear_pointer (&rows, dnnl_memory_desc_destroy);
  g_clear_pointer (&part, dnnl_memory_desc_destroy);

  return success;
}

static gboolean
provide_packing (HdCpuContext *cpu,
                 gsize         bytes,
                 GError      **error)
{
  if (cpu->packing != NULL && cpu->packing_bytes >= bytes)
    return TRUE;

  hd_cpu_pages_free (cpu->packing, cpu->packing_bytes);
  cpu->packing_bytes = 0;
  cpu->packing = hd_cpu_pages_new (bytes, "rearranging weights", error);
  if (cpu->packing == NULL)
    return FALSE;

  cpu->packing_bytes = bytes;
  return TRUE;
}

/* Fills form->data: from the checkpoint's rows, some at a time, so that they are still in a cache when oneDNN reads
 * them. */
static gboolean
pack (HdCpuContext *cpu,
      HdWeight     *weight,
      HdCpuForm    *form,
      GError      **error)
{
  const gsize bytes = row_bytes (weight, form->kernel);
  const void *source = form->kernel == HD_CPU_KERNEL_WHOLE ? find_whole_part (weight, form->first, form->count) : NULL;
  int         chunk = PACKED_ROWS * (int) CLAMP (PACKED_BYTES / PACKED_ROWS / bytes, 1, (gsize) form->count);

  if (source != NULL)
    return pack_rows (cpu, weight, form, 0, form->count, source, error);

  chunk = MIN (chunk, form->count);
  if (!provide_packing (cpu, chunk * bytes, error))
    return FALSE;

  for (int start = 0; start < form->count; start += chunk)
    if (!pack_rows (cpu, weight, form, start, MIN (chunk, form->count - start), NULL, error))
      return FALSE;

  return TRUE;
}

/* The same from the packed forms that have replaced the checkpoint's bytes. */
static gboolean
pack_again (HdCpuContext *cpu,
            HdWeight     *weight,
            HdCpuForm    *form,
            GError      **error)
{
  const gsize bytes = form->count * row_bytes (weight, HD_CPU_KERNEL_WHOLE);
  char       *plain = hd_cpu_pages_new (bytes, "rearranging weights", error);
  gboolean    success = plain != NULL
                        && unpack_rows (cpu, weight, form->first, form->count, plain, error)
                        && pack_rows (cpu, weight, form, 0, form->count, plain, error);

  hd_cpu_pages_free (plain, bytes);

  return success;
}

/* --- the forms of a weight --- */

gboolean
hd_cpu_weight_keep_bytes (HdWeight *weight)
{
  HdCpuWeight *device = weight->device;

  if (device->quantised.rows != NULL)
    return TRUE;

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
  form->data = hd_cpu_pages_new (form->bytes, _("the model's weights"), error);
  if (form->data == NULL)
    return FALSE;

  if (weight->n_parts > 0 || hd_cpu_weight_quantised (weight) != NULL)
    return pack (cpu, weight, form, error);

  return pack_again (cpu, weight, form, error);
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

  if (device->quantised.rows != NULL)
    switch_unpacked (cpu, weight);
  if (!form_init (cpu, weight, &made, layout, error))
    {
      form_clear (&made);
      return NULL;
    }

  drop_old_forms (cpu, device, first, count);
  g_array_append_val (device->forms, made);
  cpu->parent.weight_bytes += count_bytes (device, &made);
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
  HdCpuContext  *cpu = (HdCpuContext *) context;
  HdCpuQuantised quantised = { 0 };
  HdCpuWeight   *device;

  *bytes = 0;
  if (weight->dtype == HD_DTYPE_F16)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                           _("The CPU computes in float32 or bfloat16, not in float16"));
      return FALSE;
    }

  weight->device = device = g_new0 (HdCpuWeight, 1);
  if (weight->kind == HD_WEIGHT_CONV || weight->kind == HD_WEIGHT_LINEAR)
    {
      /* The layout depends on the first use. */
      device->forms = g_array_new (FALSE, FALSE, sizeof (HdCpuForm));
      g_array_set_clear_func (device->forms, (GDestroyNotify) form_clear);
      if (weight->form == HD_WEIGHT_FORM_FULL)
        return TRUE;

      if (!hd_cpu_quantised_init (&quantised, cpu, weight, error))
        return FALSE;
      device->quantised = quantised;
      drop_parts (weight);
      *bytes = device->quantised.bytes;
      return TRUE;
    }

  device->bytes = weight->out_channels * row_bytes (weight, HD_CPU_KERNEL_WHOLE);
  device->data = hd_cpu_pages_new (device->bytes, _("the model's weights"), error);
  if (device->data == NULL)
    return FALSE;

  hd_cpu_rows_copy (cpu, weight, HD_CPU_KERNEL_WHOLE, 0, weight->out_channels, device->data);
  drop_parts (weight);
  *bytes = device->bytes;

  return TRUE;
}

void
hd_cpu_weight_free (HdContext *context,
                    HdWeight  *weight)
{
  HdCpuContext *cpu = (HdCpuContext *) context;
  HdCpuWeight  *device = weight->device;

  if (device == NULL)
    return;

  if (cpu->unpacked == weight)
    cpu->unpacked = NULL;
  if (device->forms != NULL)
    {
      for (guint i = 0; i < device->forms->len; i++)
        context->weight_bytes -= count_bytes (device, &g_array_index (device->forms, HdCpuForm, i));
      g_array_unref (device->forms);
    }
  if (device->quantised.rows != NULL)
    {
      context->weight_bytes -= device->quantised.bytes;
      hd_cpu_quantised_clear (&device->quantised);
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

const HdCpuQuantised *
hd_cpu_weight_quantised (const HdWeight *weight)
{
  const HdCpuWeight *device = weight->device;

  return device != NULL && device->quantised.rows != NULL ? &device->quantised : NULL;
}
