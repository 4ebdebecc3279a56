/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/request.h"

#include "engine/error.h"
#include "engine/request_fields.h"
#include "engine/sampler.h"

G_DEFINE_QUARK (hd-engine-error-quark, hd_engine_error)

#define MAX_THREADS   4096
#define MAX_CLIP_SKIP 64
#define MAX_NUMBER 255   /* of a device */

/* --- the lists ------------------------------------------------------------------ */

#define DEFINE_NAMES(function, ...) \
  const char * const * \
  function (void) \
  { \
    static const char * const names[] = { __VA_ARGS__, NULL }; \
    return names; \
  }

DEFINE_NAMES (hd_sampler_names, "ddim", "euler", "euler_a", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm")
DEFINE_NAMES (hd_device_names, "auto", "cpu", "cuda")
DEFINE_NAMES (hd_precision_names, "auto", "float32", "bfloat16", "float16")
DEFINE_NAMES (hd_weight_form_names, "auto", "full", "int8")
DEFINE_NAMES (hd_hidiffusion_names, "auto", "on", "off")
DEFINE_NAMES (hd_prediction_names, "auto", "epsilon", "v", "sample")
DEFINE_NAMES (hd_distillation_names, "auto", "none", "turbo", "lcm", "lightning")
DEFINE_NAMES (hd_preprocessor_names, "none", "canny")
DEFINE_NAMES (hd_task_names, "generate", "transform", "fill", "upscale")

/* --- the fields ----------------------------------------------------------------- */

#define AT(field)    G_STRUCT_OFFSET (HdRequest, field)
#define AUTOMATIC(x) .has_automatic = TRUE, .automatic = x

const HdRequestField *
hd_request_fields (void)
{
  static const HdRequestField fields[] = {
    { "model", NULL, HD_FIELD_TEXT, AT (model) },
    { "model's name", "model", HD_FIELD_NOTE, AT (model_name) },
    { "model's hash", "model_hash", HD_FIELD_NOTE, AT (model_hash) },
    { "prompt", "prompt", HD_FIELD_TEXT, AT (prompt) },
    { "negative prompt", "negative_prompt", HD_FIELD_TEXT, AT (negative_prompt) },
    { "width", "width", HD_FIELD_INT, AT (width), HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, AUTOMATIC (0) },
    { "height", "height", HD_FIELD_INT, AT (height), HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, AUTOMATIC (0) },
    { "steps", "steps", HD_FIELD_INT, AT (steps), 1, HD_REQUEST_MAX_STEPS, AUTOMATIC (0) },
    { "guidance scale", "guidance_scale", HD_FIELD_DOUBLE, AT (guidance_scale), 0, HD_REQUEST_MAX_GUIDANCE,
      AUTOMATIC (HD_REQUEST_AUTO) },
    { "guidance rescale", "guidance_rescale", HD_FIELD_DOUBLE, AT (guidance_rescale), 0, 1 },
    { "sampler", "sampler", HD_FIELD_NAME, AT (sampler), AUTOMATIC (0), .names = hd_sampler_names },
    { "schedule", "schedule", HD_FIELD_NAME, AT (schedule), .names = hd_schedule_names },
    { "eta", "eta", HD_FIELD_DOUBLE, AT (eta), 0, 1 },
    { "strength", "strength", HD_FIELD_DOUBLE, AT (strength), 0, 1, AUTOMATIC (HD_REQUEST_AUTO) },
    { "seed", "seed", HD_FIELD_INT64, AT (seed), HD_REQUEST_RANDOM_SEED, HD_REQUEST_MAX_SEED },
    { "count", "count", HD_FIELD_INT, AT (count), 1, HD_REQUEST_MAX_COUNT },
    { "hidiffusion", "hidiffusion", HD_FIELD_NAME, AT (hidiffusion), .names = hd_hidiffusion_names },
    { "RAU-Net", "rau_net", HD_FIELD_NAME, AT (rau_net), .names = hd_hidiffusion_names },
    { "MSW-MSA", "msw_msa", HD_FIELD_NAME, AT (msw_msa), .names = hd_hidiffusion_names },
    { "T1", "t1", HD_FIELD_DOUBLE, AT (t1), 0, 1, AUTOMATIC (HD_REQUEST_AUTO) },
    { "T2", "t2", HD_FIELD_DOUBLE, AT (t2), 0, 1, AUTOMATIC (HD_REQUEST_AUTO) },
    { "prediction", "prediction", HD_FIELD_NAME, AT (prediction), .names = hd_prediction_names },
    { "distillation", "distillation", HD_FIELD_NAME, AT (distillation), .names = hd_distillation_names },
    { "clip skip", "clip_skip", HD_FIELD_INT, AT (clip_skip), 0, MAX_CLIP_SKIP },
    { "ControlNet", "control_net", HD_FIELD_NOTE, AT (control.name) },
    { "ControlNet's path", NULL, HD_FIELD_NOTE, AT (control.path) },
    { "ControlNet's preprocessor", "control_preprocessor", HD_FIELD_NAME, AT (control.preprocessor),
      .names = hd_preprocessor_names },
    { "ControlNet's strength", "control_strength", HD_FIELD_DOUBLE, AT (control.strength), 0, HD_REQUEST_MAX_WEIGHT },
    { "ControlNet's start", "control_start", HD_FIELD_DOUBLE, AT (control.start), 0, 1 },
    { "ControlNet's end", "control_end", HD_FIELD_DOUBLE, AT (control.end), 0, 1, AUTOMATIC (HD_REQUEST_AUTO) },
    { "device", "device", HD_FIELD_NAME, AT (device), .names = hd_device_names, .numbered = "cuda" },
    { "precision", "precision", HD_FIELD_NAME, AT (precision), .names = hd_precision_names },
    { "weights", "weights", HD_FIELD_NAME, AT (weights), .names = hd_weight_form_names },
    { "threads", NULL, HD_FIELD_INT, AT (threads), 0, MAX_THREADS },
    { "memory budget", NULL, HD_FIELD_INT, AT (memory_budget), 0, HD_REQUEST_MAX_BUDGET },
    { NULL },
  };

  return fields;
}

static gboolean
is_string (const HdRequestField *field)
{
  return field->kind == HD_FIELD_TEXT || field->kind == HD_FIELD_NOTE || field->kind == HD_FIELD_NAME;
}

/* --- life ----------------------------------------------------------------------- */

static void
lora_use_free (gpointer data)
{
  HdLoraUse *use = data;

  g_free (use->name);
  g_free (use->path);
  g_free (use);
}

HdRequest *
hd_request_new (void)
{
  HdRequest *request = g_new0 (HdRequest, 1);

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    {
      char **string = G_STRUCT_MEMBER_P (request, field->offset);

      if (field->kind == HD_FIELD_TEXT)
        *string = g_strdup ("");
      else if (field->kind == HD_FIELD_NAME)
        *string = g_strdup (field->has_automatic ? "auto" : field->names ()[0]);
    }

  request->guidance_scale = HD_REQUEST_AUTO;
  request->strength = HD_REQUEST_AUTO;
  request->seed = HD_REQUEST_RANDOM_SEED;
  request->count = 1;
  request->t1 = HD_REQUEST_AUTO;
  request->t2 = HD_REQUEST_AUTO;
  request->control.strength = 1.0;
  request->control.end = HD_REQUEST_AUTO;
  request->loras = g_ptr_array_new_with_free_func (lora_use_free);

  return request;
}

HdRequest *
hd_request_copy (const HdRequest *request)
{
  HdRequest *copy = g_memdup2 (request, sizeof *request);

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (is_string (field))
      {
        char **string = G_STRUCT_MEMBER_P (copy, field->offset);

        *string = g_strdup (*string);
      }

  copy->loras = g_ptr_array_new_with_free_func (lora_use_free);
  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      hd_request_add_lora (copy, use->name, use->path, use->weight);
    }
  copy->search_folders = g_strdupv (request->search_folders);
  copy->image = request->image != NULL ? hd_image_ref (request->image) : NULL;
  copy->mask = request->mask != NULL ? hd_image_ref (request->mask) : NULL;
  copy->control.image = request->control.image != NULL ? hd_image_ref (request->control.image) : NULL;

  return copy;
}

