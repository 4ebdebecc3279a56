/* SPDX-License-Identifier: Apache-2.0 */

#include <omp.h>

#include "kernels/cpu/cpu_private.h"
#include "kernels/i18n.h"

/* Making a primitive means generating code, milliseconds of it: one is kept for every shape. A process that sees
 * ever new shapes starts over at this number. */
#define MAX_PRIMITIVES 1024
#define MAX_ARGUMENTS  8

struct _HdCpuPrimitive
{
  dnnl_primitive_desc_t descriptor;
  dnnl_primitive_t      primitive;
  gsize                 workspace_bytes;
  int                   n_arguments;
  dnnl_exec_arg_t       arguments[MAX_ARGUMENTS];   /* their memory objects point to the latest data */
};

gboolean
hd_cpu_set_error (GError      **error,
                  dnnl_status_t status,
                  const char   *what)
{
  if (status == dnnl_out_of_memory)
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY, _("Not enough memory for %s"), what);
  else
    g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED, "oneDNN failed at %s with status %d", what, status);

  return FALSE;
}

dnnl_data_type_t
hd_cpu_data_type (HdDtype dtype)
{
  return dtype == HD_DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}

int
hd_cpu_threads_begin (HdCpuContext *cpu)
{
  int saved = omp_get_max_threads ();

  /* A variable of the calling thread, not of the process. */
  omp_set_num_threads (cpu->threads);
  return saved;
}

void
hd_cpu_threads_end (int saved)
{
  omp_set_num_threads (saved);
}

gboolean
hd_cpu_attributes_new (dnnl_primitive_attr_t *attributes,
                       GError               **error)
{
  dnnl_status_t status = dnnl_primitive_attr_create (attributes);

  if (status != dnnl_success)
    return hd_cpu_set_error (error, status, "making attributes");

  dnnl_primitive_attr_set_scratchpad_mode (*attributes, dnnl_scratchpad_mode_user);
  return TRUE;
}

static void
primitive_free (HdCpuPrimitive *primitive)
{
  for (int i = 0; i < primitive->n_arguments; i++)
    dnnl_memory_destroy (primitive->arguments[i].memory);

  dnnl_primitive_destroy (primitive->primitive);
  dnnl_primitive_desc_destroy (primitive->descriptor);
  g_free (primitive);
}

static HdCpuPrimitive *
primitive_new (dnnl_primitive_desc_t descriptor,
               GError              **error)
{
  HdCpuPrimitive *primitive = g_new0 (HdCpuPrimitive, 1);
  dnnl_status_t   status;

  primitive->descriptor = descriptor;
  primitive->workspace_bytes = dnnl_memory_desc_get_size (hd_cpu_primitive_layout (primitive, DNNL_ARG_SCRATCHPAD));
  status = dnnl_primitive_create (&primitive->primitive, descriptor);
  if (status != dnnl_success)
    {
      hd_cpu_set_error (error, status, "making a primitive");
      g_clear_pointer (&primitive, primitive_free);
    }

  return primitive;
}

HdCpuPrimitive *
hd_cpu_primitive_lookup (HdCpuContext *cpu,
                         const void   *key,
                         gsize         key_size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (key, key_size);

  return cpu->primitives != NULL ? g_hash_table_lookup (cpu->primitives, bytes) : NULL;
}

HdCpuPrimitive *
hd_cpu_primitive_insert (HdCpuContext         *cpu,
                         const void           *key,
                         gsize                 key_size,
                         dnnl_primitive_desc_t descriptor,
                         GError              **error)
{
  HdCpuPrimitive *primitive = primitive_new (descriptor, error);

  if (primitive == NULL)
    return NULL;

  if (cpu->primitives == NULL)
    cpu->primitives = g_hash_table_new_full (g_bytes_hash, g_bytes_equal,
                                             (GDestroyNotify) g_bytes_unref, (GDestroyNotify) primitive_free);
  g_hash_table_replace (cpu->primitives, g_bytes_new (key, key_size), primitive);

  return primitive;
}

void
hd_cpu_primitives_trim (HdCpuContext *cpu)
{
  if (cpu->primitives != NULL && g_hash_table_size (cpu->primitives) > MAX_PRIMITIVES)
    g_hash_table_remove_all (cpu->primitives);
}

