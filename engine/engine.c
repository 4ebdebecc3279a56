/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include "engine/device.h"
#include "engine/engine_private.h"
#include "engine/noise.h"
#include "engine/pipeline_stage.h"


HdEngine *
hd_engine_new (void)
{
  HdEngine *engine = g_new0 (HdEngine, 1);

  g_rec_mutex_init (&engine->lock);

  return engine;
}

void
hd_engine_set_previews (HdEngine *engine,
                        gboolean  previews)
{
  HD_ENGINE_LOCK (engine);

  engine->previews = previews;
}

static void
drop_model (HdEngine *engine)
{
  engine->preview = (HdPreview) { 0 };
  g_clear_pointer (&engine->pipeline, hd_pipeline_free);
  g_clear_pointer (&engine->fingerprint, g_free);
  g_clear_pointer (&engine->model_key, g_free);
}

static void
drop_device (HdEngine *engine)
{
  drop_model (engine);
  g_clear_pointer (&engine->context, hd_context_unref);
  g_clear_pointer (&engine->device_key, g_free);
  engine->speed = (HdSpeed) { 0 };
}

void
hd_engine_free (HdEngine *engine)
{
  if (engine == NULL)
    return;

  drop_device (engine);
  g_rec_mutex_clear (&engine->lock);
  g_free (engine);
}

void
hd_picture_free (HdPicture *picture)
{
  if (picture == NULL)
    return;

  g_free (picture->pixels);
  hd_request_free (picture->request);
  g_free (picture);
}

char *
hd_engine_get_device (HdEngine *engine)
{
  HD_ENGINE_LOCK (engine);

  return engine->context != NULL ? g_strdup (hd_context_get_name (engine->context)) : NULL;
}

gboolean
hd_engine_ensure_device (HdEngine         *engine,
                         const HdRequest  *request,
                         GError          **error)
{
  g_autofree char *key = hd_device_key (request);

  if (g_strcmp0 (engine->device_key, key) == 0)
    return TRUE;

  drop_device (engine);
  engine->context = hd_device_open (request, error);
  if (engine->context == NULL)
    return FALSE;

  engine->device_key = g_steal_pointer (&key);

  return TRUE;
}

/* The model of @loading, of which nothing need be in memory yet; what another one took is given back. */
static gboolean
ensure_model (HdEngine         *engine,
              const HdLoading  *loading,
              int               threads,
              GError          **error)
{
  if (engine->pipeline != NULL && g_strcmp0 (engine->model_key, loading->key) == 0)
    return TRUE;

  drop_model (engine);
  engine->fingerprint = hd_model_files_fingerprint (loading->model->files, error);
  if (engine->fingerprint == NULL)
    return FALSE;

  engine->pipeline = hd_loading_open (loading, engine->context, threads, error);
  if (engine->pipeline == NULL)
    return FALSE;

  engine->model_key = g_strdup (loading->key);

  return TRUE;
}

gboolean
hd_engine_set_control_net (HdPipeline       *pipeline,
                           const HdRequest  *request,
                           GError          **error)
{
  g_autofree char *path = NULL;
  g_autofree char *stamp = NULL;

  if (hd_request_has_control (request))
    {
      path = hd_loading_find_control_net (request, error);
      if (path == NULL)
        return FALSE;
      stamp = hd_loading_stamp (path);
    }
  hd_pipeline_set_control_net (pipeline, path, stamp);

  return TRUE;
}

/* --- a run ------------------------------------------------------------------- */

typedef struct
{
  HdProgress      progress;
  HdProgressFunc  func;
  gpointer        user_data;
  double          total_flops;  /* of the whole run; 0 while not known */
  double          fraction;     /* of this picture's work */
  gint64          started;
  guint64         seed;
  guint32         draw;
  const HdPreview *preview;
  const HdJob     *job;
} Run;

static void
report (Run *run)
{
  if (run->func != NULL)
    run->func (&run->progress, run->user_data);
}

static void
enter_phase (Run     *run,
             HdPhase  phase)
{
  run->progress.phase = phase;
  report (run);
}

/* The share of the arithmetic is the progress; it is not told before it says something about the time. */
static void
on_operator (HdContext *context,
             double     flops,
             gpointer   user_data)
{
  const double  earliest = 0.02;
  Run          *run = user_data;
  double        elapsed = (g_get_monotonic_time () - run->started) / (double) G_USEC_PER_SEC;

  int           others = run->progress.pictures - run->progress.picture;   /* after this one */

  run->fraction = MIN (flops / run->total_flops, 1.0);
  run->progress.fraction = (run->progress.picture - 1 + run->fraction) / run->progress.pictures;
  if (run->fraction >= earliest)
    run->progress.seconds_left = elapsed * (1.0 - run->fraction + others) / run->fraction;
  report (run);
}

