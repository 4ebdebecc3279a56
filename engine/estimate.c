/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine_private.h"
#include "engine/control_net.h"
#include "kernels/dry/dry.h"
#include "kernels/i18n.h"

void
hd_estimate_clear (HdEstimate *estimate)
{
  g_clear_pointer (&estimate->device, g_free);
}

/* Sizes that are proposed have sides in multiples of this. */
#define SIZE_STEP 64

/* Arithmetic of the steps that have begun: what was counted at the beginning of the first and the last step,
 * and of the last but one. */
typedef struct
{
  HdContext *context;
  double     first;
  double     second;
  double     last;
} StepCounts;

static double
count_flops (HdContext *context)
{
  double flops = 0.0;

  for (int kind = 0; kind < HD_N_OPS; kind++)
    flops += hd_context_get_statistics (context, kind).flops;

  return flops;
}

static void
on_step (int      step,
         int      steps,
         gpointer user_data)
{
  StepCounts *counts = user_data;
  double      flops = count_flops (counts->context);

  if (step == 0)
    counts->first = flops;
  else if (step == 1)
    counts->second = flops;
  if (step == steps - 1)
    counts->last = flops;
}

static void
on_noise (float    *values,
          gsize     count,
          gpointer  user_data)
{
  memset (values, 0, count * sizeof *values);
}

static int
on_shift (guint64  call,
          gpointer user_data)
{
  return 0;
}

/* Runs @job through @dry, a pipeline on the dry device, and fills in all of @estimate that comes of it. */
static gboolean
count_run (HdPipeline  *dry,
           const HdJob *job,
           HdEstimate  *estimate,
           GError     **error)
{
  StepCounts        counts = { .context = dry->context };
  HdRun             run = job->run;
  gsize             pixels = (gsize) run.latent_width * run.latent_height;
  g_autofree float *latents = g_try_new0 (float, pixels * dry->vae->config.latent_channels);
  g_autofree float *planes = g_try_new (float, pixels * dry->factor * dry->factor * 3);

  if (latents == NULL || planes == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                   "No memory for a picture of %d x %d", job->width, job->height);
      return FALSE;
    }

  run.noise = on_noise;
  run.shift = on_shift;
  run.step = on_step;
  run.user_data = &counts;
  hd_context_reset_statistics (dry->context);
  if (!hd_pipeline_denoise (dry, &run, latents, error))
    return FALSE;

  estimate->step_flops_last = count_flops (dry->context) - counts.last;
  estimate->step_flops_first = counts.second > 0.0 ? counts.second - counts.first : estimate->step_flops_last;
  if (!hd_pipeline_decode (dry, latents, run.latent_height, run.latent_width, planes, error))
    return FALSE;

  estimate->flops = count_flops (dry->context);
  estimate->tensor_bytes = hd_context_get_peak_bytes (dry->context);
  estimate->weight_bytes = hd_context_get_weight_bytes (dry->context);
  estimate->width = job->shown_width;
  estimate->height = job->shown_height;
  estimate->steps = job->request->steps;

  return TRUE;
}

static gboolean
count_job (HdPipeline       *dry,
           HdJob            *job,
           HdEstimate       *estimate,
           GError          **error)
{
  g_autoptr (HdControlNet)  net = NULL;
  g_autofree char          *path = NULL;

  if (hd_request_has_control (job->request))
    {
      path = hd_loading_find_control_net (job->request, error);
      net = path != NULL ? hd_control_net_load (dry->context, path, &dry->unet->config, dry->factor, error) : NULL;
      if (net == NULL)
        return FALSE;
      hd_job_set_control (job, net);
    }

  return count_run (dry, job, estimate, error);
}

/* Weights that are on the device already need no room. */
static gsize
present_bytes (HdEngine         *engine,
               const HdEstimate *estimate)
{
  return MIN (hd_context_get_weight_bytes (engine->context), estimate->weight_bytes);
}

static gsize
free_bytes (HdEngine         *engine,
            const HdEstimate *estimate)
{
  gsize available = hd_context_get_available_bytes (engine->context);
  gsize present = present_bytes (engine, estimate);

  return available < G_MAXSIZE - present ? available + present : G_MAXSIZE;
}

