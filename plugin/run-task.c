/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>

#include "plugin/run-task.h"
#include "plugin/tasks.h"
#include "ui/progress-text.h"
#include "ui/run-engine.h"

typedef struct
{
  HdPlace  *place;
  gboolean  done;
  gboolean  succeeded;
  GError   *error;
} Run;

static void
show_progress (const HdProgress *progress,
               gpointer          user_data)
{
  g_autofree char *text = hd_describe_phase (progress);

  gimp_progress_set_text (text);
  gimp_progress_update (progress->fraction);
}

static gboolean
take_picture (const HdPicture  *picture,
              gpointer          user_data,
              GError          **error)
{
  Run             *run = user_data;
  g_autofree char *message = NULL;

  if (! hd_place_picture (run->place, picture, &message, error))
    return FALSE;

  gimp_displays_flush ();
  if (message)
    gimp_message (message);
  return TRUE;
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Run *run = user_data;

  run->succeeded = hd_run_engine_finish (result, &run->error);
  run->done = TRUE;
}

/* In a context of its own: nothing else of libgimp's is to run meanwhile. */
gboolean
hd_run_task (const HdRequest  *request,
             HdPlace          *place,
             GError          **error)
{
  const HdRunFuncs         funcs = { .progress = show_progress, .picture = take_picture };
  g_autoptr (HdEngine)     engine = hd_engine_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  Run                      run = { .place = place };

  gimp_progress_init (_(hd_task_get_texts (place->task)->progress));

  g_main_context_push_thread_default (context);
  hd_run_engine_async (engine, request, &funcs, &run, NULL, take_result, &run);
  while (! run.done)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  gimp_progress_end ();

  if (run.error)
    g_propagate_error (error, run.error);
  return run.succeeded;
}