static void
on_step (int      step,
         int      steps,
         gpointer user_data)
{
  Run *run = user_data;

  run->progress.phase = HD_PHASE_DENOISING;
  run->progress.step = step + 1;
  run->progress.steps = steps;
  report (run);
}

static void
on_noise (float    *values,
          gsize     count,
          gpointer  user_data)
{
  Run *run = user_data;

  hd_noise_fill (run->seed, run->draw++, values, count);
}

static int
on_shift (guint64  call,
          gpointer user_data)
{
  return hd_noise_shift (((Run *) user_data)->seed, call);
}

/* The middle of the guess that is the picture's, as a picture. */
static void
on_guess (const float *latents,
          gpointer     user_data)
{
  Run                *run = user_data;
  const HdJob        *job = run->job;
  int                 factor = job->width / job->run.latent_width;
  g_autoptr (HdImage) whole = hd_preview_make (run->preview, latents, job->run.latent_height, job->run.latent_width);

  g_clear_pointer (&run->progress.preview, hd_image_unref);
  if (whole != NULL)
    run->progress.preview = hd_image_crop (whole, job->left / factor, job->top / factor,
                                           MAX (job->shown_width / factor, 1), MAX (job->shown_height / factor, 1),
                                           NULL);
  report (run);
}

/* Pictures to look at meanwhile, if they are wanted. */
static gboolean
ensure_preview (HdEngine  *engine,
                HdJob     *job,
                Run       *run,
                GError   **error)
{
  const int most = 16;

  if (!engine->previews)
    return TRUE;

  if (engine->preview.channels == 0
      && !hd_preview_fit (&engine->preview, engine->pipeline,
                          MIN (MIN (job->run.latent_width, job->run.latent_height), most), error))
    return FALSE;

  run->preview = &engine->preview;
  run->job = job;
  job->run.guess = on_guess;

  return TRUE;
}

static HdPicture *
compute (HdEngine  *engine,
         HdJob     *job,
         Run       *run,
         GError   **error)
{
  HdPipeline           *pipeline = engine->pipeline;
  HdRun                *settings = &job->run;
  gsize                 pixels = (gsize) settings->latent_width * settings->latent_height;
  g_autofree float     *latents = g_try_new (float, pixels * pipeline->model->vae.latent_channels);
  g_autofree float     *planes = g_try_new (float, (gsize) 3 * job->width * job->height);
  g_autoptr (HdImage)   image = NULL;
  g_autoptr (HdPicture) picture = g_new0 (HdPicture, 1);

  if (latents == NULL || planes == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                   "No memory for a picture of %d x %d", job->width, job->height);
      return NULL;
    }

  settings->noise = on_noise;
  settings->shift = on_shift;
  settings->step = on_step;
  settings->user_data = run;

  enter_phase (run, HD_PHASE_ENCODING);
  if (!ensure_preview (engine, job, run, error) || !hd_pipeline_denoise (pipeline, settings, latents, error))
    return NULL;

  enter_phase (run, HD_PHASE_DECODING);
  if (!hd_pipeline_decode (pipeline, latents, settings->latent_height, settings->latent_width, planes, error))
    return NULL;

  image = hd_job_finish (job, planes, error);
  if (image == NULL)
    return NULL;

  picture->x = job->plan.x;
  picture->y = job->plan.y;
  picture->width = image->width;
  picture->height = image->height;
  picture->pixels = g_steal_pointer (&image->pixels);
  picture->request = hd_request_copy (job->request);
  hd_request_set (&picture->request->model_name, pipeline->model->files->name);
  hd_request_set (&picture->request->model_hash, engine->fingerprint);

  return g_steal_pointer (&picture);
}

/* Makes the picture of @request, for which the device is open, with memory for it and the model's networks there. */
static HdPicture *
run_job (HdEngine         *engine,
         const HdRequest  *request,
         Run              *run,
         GError          **error)
{
  HdContext         *context = engine->context;
  g_autoptr (HdJob)  job = hd_job_new (engine->pipeline->model, request, FALSE, error);
  HdPicture         *picture;

  if (job == NULL)
    return NULL;

  hd_context_reset_statistics (context);
  hd_context_set_progress (context, on_operator, run);
  run->started = g_get_monotonic_time ();

  picture = compute (engine, job, run, error);

  hd_context_set_progress (context, NULL, NULL);
  g_clear_pointer (&run->progress.preview, hd_image_unref);
  if (picture != NULL && hd_context_is_timed (context))
    hd_speed_learn (&engine->speed, context);

  return picture;
}

