/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/run-engine.h"

/* The engine's thread writes the latest progress and, if none is under way, sends a source to the caller's
 * context that hands it over: a caller that is slow sees fewer reports, never old ones. */
typedef struct
{
  HdEngine       *engine;
  HdRequest      *request;
  HdProgressFunc  progress;
  gpointer        progress_data;
  GMutex          lock;
  HdProgress      latest;
  gboolean        on_the_way;
} HdRun;

static void
hd_run_free (HdRun *run)
{
  hd_request_free (run->request);
  g_mutex_clear (&run->lock);
  g_free (run);
}

static gboolean
hand_over_progress (gpointer data)
{
  GTask      *task = data;
  HdRun      *run = g_task_get_task_data (task);
  HdProgress  progress;

  g_mutex_lock (&run->lock);
  progress = run->latest;
  run->on_the_way = FALSE;
  g_mutex_unlock (&run->lock);

  if (! g_task_get_completed (task))
    run->progress (&progress, run->progress_data);

  return G_SOURCE_REMOVE;
}

static void
send_progress (const HdProgress *progress,
               gpointer          data)
{
  GTask              *task = data;
  HdRun              *run = g_task_get_task_data (task);
  g_autoptr (GSource) source = NULL;

  g_mutex_lock (&run->lock);
  run->latest = *progress;
  if (! run->on_the_way)
    {
      source = g_idle_source_new ();
      run->on_the_way = TRUE;
    }
  g_mutex_unlock (&run->lock);

  if (! source)
    return;

  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, hand_over_progress, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static void
generate (GTask        *task,
          gpointer      source_object,
          gpointer      task_data,
          GCancellable *cancellable)
{
  HdRun     *run = task_data;
  GError    *error = NULL;
  HdPicture *picture;

  picture = hd_engine_generate (run->engine, run->request,
                                run->progress ? send_progress : NULL, task,
                                cancellable, &error);
  if (picture)
    g_task_return_pointer (task, picture, (GDestroyNotify) hd_picture_free);
  else
    g_task_return_error (task, error);
}

void
hd_run_engine_async (HdEngine            *engine,
                     const HdRequest     *request,
                     HdProgressFunc       progress,
                     gpointer             progress_data,
                     GCancellable        *cancellable,
                     GAsyncReadyCallback  callback,
                     gpointer             user_data)
{
  g_autoptr (GTask)  task = g_task_new (NULL, cancellable, callback, user_data);
  HdRun             *run = g_new0 (HdRun, 1);

  run->engine = engine;
  run->request = hd_request_copy (request);
  run->progress = progress;
  run->progress_data = progress_data;
  g_mutex_init (&run->lock);

  g_task_set_source_tag (task, hd_run_engine_async);
  g_task_set_task_data (task, run, (GDestroyNotify) hd_run_free);
  /* A picture that was complete before the cancellation came is not thrown away. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, generate);
}

HdPicture *
hd_run_engine_finish (GAsyncResult  *result,
                      GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
