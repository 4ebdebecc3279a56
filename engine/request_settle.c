/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/error.h"
#include "engine/job.h"
#include "kernels/i18n.h"

/* How much of a picture is made anew, by task, where the user does not say. */
#define TRANSFORM_STRENGTH 0.75
#define FILL_STRENGTH      1.0
#define UPSCALE_STRENGTH   0.35

#define UPSCALE_FACTOR 2

/* The authors' SDXL pipeline applies a ControlNet in the first 60 % of the steps. */
#define SDXL_CONTROL_END 0.6

static void
settle_sampling (HdRequest             *request,
                 const HdModel         *model,
                 const HdModelDefaults *defaults)
{
  gboolean usual = g_str_equal (request->sampler, "auto") || g_str_equal (request->sampler, defaults->sampler);

  if (request->steps == 0)
    request->steps = defaults->steps;
  if (request->guidance_scale < 0.0)
    request->guidance_scale = defaults->guidance_scale;
  if (g_str_equal (request->sampler, "auto"))
    hd_request_set (&request->sampler, defaults->sampler);

  /* Distilled models know the timesteps of their own schedule alone, whichever sampler goes through them. */
  if (g_str_equal (request->schedule, "auto")
      && (usual || (model->distillation != HD_DISTILLATION_NONE && !g_str_equal (request->sampler, "lcm"))))
    hd_request_set (&request->schedule, defaults->schedule);
}

static void
settle_strength (HdRequest *request)
{
  static const double strengths[] = {
    [HD_TASK_GENERATE] = 1.0, [HD_TASK_TRANSFORM] = TRANSFORM_STRENGTH, [HD_TASK_FILL] = FILL_STRENGTH,
    [HD_TASK_UPSCALE] = UPSCALE_STRENGTH,
  };

  if (request->task == HD_TASK_GENERATE)
    request->strength = 1.0;
  else if (request->strength < 0.0)
    /* At least one step is run. */
    request->strength = MAX (strengths[request->task], 1.0 / request->steps);
}

static gboolean
check_side (const char  *name,
            int          side,
            GError     **error)
{
  if (side <= HD_REQUEST_MAX_SIZE)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, _("%s: expected at most %d, found %d"),
               name, HD_REQUEST_MAX_SIZE, side);

  return FALSE;
}

/* The sides that are not asked for: those of the picture, in proportion where one is asked for. */
static gboolean
settle_size (HdRequest  *request,
             int         native_size,
             GError    **error)
{
  gint64 factor = request->task == HD_TASK_UPSCALE ? UPSCALE_FACTOR : 1;
  gint64 width = request->width;
  gint64 height = request->height;

  if (request->task == HD_TASK_FILL)
    return TRUE;

  if (request->task == HD_TASK_GENERATE)
    {
      width = width > 0 ? width : native_size;
      height = height > 0 ? height : native_size;
    }
  else if (width == 0 && height == 0)
    {
      width = factor * request->image->width;
      height = factor * request->image->height;
    }
  else if (width == 0)
    width = MAX (height * request->image->width / request->image->height, 1);
  else if (height == 0)
    height = MAX (width * request->image->height / request->image->width, 1);

  request->width = (int) MIN (width, G_MAXINT);
  request->height = (int) MIN (height, G_MAXINT);

  return check_side ("width", request->width, error) && check_side ("height", request->height, error);
}

gboolean
hd_request_settle (HdRequest      *request,
                   const HdModel  *model,
                   GError        **error)
{
  HdModelDefaults defaults;
  gboolean        xl = model->family == HD_FAMILY_SDXL || model->family == HD_FAMILY_SDXL_TURBO;

  hd_model_get_defaults (model, &defaults);
  settle_sampling (request, model, &defaults);
  settle_strength (request);
  if (request->control.end < 0.0)
    request->control.end = xl && !g_str_equal (request->hidiffusion, "off") ? SDXL_CONTROL_END : 1.0;

  return settle_size (request, defaults.size, error);
}
