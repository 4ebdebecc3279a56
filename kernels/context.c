/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/backend.h"
#include "kernels/cpu/cpu_machine.h"

#define PROGRESS_INTERVAL (G_USEC_PER_SEC / 10)
/* Of the host's memory, what streamed weights leave to the system and other programs. */
#define SYSTEM_BYTES      ((gsize) 512 << 20)

G_DEFINE_QUARK (hd-kernel-error-quark, hd_kernel_error)

const char *
hd_op_kind_name (HdOpKind kind)
{
  static const char * const names[HD_N_OPS] = {
    [HD_OP_CONV] = "convolution",
    [HD_OP_LINEAR] = "linear",
    [HD_OP_ATTENTION] = "attention",
    [HD_OP_GROUP_NORM] = "group norm",
    [HD_OP_LAYER_NORM] = "layer norm",
    [HD_OP_RESIZE] = "resize",
    [HD_OP_ELEMENTWISE] = "elementwise",
    [HD_OP_TRANSFER] = "transfer",
  };

  return names[kind];
}

void
hd_context_init (HdContext       *context,
                 const HdBackend *backend,
                 char            *name,
                 HdDtype          dtype,
                 gboolean         dry)
{
  context->backend = backend;
  context->name = name;
  context->dtype = dtype;
  context->dry = dry;
  context->arena = hd_arena_new (dry ? G_MAXSSIZE : 0);
  context->ref_count = 1;
}

HdContext *
hd_context_ref (HdContext *context)
{
  context->ref_count++;

  return context;
}

void
hd_context_unref (HdContext *context)
{
  if (context == NULL || --context->ref_count > 0)
    return;

  context->backend->reserve (context, 0, (void **) &context->memory, NULL);
  g_clear_object (&context->cancellable);
  g_clear_error (&context->error);
  hd_arena_free (context->arena);
  g_free (context->name);
  context->backend->free (context);
}

const char *
hd_context_get_name (HdContext *context)
{
  return context->name;
}

gboolean
hd_context_is_dry (HdContext *context)
{
  return context->dry;
}

HdDtype
hd_context_get_dtype (HdContext *context)
{
  return context->dtype;
}

gboolean
hd_context_reserve (HdContext  *context,
                    gsize       bytes,
                    GError    **error)
{
  g_return_val_if_fail (context->n_tensors == 0, FALSE);

  /* A dry arena is as large as addresses are: it is there to find out. Unless it is to be found out whether an end is
   * far enough away. */
  if (context->dry)
    {
      hd_arena_free (context->arena);
      context->arena = hd_arena_new (bytes > 0 ? bytes : G_MAXSSIZE);
      return TRUE;
    }

  /* The device drops the old memory first: after a failure there is none. */
  hd_arena_free (context->arena);
  context->arena = hd_arena_new (0);
  if (!context->backend->reserve (context, bytes, (void **) &context->memory, error))
    return FALSE;

  hd_arena_free (context->arena);
  context->arena = hd_arena_new (bytes);

  return TRUE;
}

gsize
hd_context_get_peak_bytes (HdContext *context)
{
  return hd_arena_get_peak (context->arena);
}

void
hd_context_reset_peak_bytes (HdContext *context)
{
  hd_arena_reset_peak (context->arena);
}

gsize
hd_context_get_reserved_bytes (HdContext *context)
{
  return context->dry ? 0 : hd_arena_get_capacity (context->arena);
}

gsize
hd_context_get_weight_bytes (HdContext *context)
{
  return context->weight_bytes + hd_weight_store_room (&context->weights);
}

void
hd_context_set_weight_form (HdContext    *context,
                            HdWeightForm  form)
{
  context->weights.form = form;
}

gboolean
hd_context_can_stream (HdContext *context)
{
  return context->backend->streams;
}

void
hd_context_set_streaming (HdContext         *context,
                          const HdStreaming *streaming)
{
  context->weights.streaming = streaming != NULL && context->backend->streams ? *streaming : (HdStreaming) { 0 };
}

gsize
hd_context_get_streamable_bytes (HdContext *context)
{
  return context->weights.streamable;
}