const_dnnl_memory_desc_t
hd_cpu_primitive_layout (HdCpuPrimitive *primitive,
                         int             arg)
{
  return dnnl_primitive_desc_query_md (primitive->descriptor, dnnl_query_exec_arg_md, arg);
}

static dnnl_status_t
set_argument (HdCpuContext   *cpu,
              HdCpuPrimitive *primitive,
              int             arg,
              const void     *data)
{
  dnnl_status_t status;
  int           i = 0;

  while (i < primitive->n_arguments && primitive->arguments[i].arg != arg)
    i++;

  if (i == primitive->n_arguments)
    {
      if (i == MAX_ARGUMENTS)
        return dnnl_invalid_arguments;

      status = dnnl_memory_create (&primitive->arguments[i].memory, hd_cpu_primitive_layout (primitive, arg),
                                   cpu->engine, DNNL_MEMORY_NONE);
      if (status != dnnl_success)
        return status;
      primitive->arguments[i].arg = arg;
      primitive->n_arguments++;
    }

  return dnnl_memory_set_data_handle (primitive->arguments[i].memory, (void *) data);
}

static gboolean
provide_workspace (HdCpuContext *cpu,
                   gsize         bytes,
                   GError      **error)
{
  if (cpu->workspace != NULL && cpu->workspace_bytes >= bytes)
    return TRUE;

  hd_cpu_pages_free (cpu->workspace, cpu->workspace_bytes);
  cpu->workspace_bytes = 0;
  cpu->workspace = hd_cpu_pages_new (bytes, "oneDNN's workspace", error);
  if (cpu->workspace == NULL)
    return FALSE;

  cpu->workspace_bytes = bytes;
  return TRUE;
}

gboolean
hd_cpu_primitive_run (HdCpuContext   *cpu,
                      HdCpuPrimitive *primitive,
                      const HdCpuArg *args,
                      int             n_args,
                      GError        **error)
{
  dnnl_status_t status = dnnl_success;
  int           saved;

  if (primitive->workspace_bytes > 0)
    {
      if (!provide_workspace (cpu, primitive->workspace_bytes, error))
        return FALSE;
      status = set_argument (cpu, primitive, DNNL_ARG_SCRATCHPAD, cpu->workspace);
    }

  for (int i = 0; i < n_args && status == dnnl_success; i++)
    status = set_argument (cpu, primitive, args[i].arg, args[i].data);

  if (status == dnnl_success)
    {
      saved = hd_cpu_threads_begin (cpu);
      status = dnnl_primitive_execute (primitive->primitive, cpu->stream,
                                       primitive->n_arguments, primitive->arguments);
      if (status == dnnl_success)
        status = dnnl_stream_wait (cpu->stream);
      hd_cpu_threads_end (saved);
    }

  return status == dnnl_success || hd_cpu_set_error (error, status, "running a primitive");
}

gboolean
hd_cpu_reorder (HdCpuContext            *cpu,
                const_dnnl_memory_desc_t from,
                const void              *source,
                const_dnnl_memory_desc_t to,
                void                    *destination,
                GError                 **error)
{
  const HdCpuArg        args[] = { { DNNL_ARG_FROM, source }, { DNNL_ARG_TO, destination } };
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_primitive_desc_t descriptor = NULL;
  HdCpuPrimitive       *primitive = NULL;
  gboolean              success;
  dnnl_status_t         status;
  int                   saved;

  if (!hd_cpu_attributes_new (&attributes, error))
    return FALSE;

  saved = hd_cpu_threads_begin (cpu);
  status = dnnl_reorder_primitive_desc_create (&descriptor, from, cpu->engine, to, cpu->engine, attributes);
  dnnl_primitive_attr_destroy (attributes);
  if (status == dnnl_success)
    primitive = primitive_new (descriptor, error);
  else
    hd_cpu_set_error (error, status, "rearranging weights");
  hd_cpu_threads_end (saved);

  if (primitive == NULL)
    return FALSE;

  success = hd_cpu_primitive_run (cpu, primitive, args, G_N_ELEMENTS (args), error);
  primitive_free (primitive);

  return success;
}