void
hd_request_free (HdRequest *request)
{
  if (request == NULL)
    return;

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (is_string (field))
      g_free (G_STRUCT_MEMBER (char *, request, field->offset));
  g_ptr_array_unref (request->loras);
  g_strfreev (request->search_folders);
  hd_image_unref (request->image);
  hd_image_unref (request->mask);
  hd_image_unref (request->control.image);
  g_free (request);
}

void
hd_request_set (char       **field,
                const char  *value)
{
  char *previous = *field;

  *field = g_strdup (value != NULL ? value : "");
  g_free (previous);
}

void
hd_request_set_image (HdImage **field,
                      HdImage  *image)
{
  HdImage *previous = *field;

  *field = image != NULL ? hd_image_ref (image) : NULL;
  hd_image_unref (previous);
}

void
hd_request_add_lora (HdRequest  *request,
                     const char *name,
                     const char *path,
                     double      weight)
{
  HdLoraUse *use = g_new0 (HdLoraUse, 1);

  use->name = g_strdup (name);
  use->path = g_strdup (path);
  use->weight = weight;
  g_ptr_array_add (request->loras, use);
}

void
hd_request_settle_seed (HdRequest *request)
{
  if (request->seed < 0)
    request->seed = g_random_int () & HD_REQUEST_MAX_SEED;
}

gboolean
hd_request_has_control (const HdRequest *request)
{
  return request->control.path != NULL || (request->control.name != NULL && request->control.name[0] != '\0');
}