static gboolean
run_all (HdEngine         *engine,
         const HdRequest  *request,
         HdPictureFunc     take,
         Run              *run,
         GCancellable     *cancellable,
         GError          **error)
{
  g_autoptr (HdRequest) one = hd_request_copy (request);

  one->count = 1;
  for (int i = 0; i < request->count; i++)
    {
      HdPicture *picture;

      one->seed = (request->seed + i) % ((gint64) HD_REQUEST_MAX_SEED + 1);
      run->seed = (guint64) one->seed;
      run->draw = 0;
      run->progress.picture = i + 1;
      run->progress.step = 0;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      picture = run_job (engine, one, run, error);
      if (picture == NULL || !take (picture, run->user_data, error))
        return FALSE;
    }

  return TRUE;
}

/* Loads what stays in memory, then makes the pictures. */
static gboolean
load_and_run (HdEngine         *engine,
              const HdRequest  *request,
              HdPictureFunc     take,
              Run              *run,
              GCancellable     *cancellable,
              GError          **error)
{
  HdPipeline *pipeline = engine->pipeline;
  gboolean    success;

  hd_pipeline_set_cancellable (pipeline, cancellable);
  success = hd_pipeline_enter (pipeline, request->image != NULL ? HD_STAGE_IMAGE : HD_STAGE_TEXT, error)
            && run_all (engine, request, take, run, cancellable, error);
  hd_pipeline_set_cancellable (pipeline, NULL);

  /* The model stays warm; the room for its work is given back. */
  hd_context_reserve (engine->context, 0, NULL);

  return success;
}

/* Dry runs first: they tell how much memory to take, what is to be split so that there is enough of it, and how much
 * work there is. */
static gboolean
run_on_device (HdEngine         *engine,
               const HdRequest  *request,
               HdPictureFunc     take,
               Run              *run,
               GCancellable     *cancellable,
               GError          **error)
{
  g_auto (HdLoading)  loading = { 0 };
  HdEstimate          estimate = { 0 };
  gboolean            success;

  if (!hd_loading_init (&loading, request, error)
      || !ensure_model (engine, &loading, request->threads, error)
      || !hd_engine_set_control_net (engine->pipeline, request, error)
      || !hd_engine_count (engine, &loading, request, &engine->pipeline->plan, &estimate, error))
    return FALSE;

  run->total_flops = MAX (estimate.flops, 1.0);
  run->progress.flops = run->total_flops * request->count;
  success = hd_engine_check_memory (engine, request, &estimate, error)
            && load_and_run (engine, request, take, run, cancellable, error);
  hd_estimate_clear (&estimate);

  return success;
}

/* A device that has failed may never work again: the next run opens it anew, or another one. */
static void
drop_failed_device (HdEngine     *engine,
                    const GError *error)
{
  if (g_error_matches (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED))
    drop_device (engine);
}

gboolean
hd_engine_generate_all (HdEngine         *engine,
                        const HdRequest  *request,
                        HdPictureFunc     take,
                        HdProgressFunc    progress,
                        gpointer          user_data,
                        GCancellable     *cancellable,
                        GError          **error)
{
  g_autoptr (HdRequest) used = NULL;
  GError               *failure = NULL;
  Run                   run = {
    .progress = { .phase = HD_PHASE_LOADING, .picture = 1, .pictures = request->count, .seconds_left = -1.0 },
    .func = progress, .user_data = user_data,
  };
  HD_ENGINE_LOCK (engine);

  if (!hd_request_check (request, error))
    return FALSE;

  used = hd_request_copy (request);
  hd_request_settle_seed (used);

  report (&run);

  if (g_cancellable_set_error_if_cancelled (cancellable, error)
      || !hd_engine_ensure_device (engine, used, error))
    return FALSE;
  if (run_on_device (engine, used, take, &run, cancellable, &failure))
    return TRUE;

  drop_failed_device (engine, failure);
  g_propagate_error (error, failure);

  return FALSE;
}

/* --- one picture --------------------------------------------------------------- */

typedef struct
{
  HdPicture      *picture;
  HdProgressFunc  progress;
  gpointer        user_data;
} Single;

static gboolean
take_single (HdPicture  *picture,
             gpointer    user_data,
             GError    **error)
{
  ((Single *) user_data)->picture = picture;

  return TRUE;
}

static void
report_single (const HdProgress *progress,
               gpointer          user_data)
{
  Single *single = user_data;

  if (single->progress != NULL)
    single->progress (progress, single->user_data);
}

HdPicture *
hd_engine_generate (HdEngine         *engine,
                    const HdRequest  *request,
                    HdProgressFunc    progress,
                    gpointer          user_data,
                    GCancellable     *cancellable,
                    GError          **error)
{
  g_autoptr (HdRequest) one = hd_request_copy (request);
  Single                single = { .progress = progress, .user_data = user_data };

  one->count = 1;
  hd_engine_generate_all (engine, one, take_single, report_single, &single, cancellable, error);

  return single.picture;
}
