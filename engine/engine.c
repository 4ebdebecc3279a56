/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine.h"

#include "engine/device.h"
#include "engine/engine_private.h"
#include "engine/noise.h"


HdEngine *
hd_engine_new (void)
{
  return g_new0 (HdEngine, 1);
}

static void
drop_model (HdEngine *engine)
{
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

static gboolean
ensure_model (HdEngine         *engine,
              const HdRequest  *request,
              GError          **error)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (request->model, error);
  g_autofree char         *key = NULL;

  if (files == NULL)
    return FALSE;

  key = hd_model_files_key (files);
  if (engine->pipeline != NULL && g_strcmp0 (engine->model_key, key) == 0)
    return TRUE;

  drop_model (engine);
  engine->fingerprint = hd_model_files_fingerprint (files, error);
  if (engine->fingerprint == NULL)
    return FALSE;

  engine->pipeline = hd_pipeline_load (engine->context, request->model, error);
  if (engine->pipeline == NULL)
    return FALSE;

  engine->model_key = g_steal_pointer (&key);

  return TRUE;
}

/* --- a run ------------------------------------------------------------------- */

typedef struct
{
  HdProgress      progress;
  HdProgressFunc  func;
  gpointer        user_data;
  double          total_flops;  /* of the whole run; 0 while not known */
  gint64          started;
  guint64         seed;
  guint32         draw;
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

  run->progress.fraction = MIN (flops / run->total_flops, 1.0);
  if (run->progress.fraction >= earliest)
    run->progress.seconds_left = elapsed * (1.0 - run->progress.fraction) / run->progress.fraction;
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

/* Cuts the middle of @width x @height out of planes (3, @plane_height, @plane_width) in [-1, 1]. */
static float *
cut_picture (const float *planes,
             int          plane_width,
             int          plane_height,
             int          width,
             int          height)
{
  float *pixels = g_try_new (float, (gsize) 3 * width * height);
  gsize  plane = (gsize) plane_width * plane_height;
  int    left = (plane_width - width) / 2;
  int    top = (plane_height - height) / 2;

  for (int y = 0; pixels != NULL && y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++)
        {
          float value = planes[c * plane + (gsize) (top + y) * plane_width + left + x] * 0.5f + 0.5f;

          /* A value that is no number must not become a pixel. */
          pixels[((gsize) y * width + x) * 3 + c] = value >= 0.0f ? MIN (value, 1.0f) : 0.0f;
        }

  return pixels;
}

static HdPicture *
compute (HdEngine         *engine,
         const HdRequest  *request,
         Run              *run,
         GError          **error)
{
  HdPipeline          *pipeline = engine->pipeline;
  HdRun                settings = hd_engine_run_settings (pipeline, request);
  int                  width = settings.latent_width * pipeline->factor;
  int                  height = settings.latent_height * pipeline->factor;
  gsize                count = (gsize) pipeline->vae->config.latent_channels
                               * settings.latent_width * settings.latent_height;
  g_autofree float    *latents = g_try_new (float, count);
  g_autofree float    *planes = g_try_new (float, (gsize) 3 * width * height);
  g_autoptr (HdPicture) picture = g_new0 (HdPicture, 1);

  if (latents == NULL || planes == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                   "No memory for a picture of %d x %d", width, height);
      return NULL;
    }

  settings.noise = on_noise;
  settings.shift = on_shift;
  settings.step = on_step;
  settings.user_data = run;

  enter_phase (run, HD_PHASE_ENCODING);
  if (!hd_pipeline_denoise (pipeline, &settings, latents, error))
    return NULL;

  enter_phase (run, HD_PHASE_DECODING);
  if (!hd_pipeline_decode (pipeline, latents, settings.latent_height, settings.latent_width, planes, error))
    return NULL;

  picture->width = request->width;
  picture->height = request->height;
  picture->request = hd_request_copy (request);
  picture->pixels = cut_picture (planes, width, height, request->width, request->height);
  if (picture->pixels == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                   "No memory for a picture of %d x %d", width, height);
      return NULL;
    }

  return g_steal_pointer (&picture);
}

static HdPicture *
run_on_device (HdEngine         *engine,
               const HdRequest  *request,
               Run              *run,
               GCancellable     *cancellable,
               GError          **error)
{
  HdContext   *context = engine->context;
  HdEstimate   estimate;
  HdPicture   *picture = NULL;

  /* A dry run first: it tells how much memory to take and how much work there is. */
  if (!ensure_model (engine, request, error) || !hd_engine_estimate (engine, request, &estimate, error))
    return NULL;

  run->total_flops = MAX (estimate.flops, 1.0);
  if (hd_engine_check_memory (engine, request, &estimate, error)
      && hd_context_reserve (context, estimate.tensor_bytes, error))
    {
      hd_context_reset_statistics (context);
      hd_context_set_cancellable (context, cancellable);
      hd_context_set_progress (context, on_operator, run);
      run->started = g_get_monotonic_time ();

      picture = compute (engine, request, run, error);

      hd_context_set_progress (context, NULL, NULL);
      hd_context_set_cancellable (context, NULL);
      if (picture != NULL)
        hd_speed_learn (&engine->speed, context);
      /* The model stays warm; the room for its work is given back. */
      hd_context_reserve (context, 0, NULL);
    }
  hd_estimate_clear (&estimate);

  return picture;
}

HdPicture *
hd_engine_generate (HdEngine         *engine,
                    const HdRequest  *request,
                    HdProgressFunc    progress,
                    gpointer          user_data,
                    GCancellable     *cancellable,
                    GError          **error)
{
  g_autoptr (HdRequest) used = NULL;
  HdPicture            *picture;
  Run                   run = {
    .progress = { .phase = HD_PHASE_LOADING, .seconds_left = -1.0 }, .func = progress, .user_data = user_data,
  };

  if (!hd_request_check (request, error))
    return NULL;

  used = hd_request_copy (request);
  hd_request_settle_seed (used);
  run.seed = (guint64) used->seed;

  report (&run);
  if (g_cancellable_set_error_if_cancelled (cancellable, error) || !hd_engine_ensure_device (engine, used, error))
    return NULL;

  picture = run_on_device (engine, used, &run, cancellable, error);
  if (picture != NULL)
    {
      hd_request_set (&picture->request->model_name, engine->pipeline->model->files->name);
      hd_request_set (&picture->request->model_hash, engine->fingerprint);
    }

  return picture;
}
