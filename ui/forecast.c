/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/forecast.h"
#include "ui/settler.h"

/* Milliseconds between the last change of an argument and a new forecast. */
#define DELAY 250

/* What the caller's thread shares with the one that is at work, if one is: @engine, @settler, and @at_work under the
 * lock. Each has a reference. */
struct _HdForecaster
{
  HdEngine       *engine;
  HdSettler      *settler;
  HdForecastFunc  func;         /* NULL: freed */
  gpointer        user_data;
  HdRequest      *question;     /* the latest; NULL once it is being answered, or dropped */
  guint           delay_id;
  GCancellable   *working;      /* of the answer under way; NULL: none is */

  GMutex          lock;
  GCond           idle;
  gboolean        at_work;
};

typedef struct
{
  HdForecaster *forecaster;
  HdRequest    *request;
} Question;

static void
forecaster_clear (gpointer data)
{
  HdForecaster *forecaster = data;

  hd_settler_free (forecaster->settler);
  g_cond_clear (&forecaster->idle);
  g_mutex_clear (&forecaster->lock);
}

static void
question_free (gpointer data)
{
  Question *question = data;

  hd_request_free (question->request);
  g_atomic_rc_box_release_full (question->forecaster, forecaster_clear);
  g_free (question);
}

static void
forecast_free (gpointer data)
{
  HdForecast *forecast = data;

  hd_request_free (forecast->settled);
  if (forecast->estimate)
    hd_estimate_clear (forecast->estimate);
  g_free (forecast->estimate);
  g_clear_error (&forecast->error);
  g_free (forecast);
}

/* --- in the thread --------------------------------------------------------------- */

static void
find_out (HdForecaster    *forecaster,
          const HdRequest *request,
          GCancellable    *cancellable,
          HdForecast      *forecast)
{
  g_autofree HdEstimate *estimate = g_new0 (HdEstimate, 1);

  forecast->settled = hd_settler_settle (forecaster->settler, request, &forecast->error);
  forecast->native_size = hd_settler_get_native_size (forecaster->settler);
  if (! forecast->settled
      || g_cancellable_is_cancelled (cancellable)
      || ! hd_engine_estimate (forecaster->engine, request, estimate, &forecast->error))
    return;

  forecast->estimate = g_steal_pointer (&estimate);
  if (! g_cancellable_is_cancelled (cancellable))
    hd_engine_check_memory (forecaster->engine, request, forecast->estimate, &forecast->error);
}

static void
work (GTask        *task,
      gpointer      source_object,
      gpointer      task_data,
      GCancellable *cancellable)
{
  Question     *question = task_data;
  HdForecaster *forecaster = question->forecaster;
  HdForecast   *forecast = g_new0 (HdForecast, 1);

  find_out (forecaster, question->request, cancellable, forecast);

  g_mutex_lock (&forecaster->lock);
  forecaster->at_work = FALSE;
  g_cond_signal (&forecaster->idle);
  g_mutex_unlock (&forecaster->lock);

  g_task_return_pointer (task, forecast, forecast_free);
}

/* --- in the caller's ------------------------------------------------------------- */

static void start (HdForecaster *forecaster);

static void
take_answer (GObject      *source_object,
             GAsyncResult *result,
             gpointer      user_data)
{
  HdForecaster *forecaster = user_data;
  HdForecast   *forecast = g_task_propagate_pointer (G_TASK (result), NULL);

  g_clear_object (&forecaster->working);
  /* Dropped ones come as an error, which is not told. */
  if (forecast && forecaster->func)
    forecaster->func (forecast, forecaster->user_data);
  if (forecast)
    forecast_free (forecast);

  /* Asked meanwhile, and the moment has passed. */
  if (forecaster->question && forecaster->delay_id == 0)
    start (forecaster);
}

static void
start (HdForecaster *forecaster)
{
  g_autoptr (GTask)  task = NULL;
  Question          *question = g_new0 (Question, 1);

  question->forecaster = g_atomic_rc_box_acquire (forecaster);
  question->request = g_steal_pointer (&forecaster->question);

  forecaster->at_work = TRUE;
  forecaster->working = g_cancellable_new ();
  task = g_task_new (NULL, forecaster->working, take_answer, forecaster);
  g_task_set_source_tag (task, start);
  g_task_set_task_data (task, question, question_free);
  g_task_run_in_thread (task, work);
}

static gboolean
on_delay (gpointer data)
{
  HdForecaster *forecaster = data;

  forecaster->delay_id = 0;
  if (! forecaster->working)
    start (forecaster);

  return G_SOURCE_REMOVE;
}

void
hd_forecaster_drop (HdForecaster *forecaster)
{
  g_clear_handle_id (&forecaster->delay_id, g_source_remove);
  g_clear_pointer (&forecaster->question, hd_request_free);
  if (forecaster->working)
    g_cancellable_cancel (forecaster->working);
}

void
hd_forecaster_ask (HdForecaster    *forecaster,
                   const HdRequest *request)
{
  hd_forecaster_drop (forecaster);
  forecaster->question = hd_request_copy (request);
  forecaster->delay_id = g_timeout_add (DELAY, on_delay, forecaster);
}

HdForecaster *
hd_forecaster_new (HdEngine       *engine,
                   HdForecastFunc  func,
                   gpointer        user_data)
{
  HdForecaster *forecaster = g_atomic_rc_box_new0 (HdForecaster);

  forecaster->engine = engine;
  forecaster->settler = hd_settler_new ();
  forecaster->func = func;
  forecaster->user_data = user_data;
  g_mutex_init (&forecaster->lock);
  g_cond_init (&forecaster->idle);

  return forecaster;
}

void
hd_forecaster_free (HdForecaster *forecaster)
{
  hd_forecaster_drop (forecaster);
  forecaster->func = NULL;

  /* The engine is about to go. */
  g_mutex_lock (&forecaster->lock);
  while (forecaster->at_work)
    g_cond_wait (&forecaster->idle, &forecaster->lock);
  g_mutex_unlock (&forecaster->lock);

  g_atomic_rc_box_release_full (forecaster, forecaster_clear);
}
