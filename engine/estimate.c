/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/engine_private.h"
#include "engine/pipeline_stage.h"
#include "kernels/dry/dry.h"
#include "kernels/i18n.h"
#include "kernels/i18n.h"

void
hd_estimate_clear (HdEstimate *estimate)
{
  g_clear_pointer (&estimate->device, g_free);
}

/* Sizes that are proposed have sides in multiples of this. */
#define SIZE_STEP 64

/* Arithmetic of the steps: what was counted at the beginning of the first, the second and the last, and at the end. */
typedef struct
{
  HdContext *context;
  double     first;
  double     second;
  double     last;
  double     end;
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

/* --- one run -------------------------------------------------------------------- */

/* What is measured. */
typedef struct
{
  HdPipeline  *dry;        /* on the dry device */
  const HdJob *job;
  gboolean     streams;    /* the device can leave weights to the host */
  HdStreaming  streaming;  /* how it does */
  gboolean     one_step;   /* of a plain UNet, which takes the most memory: it is enough to find a plan */
  StepCounts   counts;
  double       flops;      /* of the whole run */
} Measurement;

static HdMemoryPlan
make_dry_plan (const Measurement *measurement,
               guint              splits)
{
  HdMemoryPlan plan = { .splits = measurement->streams ? splits : splits & ~(guint) HD_SPLIT_WEIGHTS };

  if ((plan.splits & HD_SPLIT_WEIGHTS) != 0)
    plan.streaming = measurement->streaming;

  return plan;
}

/* HdMeasureFunc: runs the job through the dry pipeline. */
static gboolean
measure (guint          splits,
         HdMemoryNeed  *need,
         gpointer       user_data,
         GError       **error)
{
  Measurement      *measurement = user_data;
  HdPipeline       *dry = measurement->dry;
  HdRun             run = measurement->job->run;
  gsize             pixels = (gsize) run.latent_width * run.latent_height;
  g_autofree float *latents = g_try_new0 (float, pixels * dry->model->vae.latent_channels);
  g_autofree float *planes = g_try_new (float, pixels * dry->factor * dry->factor * 3);
  gboolean          success;

  if (latents == NULL || planes == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for a picture of %d x %d",
                   measurement->job->width, measurement->job->height);
      return FALSE;
    }

  measurement->counts = (StepCounts) { .context = dry->context };
  run.noise = on_noise;
  run.shift = on_shift;
  run.step = on_step;
  run.user_data = &measurement->counts;
  if (measurement->one_step)
    {
      run.sampler.steps = 1;
      run.sampler.strength = 1.0;
    }

  *need = (HdMemoryNeed) { 0 };
  dry->plan = make_dry_plan (measurement, splits);
  dry->need = need;
  hd_context_reset_statistics (dry->context);
  success = hd_pipeline_denoise (dry, &run, latents, error);
  measurement->counts.end = count_flops (dry->context);
  success = success && hd_pipeline_decode (dry, latents, run.latent_height, run.latent_width, planes, error);
  hd_pipeline_leave (dry);
  dry->need = NULL;
  measurement->flops = count_flops (dry->context);
  if (!measurement->streams)
    need->streamable_bytes = 0;

  return success;
}

/* --- the plan ------------------------------------------------------------------- */

gsize
hd_engine_get_limit (HdEngine        *engine,
                     const HdRequest *request)
{
  gsize free_bytes = hd_context_get_available_bytes (engine->context);
  gsize present = hd_context_get_weight_bytes (engine->context);
  gsize limit = free_bytes <= G_MAXSIZE - present ? free_bytes + present : G_MAXSIZE;

  return request->memory_budget > 0 ? MIN (limit, (gsize) request->memory_budget << 20) : limit;
}

/* The cheapest splits with which @limit is enough, and what the run takes with them; @whole: what it takes without any. */
static gboolean
choose (Measurement   *measurement,
        gsize          limit,
        guint         *splits,
        HdMemoryNeed  *need,
        HdMemoryNeed  *whole,
        GError       **error)
{
  guint tried;

  *splits = 0;
  if (!measure (0, need, measurement, error))
    return FALSE;
  *whole = *need;
  measurement->streaming = (HdStreaming) { .total = need->streamable_bytes };

  while (hd_memory_need_bytes (need) > limit)
    {
      tried = *splits;
      measurement->one_step = TRUE;
      if (!measure (*splits, need, measurement, error)
          || !hd_memory_plan_choose (limit, splits, need, measure, measurement, error))
        return FALSE;
      measurement->one_step = FALSE;

      /* Should the whole run take more than that one step, it is split further. */
      if (*splits == tried)
        *splits |= hd_memory_plan_next (tried, hd_memory_need_peak (need));
      if (!measure (*splits, need, measurement, error))
        return FALSE;
      if (*splits == tried)
        break;
    }

  return TRUE;
}

