/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_machine.h"
#include "kernels/cpu/cpu_private.h"
#include "kernels/i18n.h"

/* Of the time that a tile may take, 100 ms, what is planned for: the rest is for a loaded machine. */
#define TILE_SECONDS 0.08

#define MAX_HEADROOM ((gsize) 512 << 20)

static gboolean
has_isa (dnnl_cpu_isa_t isa)
{
  return ((unsigned) dnnl_get_effective_cpu_isa () & (unsigned) isa) == (unsigned) isa;
}

gboolean
hd_cpu_has_bf16 (void)
{
  return has_isa (dnnl_cpu_isa_avx512_core_bf16);
}

gboolean
hd_cpu_has_amx (void)
{
  return has_isa (dnnl_cpu_isa_avx512_core_amx);
}

/* Operations per second that one thread surely reaches: half or less of what processors of the kind do. Not
 * measured, since the division into tiles must be the same in every run. */
static double
get_thread_speed (HdDtype dtype)
{
  if (dtype == HD_DTYPE_BF16)
    {
      if (hd_cpu_has_amx ())
        return 200e9;

      return hd_cpu_has_bf16 () ? 100e9 : 10e9;
    }

  return has_isa (dnnl_cpu_isa_avx2) ? 50e9 : 4e9;
}

static void
hd_cpu_free (HdContext *context)
{
  HdCpuContext *cpu = (HdCpuContext *) context;

  g_clear_pointer (&cpu->primitives, g_hash_table_unref);
  g_clear_pointer (&cpu->gemms, g_hash_table_unref);
  hd_cpu_pages_free (cpu->scratch, cpu->scratch_bytes);
  hd_cpu_pages_free (cpu->workspace, cpu->workspace_bytes);
  hd_cpu_pages_free (cpu->packing, cpu->packing_bytes);
  dnnl_stream_destroy (cpu->stream);
  dnnl_engine_destroy (cpu->engine);
  g_free (cpu);
}

/* Some stays for the rest of the machine: it would swap, or end a process. */
static gsize
cpu_available (HdContext *context)
{
  gsize available = hd_cpu_machine_memory ();

  return available - MIN (available / 16, MAX_HEADROOM);
}

/* Operators return when they are done. */
static gboolean
hd_cpu_synchronize (HdContext *context,
                    GError   **error)
{
  return TRUE;
}

static const HdBackend cpu_backend = {
  .reserve = hd_cpu_reserve,
  .available = cpu_available,
  .free = hd_cpu_free,
  .synchronize = hd_cpu_synchronize,
  .weight_make = hd_cpu_weight_make,
  .weight_free = hd_cpu_weight_free,
  .conv2d = hd_cpu_conv2d,
  .linear = hd_cpu_linear,
  .group_norm = hd_cpu_group_norm,
  .channel_moments = hd_cpu_channel_moments,
  .group_statistics = hd_cpu_group_statistics,
  .layer_norm = hd_cpu_layer_norm,
  .attention = hd_cpu_attention,
  .avg_pool_2x2 = hd_cpu_avg_pool_2x2,
  .resize_bicubic = hd_cpu_resize_bicubic,
  .activate = hd_cpu_activate,
  .add = hd_cpu_add,
  .combine = hd_cpu_combine,
  .embed_tokens = hd_cpu_embed_tokens,
  .upload = hd_cpu_upload,
  .download = hd_cpu_download,
};

static gboolean
check_precision (HdPrecision precision,
                 GError    **error)
{
  if (precision == HD_PRECISION_F16)
    g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                         _("The CPU computes in float32 or bfloat16, not in float16"));
  else if (precision == HD_PRECISION_BF16 && !has_isa (dnnl_cpu_isa_avx512_core))
    g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                         _("This processor computes in float32, not in bfloat16, for which it would need AVX-512"));
  else
    return TRUE;

  return FALSE;
}

HdContext *
hd_cpu_context_new (HdPrecision precision,
                    int         threads,
                    GError    **error)
{
  gboolean      bf16 = precision == HD_PRECISION_BF16 || (precision == HD_PRECISION_AUTO && hd_cpu_has_bf16 ());
  HdDtype       dtype = bf16 ? HD_DTYPE_BF16 : HD_DTYPE_F32;
  HdCpuContext *cpu;
  dnnl_status_t status;

  if (!check_precision (precision, error))
    return NULL;

  cpu = g_new0 (HdCpuContext, 1);
  cpu->threads = threads > 0 ? MIN (threads, (int) g_get_num_processors ()) : hd_cpu_machine_processors ();
  cpu->tile_flops = get_thread_speed (dtype) * cpu->threads * TILE_SECONDS;

  status = dnnl_engine_create (&cpu->engine, dnnl_cpu, 0);
  if (status == dnnl_success)
    status = dnnl_stream_create (&cpu->stream, cpu->engine, dnnl_stream_in_order);
  if (status != dnnl_success)
    {
      hd_cpu_set_error (error, status, "starting");
      hd_cpu_free (&cpu->parent);
      return NULL;
    }

  hd_context_init (&cpu->parent, &cpu_backend,
                   g_strdup_printf ("CPU (%d %s, %s)", cpu->threads, cpu->threads == 1 ? "thread" : "threads",
                                    bf16 ? "bf16" : "float32"),
                   dtype, FALSE);

  return &cpu->parent;
}
