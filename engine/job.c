/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/job.h"

#include <string.h>

#include "engine/canny.h"
#include "engine/error.h"
#include "engine/loading.h"

/* The networks work on sides in multiples of this, so that every map can be halved and windowed. */
#define WORKING_MULTIPLE 64

/* Under "auto", RAU-Net stays off up to this multiple of the area that the model was trained on: there it would
 * only cost quality. */
#define AUTO_AREA_FACTOR 1.5

/* What resizing leaves of a mask counts from here on. */
#define MASK_LEAST 0.02f

/* --- settings ------------------------------------------------------------------ */

static int
round_up (int side)
{
  return (side + WORKING_MULTIPLE - 1) / WORKING_MULTIPLE * WORKING_MULTIPLE;
}

static void
set_size (HdJob         *job,
          const HdModel *model,
          int            width,
          int            height)
{
  job->shown_width = width;
  job->shown_height = height;
  job->width = round_up (width);
  job->height = round_up (height);
  job->left = (job->width - width) / 2;
  job->top = (job->height - height) / 2;

  job->run.latent_width = job->width / model->factor;
  job->run.latent_height = job->height / model->factor;
  job->run.shown_width = width;
  job->run.shown_height = height;
}

/* "auto" means @otherwise. */
static gboolean
choose (const char *value,
        gboolean    otherwise)
{
  return g_str_equal (value, "on") || (otherwise && !g_str_equal (value, "off"));
}

static gboolean
fill_run (HdJob          *job,
          const HdModel  *model,
          GError        **error)
{
  const HdRequest *request = job->request;
  HdRun           *run = &job->run;
  double           native = model->native_size;
  gboolean         large = (double) job->shown_width * job->shown_height > AUTO_AREA_FACTOR * native * native;

  job->folders = hd_loading_embedding_places (request);
  job->ratios = (HdHiDiffusionRatio) { .d4 = request->t1, .p2 = request->t2 };

  run->prompt = request->prompt;
  run->negative_prompt = request->negative_prompt;
  run->text = (HdConditioningOptions) {
    .clip_skip = request->clip_skip, .zero_empty_negative = TRUE,
    .embedding_folders = (const char * const *) job->folders,
  };
  run->guidance_scale = request->guidance_scale;
  run->guidance_rescale = request->guidance_rescale;
  run->sampler = (HdSamplerOptions) {
    .name = request->sampler, .steps = request->steps, .eta = request->eta, .strength = request->strength,
  };
  run->rau_net = choose (request->rau_net, choose (request->hidiffusion, large));
  run->msw_msa = choose (request->msw_msa, choose (request->hidiffusion, TRUE));
  run->ratios = &job->ratios;

  return hd_sampler_options_set_schedule (&run->sampler, request->schedule, error);
}

/* --- pictures ------------------------------------------------------------------ */

/* @image at the size that is shown; (transfer full). */
static HdImage *
resize_image (const HdJob  *job,
              HdImage      *image,
              GError      **error)
{
  if (image->width == job->shown_width && image->height == job->shown_height)
    return hd_image_ref (image);

  return hd_image_resize (image, job->shown_width, job->shown_height, error);
}

/* The planes (C, height, width) that the networks see of @image, which is padded by mirroring: every value times
 * @scale, and @offset added. */
static float *
make_planes (const HdJob    *job,
             const HdImage  *image,
             float           scale,
             float           offset,
             GError        **error)
{
  g_autoptr (HdImage) padded = hd_image_crop (image, -job->left, -job->top, job->width, job->height, error);
  gsize               plane = (gsize) job->width * job->height;
  int                 channels = image->channels;
  float              *planes = padded != NULL ? g_try_new (float, plane * channels) : NULL;

  if (padded == NULL)
    return NULL;

  if (planes == NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for a picture of %d x %d",
                   job->width, job->height);
      return NULL;
    }

  for (int c = 0; c < channels; c++)
    for (gsize i = 0; i < plane; i++)
      {
        float value = padded->pixels[i * channels + c];

        /* What is no number must not spread. */
        planes[c * plane + i] = (value >= 0.0f ? MIN (value, 1.0f) : 0.0f) * scale + offset;
      }

  return planes;
}

/* Room for planes that nobody looks at. */
static float *
make_dry_planes (const HdJob *job,
                 int          channels)
{
  return g_try_malloc0 ((gsize) job->width * job->height * channels * sizeof (float));
}

static float *
prepare_planes (const HdJob  *job,
                HdImage      *image,
                float         scale,
                float         offset,
                gboolean      dry,
                GError      **error)
{
  g_autoptr (HdImage) resized = NULL;

  if (dry)
    return make_dry_planes (job, image->channels);

  resized = resize_image (job, image, error);

  return resized != NULL ? make_planes (job, resized, scale, offset, error) : NULL;
}

/* The mask's values become 0 or 1, and of every pixel of the latents all or nothing: it is made anew if anything of it
 * is to be. */
static void
harden_mask (const HdJob *job,
             int          factor)
{
  for (int y = 0; y < job->height; y += factor)
    for (int x = 0; x < job->width; x += factor)
      {
        gboolean any = FALSE;

        for (int i = 0; i < factor * factor && !any; i++)
          any = job->mask[(gsize) (y + i / factor) * job->width + x + i % factor] >= MASK_LEAST;
        for (int i = 0; i < factor * factor; i++)
          job->mask[(gsize) (y + i / factor) * job->width + x + i % factor] = any ? 1.0f : 0.0f;
      }
}