/* Where weights come from the host, those for which there is room stay nevertheless. */
static gboolean
keep_weights (Measurement   *measurement,
              gsize          limit,
              guint          splits,
              HdMemoryNeed  *need,
              GError       **error)
{
  gsize        taken = need->weight_bytes[HD_STAGE_DENOISE] + need->tensor_bytes[HD_STAGE_DENOISE];
  HdMemoryNeed least = *need;

  if ((splits & HD_SPLIT_WEIGHTS) == 0 || hd_memory_need_bytes (need) > limit)
    return TRUE;

  measurement->streaming.resident = limit - taken;
  if (!measure (splits, need, measurement, error))
    return FALSE;

  if (hd_memory_need_bytes (need) > limit)
    {
      measurement->streaming.resident = 0;
      *need = least;
    }

  return TRUE;
}

static void
fill_estimate (HdEstimate         *estimate,
               const Measurement  *measurement,
               const HdMemoryNeed *need)
{
  const HdJob      *job = measurement->job;
  const StepCounts *counts = &measurement->counts;
  HdStage           peak = hd_memory_need_peak (need);

  estimate->flops = measurement->flops;
  estimate->step_flops_last = counts->end - counts->last;
  estimate->step_flops_first = counts->second > 0.0 ? counts->second - counts->first : estimate->step_flops_last;
  estimate->weight_bytes = need->weight_bytes[peak];
  estimate->tensor_bytes = need->tensor_bytes[peak];
  estimate->width = job->shown_width;
  estimate->height = job->shown_height;
  estimate->steps = job->request->steps;
}

/* A dry pipeline and the job for it. */
static gboolean
prepare (HdEngine         *engine,
         const HdLoading  *loading,
         const HdRequest  *request,
         HdPipeline      **dry,
         HdJob           **job,
         GError          **error)
{
  g_autoptr (HdContext) context = hd_dry_context_new (hd_context_get_dtype (engine->context));

  *dry = hd_loading_open (loading, context, request->threads, error);
  if (*dry == NULL || !hd_engine_set_control_net (*dry, request, error))
    return FALSE;
  *job = hd_job_new (loading->model, request, TRUE, error);

  return *job != NULL;
}