gboolean
hd_engine_count (HdEngine         *engine,
                 const HdLoading  *loading,
                 const HdRequest  *request,
                 HdEstimate       *estimate,
                 GError          **error)
{
  g_autoptr (HdContext)  context = hd_dry_context_new (hd_context_get_dtype (engine->context));
  g_autoptr (HdPipeline) dry = hd_loading_load (loading, context, request->threads, NULL, error);
  g_autoptr (HdJob)      job = NULL;

  *estimate = (HdEstimate) { .seconds = -1.0 };
  if (dry == NULL)
    return FALSE;

  job = hd_job_new (loading->model, request, TRUE, error);
  if (job == NULL || !count_job (dry, job, estimate, error))
    return FALSE;

  estimate->seconds = hd_speed_predict (&engine->speed, context);
  estimate->free_bytes = free_bytes (engine, estimate);
  estimate->device = g_strdup (hd_context_get_name (engine->context));

  return TRUE;
}

gboolean
hd_engine_estimate (HdEngine         *engine,
                    const HdRequest  *request,
                    HdEstimate       *estimate,
                    GError          **error)
{
  g_auto (HdLoading) loading = { 0 };
  HD_ENGINE_LOCK (engine);

  *estimate = (HdEstimate) { .seconds = -1.0 };

  return hd_request_check (request, error)
         && hd_engine_ensure_device (engine, request, error)
         && hd_loading_init (&loading, request, error)
         && hd_engine_count (engine, &loading, request, estimate, error);
}

gboolean
hd_engine_measure_speed (HdEngine         *engine,
                         const HdRequest  *request,
                         GError          **error)
{
  HD_ENGINE_LOCK (engine);

  return hd_request_check (request, error)
         && hd_engine_ensure_device (engine, request, error)
         && hd_speed_measure (&engine->speed, engine->context, error);
}

/* What is still to be allocated for a run. */
static gsize
missing_bytes (HdEngine         *engine,
               const HdEstimate *estimate)
{
  return estimate->tensor_bytes + estimate->weight_bytes - present_bytes (engine, estimate);
}

/* Whether the device has room for @request at another size, whose longer side is @longer. */
static gboolean
fits (HdEngine        *engine,
      const HdRequest *request,
      int              longer,
      gsize            available,
      int             *width,
      int             *height)
{
  g_autoptr (HdRequest) smaller = hd_request_copy (request);
  double                scale = (double) longer / MAX (request->width, request->height);
  HdEstimate            estimate;
  gboolean              result;

  smaller->width = MAX ((int) (request->width * scale), HD_REQUEST_MIN_SIZE);
  smaller->height = MAX ((int) (request->height * scale), HD_REQUEST_MIN_SIZE);
  smaller->steps = 1;
  if (!hd_engine_estimate (engine, smaller, &estimate, NULL))
    return FALSE;

  result = missing_bytes (engine, &estimate) <= available;
  hd_estimate_clear (&estimate);
  if (result)
    {
      *width = smaller->width;
      *height = smaller->height;
    }

  return result;
}

/* The largest size of @request's shape that the device has room for, 0 x 0 if there is none. */
static void
find_fitting_size (HdEngine        *engine,
                   const HdRequest *request,
                   gsize            available,
                   int             *width,
                   int             *height)
{
  int fitting = 0;
  int too_large = (MAX (request->width, request->height) + SIZE_STEP - 1) / SIZE_STEP;

  *width = *height = 0;
  while (too_large - fitting > 1)
    {
      int middle = (fitting + too_large) / 2;

      if (fits (engine, request, middle * SIZE_STEP, available, width, height))
        fitting = middle;
      else
        too_large = middle;
    }
}

gboolean
hd_engine_check_memory (HdEngine         *engine,
                        const HdRequest  *request,
                        const HdEstimate *estimate,
                        GError          **error)
{
  HD_ENGINE_LOCK (engine);
  g_autofree char       *needs = NULL;
  g_autofree char       *has = NULL;
  g_autoptr (HdRequest)  sized = NULL;   /* the size may have been left to the model or the task */
  gsize                  available;
  gsize                  missing;
  int                    width;
  int                    height;

  if (!hd_engine_ensure_device (engine, request, error))
    return FALSE;

  available = hd_context_get_available_bytes (engine->context);
  missing = missing_bytes (engine, estimate);
  if (missing <= available)
    return TRUE;

  needs = g_format_size_full (missing, G_FORMAT_SIZE_IEC_UNITS);
  has = g_format_size_full (available, G_FORMAT_SIZE_IEC_UNITS);
  sized = hd_request_copy (request);
  sized->width = estimate->width;
  sized->height = estimate->height;
  find_fitting_size (engine, sized, available, &width, &height);
  if (width > 0)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 _("A picture of %d x %d needs %s of memory, %s are free; %d x %d would fit"),
                 sized->width, sized->height, needs, has, width, height);
  else
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 _("A picture of %d x %d needs %s of memory, %s are free; no smaller one would fit with this model"),
                 sized->width, sized->height, needs, has);

  return FALSE;
}