/* --- checks --------------------------------------------------------------------- */

static gboolean
check_number (const HdRequestField  *field,
              double                 value,
              GError               **error)
{
  g_autofree char *automatic = NULL;

  if ((value >= field->min && value <= field->max) || (field->has_automatic && value == field->automatic))
    return TRUE;

  automatic = field->has_automatic ? g_strdup_printf (", or %.10g for what suits", field->automatic) : g_strdup ("");
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected %.10g to %.10g%s, found %.10g",
               field->name, field->min, field->max, automatic, value);

  return FALSE;
}

gboolean
hd_request_field_has_name (const HdRequestField *field,
                           const char           *value)
{
  gsize length = field->numbered != NULL ? strlen (field->numbered) : 0;

  if (g_strv_contains (field->names (), value) || (field->has_automatic && g_str_equal (value, "auto")))
    return TRUE;

  return length > 0 && g_str_has_prefix (value, field->numbered) && value[length] == ':'
         && g_ascii_string_to_unsigned (value + length + 1, 10, 0, MAX_NUMBER, NULL, NULL);
}

static gboolean
check_name (const HdRequestField  *field,
            const char            *value,
            GError               **error)
{
  const char * const *names = field->names ();
  g_autofree char    *list = NULL;

  if (value != NULL && hd_request_field_has_name (field, value))
    return TRUE;

  list = g_strjoinv (", ", (char **) names);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected one of %s%s; found \"%s\"",
               field->name, field->has_automatic ? "auto, " : "", list, value != NULL ? value : "");

  return FALSE;
}

static gboolean
check_text (const HdRequestField  *field,
            const char            *text,
            GError               **error)
{
  /* Folders have the file system's bytes. */
  if (text == NULL ? field->kind == HD_FIELD_NOTE : field->member == NULL || g_utf8_validate (text, -1, NULL))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected text in UTF-8", field->name);

  return FALSE;
}

gboolean
hd_request_check_field (const HdRequest       *request,
                        const HdRequestField  *field,
                        GError               **error)
{
  switch (field->kind)
    {
    case HD_FIELD_NAME:
      return check_name (field, G_STRUCT_MEMBER (char *, request, field->offset), error);
    case HD_FIELD_INT:
      return check_number (field, G_STRUCT_MEMBER (int, request, field->offset), error);
    case HD_FIELD_INT64:
      return check_number (field, (double) G_STRUCT_MEMBER (gint64, request, field->offset), error);
    case HD_FIELD_DOUBLE:
      return check_number (field, G_STRUCT_MEMBER (double, request, field->offset), error);
    case HD_FIELD_TEXT:
    case HD_FIELD_NOTE:
    default:
      return check_text (field, G_STRUCT_MEMBER (char *, request, field->offset), error);
    }
}

static gboolean
check_loras (const HdRequest  *request,
             GError          **error)
{
  if (request->loras->len > HD_REQUEST_MAX_LORAS)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "LoRAs: expected at most %d, found %u",
                   HD_REQUEST_MAX_LORAS, request->loras->len);
      return FALSE;
    }

  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      if (!(use->weight >= -HD_REQUEST_MAX_WEIGHT && use->weight <= HD_REQUEST_MAX_WEIGHT))
        {
          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                       "LoRA %s: expected a weight of %g to %g, found %.10g",
                       use->name, -HD_REQUEST_MAX_WEIGHT, HD_REQUEST_MAX_WEIGHT, use->weight);
          return FALSE;
        }
    }

  return TRUE;
}

/* The pictures that the task reads. */
static gboolean
check_images (const HdRequest  *request,
              GError          **error)
{
  const char *task = hd_task_names ()[request->task];
  gboolean    has_mask = request->mask != NULL && request->image != NULL && request->mask->channels == 1
                         && request->mask->width == request->image->width
                         && request->mask->height == request->image->height;
  const char *missing = NULL;

  if (request->task != HD_TASK_GENERATE && (request->image == NULL || request->image->channels != 3))
    missing = "a picture to start from";
  else if (request->task == HD_TASK_FILL && !has_mask)
    missing = "a mask of the picture's size";
  else if (hd_request_has_control (request) && (request->control.image == NULL || request->control.image->channels != 3))
    missing = "a picture for the ControlNet";

  if (missing == NULL)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected %s, found none", task, missing);

  return FALSE;
}

gboolean
hd_request_check_settings (const HdRequest  *request,
                           GError          **error)
{
  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (!hd_request_check_field (request, field, error))
      return FALSE;

  return check_loras (request, error);
}

gboolean
hd_request_check (const HdRequest  *request,
                  GError          **error)
{
  if (request->model == NULL || request->model[0] == '\0')
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                           "model: expected the folder or the file of a model, found none");
      return FALSE;
    }

  return hd_request_check_settings (request, error) && check_images (request, error);
}