gboolean
hd_engine_count (HdEngine         *engine,
                 const HdLoading  *loading,
                 const HdRequest  *request,
                 HdMemoryPlan     *plan,
                 HdEstimate       *estimate,
                 GError          **error)
{
  g_autoptr (HdPipeline) dry = NULL;
  g_autoptr (HdJob)      job = NULL;
  Measurement            measurement = { 0 };
  gsize                  limit = hd_engine_get_limit (engine, request);
  HdMemoryNeed           need;
  HdMemoryNeed           whole;

  *estimate = (HdEstimate) { .seconds = -1.0 };
  if (!prepare (engine, loading, request, &dry, &job, error))
    return FALSE;

  measurement = (Measurement) { .dry = dry, .job = job, .streams = hd_context_can_stream (engine->context) };
  if (!choose (&measurement, limit, &estimate->splits, &need, &whole, error)
      || !keep_weights (&measurement, limit, estimate->splits, &need, error))
    return FALSE;
  estimate->splits = make_dry_plan (&measurement, estimate->splits).splits;

  fill_estimate (estimate, &measurement, &need);
  estimate->whole_bytes = hd_memory_need_bytes (&whole);
  estimate->free_bytes = limit;
  if ((estimate->splits & HD_SPLIT_WEIGHTS) != 0)
    estimate->host_bytes = measurement.streaming.total - MIN (measurement.streaming.total, measurement.streaming.resident);
  estimate->fits = hd_memory_need_bytes (&need) <= limit
                   && estimate->host_bytes <= hd_context_get_host_bytes (engine->context);
  estimate->seconds = hd_speed_predict (&engine->speed, dry->context);
  estimate->device = g_strdup (hd_context_get_name (engine->context));
  if (plan != NULL)
    hd_memory_plan_init (plan, estimate->splits, &measurement.streaming, &need);

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
         && hd_engine_count (engine, &loading, request, NULL, estimate, error);
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

/* --- what would fit -------------------------------------------------------------- */

/* Whether @limit is enough for @request at another size, whose longer side is @longer, with all that can be split. */
static gboolean
fits (HdEngine        *engine,
      const HdLoading *loading,
      const HdRequest *request,
      int              longer,
      gsize            limit,
      int             *width,
      int             *height)
{
  g_autoptr (HdRequest)  smaller = hd_request_copy (request);
  g_autoptr (HdPipeline) dry = NULL;
  g_autoptr (HdJob)      job = NULL;
  double                 scale = (double) longer / MAX (request->width, request->height);
  Measurement            measurement = { .one_step = TRUE, .streams = hd_context_can_stream (engine->context) };
  HdMemoryNeed           need;

  smaller->width = MAX ((int) (request->width * scale), HD_REQUEST_MIN_SIZE);
  smaller->height = MAX ((int) (request->height * scale), HD_REQUEST_MIN_SIZE);
  if (!prepare (engine, loading, smaller, &dry, &job, NULL))
    return FALSE;

  measurement.dry = dry;
  measurement.job = job;
  if (!measure (hd_split_all () & ~(guint) HD_SPLIT_WEIGHTS, &need, &measurement, NULL))
    return FALSE;
  measurement.streaming.total = need.streamable_bytes;
  if (!measure (hd_split_all (), &need, &measurement, NULL) || hd_memory_need_bytes (&need) > limit)
    return FALSE;

  *width = smaller->width;
  *height = smaller->height;

  return TRUE;
}

/* The largest size of @request's shape for which @limit is enough, 0 x 0 if there is none. */
static void
find_fitting_size (HdEngine        *engine,
                   const HdLoading *loading,
                   const HdRequest *request,
                   gsize            limit,
                   int             *width,
                   int             *height)
{
  int fitting = 0;
  int too_large = (MAX (request->width, request->height) + SIZE_STEP - 1) / SIZE_STEP;

  *width = *height = 0;
  while (too_large - fitting > 1)
    {
      int middle = (fitting + too_large) / 2;

      if (fits (engine, loading, request, middle * SIZE_STEP, limit, width, height))
        fitting = middle;
      else
        too_large = middle;
    }
}

/* Whether the host can keep what the device has no room for. */
static gboolean
check_host (HdEngine         *engine,
            const HdEstimate *estimate,
            GError          **error)
{
  const gsize      limit = hd_context_get_host_bytes (engine->context);
  g_autofree char *needs = g_format_size_full (estimate->host_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *has = g_format_size_full (limit, G_FORMAT_SIZE_IEC_UNITS);

  if (estimate->host_bytes <= limit)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
               _("Not enough memory of the system for the weights that do not fit on the GPU: %s are needed, %s are "
                 "available"), needs, has);
  return FALSE;
}

gboolean
hd_engine_check_memory (HdEngine         *engine,
                        const HdRequest  *request,
                        const HdEstimate *estimate,
                        GError          **error)
{
  HD_ENGINE_LOCK (engine);
  g_auto (HdLoading)     loading = { 0 };
  g_autoptr (HdRequest)  sized = NULL;   /* the size may have been left to the model or the task */
  g_autofree char       *needs = NULL;
  g_autofree char       *has = NULL;
  gsize                  limit;
  gboolean               budget;
  int                    width;
  int                    height;

  if (!hd_engine_ensure_device (engine, request, error))
    return FALSE;

  limit = hd_engine_get_limit (engine, request);
  budget = limit == (gsize) request->memory_budget << 20;
  if (estimate->weight_bytes + estimate->tensor_bytes <= limit)
    return check_host (engine, estimate, error);
  if (!hd_loading_init (&loading, request, error))
    return FALSE;

  needs = g_format_size_full (estimate->weight_bytes + estimate->tensor_bytes, G_FORMAT_SIZE_IEC_UNITS);
  has = g_format_size_full (limit, G_FORMAT_SIZE_IEC_UNITS);
  sized = hd_request_copy (request);
  sized->width = estimate->width;
  sized->height = estimate->height;
  find_fitting_size (engine, &loading, sized, limit, &width, &height);

  if (width > 0)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 budget ? _("A picture of %d x %d needs at least %s of memory, the budget is %s; %d x %d would fit")
                        : _("A picture of %d x %d needs at least %s of memory, %s are free; %d x %d would fit"),
                 sized->width, sized->height, needs, has, width, height);
  else
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY,
                 budget ? _("A picture of %d x %d needs at least %s of memory, the budget is %s; "
                            "no smaller one would fit with this model")
                        : _("A picture of %d x %d needs at least %s of memory, %s are free; "
                            "no smaller one would fit with this model"),
                 sized->width, sized->height, needs, has);

  return FALSE;
}
