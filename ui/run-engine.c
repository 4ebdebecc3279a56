/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/run-engine.h"

/* The engine's thread writes the latest progress and puts pictures into a queue and, if none is under way, sends a
 * source to the caller's context that hands them over: a caller that is slow sees fewer reports, never old ones. */
typedef struct
{
  HdEngine         *engine;
  HdRequest        *request;
  const HdRunFuncs *funcs;
  gpointer          funcs_data;
  GMutex            lock;
  HdProgress        latest;
  gboolean          has_news;
  gboolean          on_the_way;
  GQueue            pictures;
  GError           *error;        /* of the caller's, which ends the run */
} HdRun;

static void
hd_run_free (gpointer data)
{
  HdRun *run = data;

  hd_request_free (run->request);
  g_clear_pointer (&run->latest.preview, hd_image_unref);
  g_queue_clear_full (&run->pictures, (GDestroyNotify) hd_picture_free);
  g_clear_error (&run->error);
  g_mutex_clear (&run->lock);
  g_free (run);
}

/* --- in the caller's thread ------------------------------------------------------ */

static gboolean
take_picture (HdRun      *run,
              HdPicture  *picture,
              GError    **error)
{
  gboolean taken = run->funcs->picture (picture, run->funcs_data, error);

  hd_picture_free (picture);
  return taken;
}

static void
hand_over_pictures (HdRun *run)
{
  HdPicture *picture;
  GError    *error = NULL;

  g_mutex_lock (&run->lock);
  while (! run->error && (picture = g_queue_pop_head (&run->pictures)))
    {
      g_mutex_unlock (&run->lock);
      take_picture (run, picture, &error);
      g_mutex_lock (&run->lock);
      run->error = error;
    }
  g_mutex_unlock (&run->lock);
}

static gboolean
hand_over (gpointer data)
{
  GTask               *task = data;
  HdRun               *run = g_task_get_task_data (task);
  g_autoptr (HdImage)  preview = NULL;
  HdProgress           progress;
  gboolean             has_news;

  g_mutex_lock (&run->lock);
  progress = run->latest;
  if (progress.preview)
    preview = hd_image_ref (progress.preview);
  has_news = run->has_news;
  run->has_news = FALSE;
  run->on_the_way = FALSE;
  g_mutex_unlock (&run->lock);

  if (g_task_get_completed (task))
    return G_SOURCE_REMOVE;

  hand_over_pictures (run);
  if (has_news && run->funcs->progress)
    run->funcs->progress (&progress, run->funcs_data);

  return G_SOURCE_REMOVE;
}

/* --- in the engine's ------------------------------------------------------------- */

/* With the lock held. */
static void
wake_caller (GTask *task)
{
  HdRun              *run = g_task_get_task_data (task);
  g_autoptr (GSource) source = NULL;

  if (run->on_the_way)
    return;

  run->on_the_way = TRUE;
  source = g_idle_source_new ();
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, hand_over, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static void
send_progress (const HdProgress *progress,
               gpointer          data)
{
  HdRun *run = g_task_get_task_data (data);

  g_mutex_lock (&run->lock);
  g_clear_pointer (&run->latest.preview, hd_image_unref);
  run->latest = *progress;
  if (run->latest.preview)
    hd_image_ref (run->latest.preview);
  run->has_news = TRUE;
  wake_caller (data);
  g_mutex_unlock (&run->lock);
}

static gboolean
send_picture (HdPicture  *picture,
              gpointer    data,
              GError    **error)
{
  HdRun    *run = g_task_get_task_data (data);
  gboolean  goes_on;

  g_mutex_lock (&run->lock);
  g_queue_push_tail (&run->pictures, picture);
  goes_on = ! run->error;
  if (! goes_on)
    g_set_error_literal (error, run->error->domain, run->error->code, run->error->message);
  wake_caller (data);
  g_mutex_unlock (&run->lock);

  return goes_on;
}

static void
work (GTask        *task,
      gpointer      source_object,
      gpointer      task_data,
      GCancellable *cancellable)
{
  HdRun  *run = task_data;
  GError *error = NULL;

  if (hd_engine_generate_all (run->engine, run->request, send_picture, send_progress, task, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* --- the run -------------------------------------------------------------------- */

void
hd_run_engine_async (HdEngine            *engine,
                     const HdRequest     *request,
                     const HdRunFuncs    *funcs,
                     gpointer             funcs_data,
                     GCancellable        *cancellable,
                     GAsyncReadyCallback  callback,
                     gpointer             user_data)
{
  g_autoptr (GTask)  task = g_task_new (NULL, cancellable, callback, user_data);
  HdRun             *run = g_new0 (HdRun, 1);

  run->engine = engine;
  run->request = hd_request_copy (request);
  run->funcs = funcs;
  run->funcs_data = funcs_data;
  g_mutex_init (&run->lock);
  g_queue_init (&run->pictures);

  g_task_set_source_tag (task, hd_run_engine_async);
  g_task_set_task_data (task, run, hd_run_free);
  /* A picture that was complete before the cancellation came is not thrown away. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, work);
}

gboolean
hd_run_engine_finish (GAsyncResult  *result,
                      GError       **error)
{
  HdRun    *run = g_task_get_task_data (G_TASK (result));
  gboolean  done = g_task_propagate_boolean (G_TASK (result), error);

  /* The last ones may still be under way. */
  hand_over_pictures (run);
  if (run->error && done)
    {
      g_propagate_error (error, g_steal_pointer (&run->error));
      done = FALSE;
    }

  return done;
}
