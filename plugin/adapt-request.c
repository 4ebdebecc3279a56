/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "plugin/adapt-request.h"
#include "plugin/error.h"
#include "plugin/find-model.h"

/* Takes a string argument into a field that holds its default, which stays if the caller left the argument out:
 * it then arrives as NULL or "". */
static void
take_string (GimpProcedureConfig *config,
             const char          *name,
             char               **field)
{
  g_autofree char *value = NULL;

  g_object_get (config, name, &value, NULL);
  if (value && *value)
    hd_request_set (field, value);
}

static void
take_size (GimpProcedureConfig *config,
           GimpImage           *image,
           HdRequest           *request)
{
  g_object_get (config,
                "width",  &request->width,
                "height", &request->height,
                NULL);
  if (request->width == 0)
    request->width = image ? gimp_image_get_width (image) : HD_DEFAULT_SIZE;
  if (request->height == 0)
    request->height = image ? gimp_image_get_height (image) : HD_DEFAULT_SIZE;
}

static void
take_numbers (GimpProcedureConfig *config,
              HdRequest           *request)
{
  int seed;

  g_object_get (config,
                "steps",          &request->steps,
                "guidance-scale", &request->guidance_scale,
                "seed",           &seed,
                NULL);
  request->seed = seed;
}

static gboolean
take_model (GimpProcedureConfig  *config,
            HdRequest            *request,
            GError              **error)
{
  g_autofree char *model = NULL;
  g_autofree char *path = NULL;

  g_object_get (config, "model", &model, NULL);
  path = hd_find_model (model, error);
  if (! path)
    return FALSE;

  hd_request_set (&request->model, path);
  return TRUE;
}

static gboolean
check_prompt (const char  *prompt,
              GError     **error)
{
  g_autofree char *stripped = g_strstrip (g_strdup (prompt));

  if (*stripped)
    return TRUE;

  g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                       _("The prompt is empty: say what the picture is to show."));
  return FALSE;
}

HdRequest *
hd_adapt_request (GimpProcedureConfig  *config,
                  GimpImage            *image,
                  GError              **error)
{
  g_autoptr (HdRequest) request = hd_request_new ();

  take_string (config, "prompt", &request->prompt);
  take_string (config, "negative-prompt", &request->negative_prompt);
  take_string (config, "sampler", &request->sampler);
  take_string (config, "hidiffusion", &request->hidiffusion);
  take_string (config, "device", &request->device);
  take_size (config, image, request);
  take_numbers (config, request);

  if (! check_prompt (request->prompt, error) ||
      ! take_model (config, request, error) ||
      ! hd_request_check (request, error))
    return NULL;

  return g_steal_pointer (&request);
}