/* Cuts the plan's rectangle out of the request's picture and mask. */
static gboolean
prepare_fill (HdJob          *job,
              const HdModel  *model,
              gboolean        dry,
              GError        **error)
{
  const HdFillPlan    *plan = &job->plan;
  const HdRequest     *request = job->request;
  g_autoptr (HdImage)  image = hd_image_crop (request->image, plan->x, plan->y, plan->width, plan->height, error);
  g_autoptr (HdImage)  mask = image != NULL ? hd_image_crop (request->mask, plan->x, plan->y, plan->width,
                                                             plan->height, error) : NULL;

  if (mask == NULL)
    return FALSE;

  for (gsize i = 0; i < (gsize) plan->width * plan->height; i++)
    mask->pixels[i] = mask->pixels[i] > 0.0f ? 1.0f : 0.0f;

  job->image = prepare_planes (job, image, 2.0f, -1.0f, dry, error);
  job->mask = job->image != NULL ? prepare_planes (job, mask, 1.0f, 0.0f, dry, error) : NULL;
  if (job->mask == NULL)
    return FALSE;

  harden_mask (job, model->factor);
  job->run.image = job->image;
  job->run.mask = job->mask;

  return TRUE;
}

static gboolean
prepare_control (HdJob     *job,
                 gboolean   dry,
                 GError   **error)
{
  const HdControlUse  *control = &job->request->control;
  g_autoptr (HdImage)  map = NULL;

  if (!hd_request_has_control (job->request))
    return TRUE;

  if (job->request->task == HD_TASK_FILL && control->image->width == job->request->image->width
      && control->image->height == job->request->image->height)
    map = hd_image_crop (control->image, job->plan.x, job->plan.y, job->plan.width, job->plan.height, error);
  else
    map = hd_image_ref (control->image);
  if (map == NULL)
    return FALSE;

  if (!dry && g_str_equal (control->preprocessor, "canny"))
    {
      g_autoptr (HdImage) resized = resize_image (job, map, error);

      /* Edges are found at the size at which they are read. */
      g_clear_pointer (&map, hd_image_unref);
      map = resized != NULL ? hd_canny (resized, NULL, error) : NULL;
      if (map == NULL)
        return FALSE;
    }

  job->map = prepare_planes (job, map, 1.0f, 0.0f, dry, error);
  job->control = (HdControlRun) {
    .picture = job->map, .strength = control->strength, .start = control->start, .end = control->end,
  };

  job->run.control = &job->control;

  return job->map != NULL;
}

static gboolean
prepare_pictures (HdJob          *job,
                  const HdModel  *model,
                  gboolean        dry,
                  GError        **error)
{
  HdTask task = job->request->task;

  if (task == HD_TASK_FILL && !prepare_fill (job, model, dry, error))
    return FALSE;

  if (task == HD_TASK_TRANSFORM || task == HD_TASK_UPSCALE)
    {
      job->image = prepare_planes (job, job->request->image, 2.0f, -1.0f, dry, error);
      job->run.image = job->image;
      if (job->image == NULL)
        return FALSE;
    }

  return prepare_control (job, dry, error);
}

/* --- the job ------------------------------------------------------------------- */

HdJob *
hd_job_new (const HdModel    *model,
            const HdRequest  *request,
            gboolean          dry,
            GError          **error)
{
  g_autoptr (HdJob) job = g_new0 (HdJob, 1);

  job->request = hd_request_copy (request);
  if (!hd_request_settle (job->request, model, error))
    return NULL;

  if (request->task == HD_TASK_FILL)
    {
      if (!hd_fill_plan_init (&job->plan, request->mask, model->native_size, request->width, request->height, error))
        return NULL;
      set_size (job, model, job->plan.working_width, job->plan.working_height);
      job->request->width = job->plan.working_width;
      job->request->height = job->plan.working_height;
    }
  else
    set_size (job, model, job->request->width, job->request->height);

  if (!fill_run (job, model, error))
    return NULL;

  if (!prepare_pictures (job, model, dry, error))
    {
      if (error != NULL && *error == NULL)
        g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_NO_MEMORY, "No memory for a picture of %d x %d",
                     job->width, job->height);
      return NULL;
    }

  return g_steal_pointer (&job);
}

void
hd_job_free (HdJob *job)
{
  if (job == NULL)
    return;

  hd_request_free (job->request);
  g_strfreev (job->folders);
  g_free (job->image);
  g_free (job->mask);
  g_free (job->map);
  g_free (job);
}

HdImage *
hd_job_finish (const HdJob  *job,
               const float  *planes,
               GError      **error)
{
  g_autoptr (HdImage) shown = hd_image_new (job->shown_width, job->shown_height, 3, error);
  gsize               plane = (gsize) job->width * job->height;

  if (shown == NULL)
    return NULL;

  for (int y = 0; y < job->shown_height; y++)
    for (int x = 0; x < job->shown_width; x++)
      for (int c = 0; c < 3; c++)
        {
          float value = planes[c * plane + (gsize) (job->top + y) * job->width + job->left + x] * 0.5f + 0.5f;

          /* A value that is no number must not become a pixel. */
          shown->pixels[((gsize) y * job->shown_width + x) * 3 + c] = value >= 0.0f ? MIN (value, 1.0f) : 0.0f;
        }

  if (job->request->task != HD_TASK_FILL
      || (job->plan.width == job->shown_width && job->plan.height == job->shown_height))
    return g_steal_pointer (&shown);

  return hd_image_resize (shown, job->plan.width, job->plan.height, error);
}