gsize
hd_context_get_host_bytes (HdContext *context)
{
  const gsize streamed = context->weights.streamable - context->weights.resident;
  const gsize available = hd_cpu_machine_memory ();

  if (available > G_MAXSIZE - streamed)
    return G_MAXSIZE;

  return available - MIN (available, SYSTEM_BYTES) + streamed;
}

gsize
hd_context_get_available_bytes (HdContext *context)
{
  return context->backend->available != NULL ? context->backend->available (context) : G_MAXSIZE;
}

void
hd_context_set_cancellable (HdContext    *context,
                            GCancellable *cancellable)
{
  g_set_object (&context->cancellable, cancellable);
}

gboolean
hd_context_is_cancelled (HdContext *context)
{
  return g_cancellable_is_cancelled (context->cancellable);
}

void
hd_context_set_cancelled_error (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Cancelled");
}

void
hd_context_set_progress (HdContext     *context,
                         HdContextFunc  func,
                         gpointer       user_data)
{
  context->progress_func = func;
  context->progress_data = user_data;
}

gboolean
hd_context_failed (HdContext *context)
{
  if (context->error == NULL && hd_context_is_cancelled (context))
    hd_context_set_cancelled_error (&context->error);

  return context->error != NULL;
}

void
hd_context_fail (HdContext *context,
                 GError    *error)
{
  if (context->error == NULL)
    context->error = error;
  else
    g_error_free (error);
}

gboolean
hd_context_check (HdContext  *context,
                  GError    **error)
{
  GError *failure = NULL;

  if (!context->backend->synchronize (context, &failure))
    hd_context_fail (context, failure);

  if (hd_context_failed (context))
    {
      g_propagate_error (error, g_steal_pointer (&context->error));
      return FALSE;
    }

  return TRUE;
}

HdTensor *
hd_context_repeat (HdContext    *context,
                   guint64       key,
                   HdRepeatFunc  func,
                   gpointer      user_data)
{
  const HdBackend *backend = context->backend;
  HdOpStatistics   statistics[HD_N_OPS];
  HdTensor        *result;

  if (backend->repeat_begin == NULL || hd_context_failed (context))
    return func (context, user_data);

  memcpy (statistics, context->statistics, sizeof statistics);
  for (;;)
    {
      backend->repeat_begin (context, key);
      result = func (context, user_data);
      if (backend->repeat_end (context))
        return result;

      hd_tensor_unref (result);
      g_clear_error (&context->error);
      memcpy (context->statistics, statistics, sizeof statistics);
    }
}

static double
total_flops (HdContext *context)
{
  double flops = 0.0;

  for (int i = 0; i < HD_N_OPS; i++)
    flops += context->statistics[i].flops;

  return flops;
}

void
hd_context_account (HdContext *context,
                    HdOpKind   kind,
                    double     flops,
                    double     bytes,
                    gint64     started)
{
  HdOpStatistics *statistics = &context->statistics[kind];
  GError         *error = NULL;
  gint64          now;

  if (context->asynchronous && context->timed && !context->backend->synchronize (context, &error))
    hd_context_fail (context, error);
  now = g_get_monotonic_time ();

  statistics->calls++;
  statistics->flops += flops;
  statistics->bytes += bytes;
  if (!context->dry)
    statistics->seconds += (now - started) / (double) G_USEC_PER_SEC;

  if (context->progress_func != NULL && now - context->progress_time >= PROGRESS_INTERVAL)
    {
      context->progress_time = now;
      context->progress_func (context, total_flops (context), context->progress_data);
    }
}

void
hd_context_reset_statistics (HdContext *context)
{
  memset (context->statistics, 0, sizeof context->statistics);
  hd_arena_reset_peak (context->arena);
}

HdOpStatistics
hd_context_get_statistics (HdContext *context,
                           HdOpKind   kind)
{
  return context->statistics[kind];
}

void
hd_context_set_timed (HdContext *context,
                      gboolean   timed)
{
  context->timed = timed;
}

gboolean
hd_context_is_timed (HdContext *context)
{
  return context->timed || !context->asynchronous;
}
