/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/request.h"

#include <string.h>

#include "engine/error.h"
#include "engine/json.h"

G_DEFINE_QUARK (hd-engine-error-quark, hd_engine_error)

#define DEFAULT_SIDE     512
#define DEFAULT_STEPS    25
#define DEFAULT_GUIDANCE 7.5
#define MAX_THREADS      4096

const char * const *
hd_sampler_names (void)
{
  static const char * const names[] = { "ddim", "euler_a", NULL };

  return names;
}

const char * const *
hd_device_names (void)
{
  static const char * const names[] = { "auto", "cpu", NULL };

  return names;
}

const char * const *
hd_precision_names (void)
{
  static const char * const names[] = { "auto", "float32", "bfloat16", "float16", NULL };

  return names;
}

const char * const *
hd_hidiffusion_names (void)
{
  static const char * const names[] = { "auto", "on", "off", NULL };

  return names;
}

HdRequest *
hd_request_new (void)
{
  HdRequest *request = g_new0 (HdRequest, 1);

  request->model = g_strdup ("");
  request->prompt = g_strdup ("");
  request->negative_prompt = g_strdup ("");
  request->width = DEFAULT_SIDE;
  request->height = DEFAULT_SIDE;
  request->steps = DEFAULT_STEPS;
  request->guidance_scale = DEFAULT_GUIDANCE;
  request->sampler = g_strdup (hd_sampler_names ()[0]);
  request->seed = HD_REQUEST_RANDOM_SEED;
  request->hidiffusion = g_strdup (hd_hidiffusion_names ()[0]);
  request->device = g_strdup (hd_device_names ()[0]);
  request->precision = g_strdup (hd_precision_names ()[0]);

  return request;
}

HdRequest *
hd_request_copy (const HdRequest *request)
{
  HdRequest *copy = g_memdup2 (request, sizeof *request);

  copy->model = g_strdup (request->model);
  copy->model_name = g_strdup (request->model_name);
  copy->model_hash = g_strdup (request->model_hash);
  copy->prompt = g_strdup (request->prompt);
  copy->negative_prompt = g_strdup (request->negative_prompt);
  copy->sampler = g_strdup (request->sampler);
  copy->hidiffusion = g_strdup (request->hidiffusion);
  copy->device = g_strdup (request->device);
  copy->precision = g_strdup (request->precision);

  return copy;
}

void
hd_request_free (HdRequest *request)
{
  if (request == NULL)
    return;

  g_free (request->model);
  g_free (request->model_name);
  g_free (request->model_hash);
  g_free (request->prompt);
  g_free (request->negative_prompt);
  g_free (request->sampler);
  g_free (request->hidiffusion);
  g_free (request->device);
  g_free (request->precision);
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

static gboolean
check_range (const char  *name,
             double       value,
             double       min,
             double       max,
             GError     **error)
{
  if (value >= min && value <= max)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               "%s: expected %.10g to %.10g, found %.10g", name, min, max, value);

  return FALSE;
}

static gboolean
check_name (const char         *name,
            const char         *value,
            const char * const *names,
            GError            **error)
{
  g_autofree char *list = NULL;

  if (value != NULL && g_strv_contains (names, value))
    return TRUE;

  list = g_strjoinv (", ", (char **) names);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               "%s: expected one of %s; found \"%s\"", name, list, value != NULL ? value : "");

  return FALSE;
}

static gboolean
check_text (const char  *name,
            const char  *text,
            GError     **error)
{
  if (text != NULL && g_utf8_validate (text, -1, NULL))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected text in UTF-8", name);

  return FALSE;
}

gboolean
hd_request_check (const HdRequest  *request,
                  GError          **error)
{
  if (request->model == NULL || request->model[0] == '\0')
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                           "model: expected the folder of a model, found none");
      return FALSE;
    }

  return check_text ("prompt", request->prompt, error)
         && check_text ("negative prompt", request->negative_prompt, error)
         && check_range ("width", request->width, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, error)
         && check_range ("height", request->height, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, error)
         && check_range ("steps", request->steps, 1, HD_REQUEST_MAX_STEPS, error)
         && check_range ("guidance scale", request->guidance_scale, 0.0, HD_REQUEST_MAX_GUIDANCE, error)
         && check_range ("seed", request->seed, HD_REQUEST_RANDOM_SEED, HD_REQUEST_MAX_SEED, error)
         && check_range ("threads", request->threads, 0, MAX_THREADS, error)
         && check_name ("sampler", request->sampler, hd_sampler_names (), error)
         && check_name ("hidiffusion", request->hidiffusion, hd_hidiffusion_names (), error)
         && check_name ("device", request->device, hd_device_names (), error)
         && check_name ("precision", request->precision, hd_precision_names (), error);
}

void
hd_request_settle_seed (HdRequest *request)
{
  if (request->seed < 0)
    request->seed = g_random_int () & HD_REQUEST_MAX_SEED;
}

static void
add_string (JsonBuilder *builder,
            const char  *name,
            const char  *value)
{
  if (value != NULL)
    {
      json_builder_set_member_name (builder, name);
      json_builder_add_string_value (builder, value);
    }
}

static void
add_int (JsonBuilder *builder,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

char *
hd_request_to_json (const HdRequest *request)
{
  g_autoptr (JsonBuilder)   builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      root = NULL;

  json_builder_begin_object (builder);
  add_int (builder, "schema_version", HD_REQUEST_SCHEMA_VERSION);
  add_string (builder, "model", request->model_name);
  add_string (builder, "model_hash", request->model_hash);
  add_string (builder, "prompt", request->prompt);
  add_string (builder, "negative_prompt", request->negative_prompt);
  add_int (builder, "width", request->width);
  add_int (builder, "height", request->height);
  add_int (builder, "steps", request->steps);
  json_builder_set_member_name (builder, "guidance_scale");
  json_builder_add_double_value (builder, request->guidance_scale);
  add_string (builder, "sampler", request->sampler);
  add_int (builder, "seed", request->seed);
  add_string (builder, "hidiffusion", request->hidiffusion);
  add_string (builder, "device", request->device);
  add_string (builder, "precision", request->precision);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);

  return json_generator_to_data (generator, NULL);
}

/* A member that is missing leaves *@value as it is; one of another kind is an error. */
static gboolean
read_string (JsonObject  *object,
             const char  *name,
             char       **value,
             GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected a string as \"%s\", found %s", name, json_node_type_name (node));
      return FALSE;
    }

  hd_request_set (value, json_node_get_string (node));

  return TRUE;
}

static gboolean
read_number (JsonObject  *object,
             const char  *name,
             double      *value,
             GError     **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;

  if (!JSON_NODE_HOLDS_VALUE (node)
      || (json_node_get_value_type (node) != G_TYPE_INT64 && json_node_get_value_type (node) != G_TYPE_DOUBLE))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected a number as \"%s\", found %s", name, json_node_type_name (node));
      return FALSE;
    }

  *value = json_node_get_double (node);

  return TRUE;
}

/* Whole numbers of a request all fit into 32 bits. */
static gboolean
read_int (JsonObject  *object,
          const char  *name,
          gint64      *value,
          GError     **error)
{
  double number = (double) *value;

  if (!read_number (object, name, &number, error))
    return FALSE;

  if (!(number >= G_MININT32 && number <= G_MAXINT32 && number == (gint32) number))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected a whole number of 32 bits as \"%s\", found %.10g", name, number);
      return FALSE;
    }

  *value = (gint64) number;

  return TRUE;
}

static gboolean
read_members (JsonObject  *object,
              HdRequest   *request,
              GError     **error)
{
  gint64   version = HD_REQUEST_SCHEMA_VERSION;
  gint64   width = request->width;
  gint64   height = request->height;
  gint64   steps = request->steps;
  gboolean success;

  if (!read_int (object, "schema_version", &version, error))
    return FALSE;

  if (version < 1 || version > HD_REQUEST_SCHEMA_VERSION)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected schema version 1 to %d, found %" G_GINT64_FORMAT,
                   HD_REQUEST_SCHEMA_VERSION, version);
      return FALSE;
    }

  success = read_string (object, "model", &request->model_name, error)
            && read_string (object, "model_hash", &request->model_hash, error)
            && read_string (object, "prompt", &request->prompt, error)
            && read_string (object, "negative_prompt", &request->negative_prompt, error)
            && read_int (object, "width", &width, error)
            && read_int (object, "height", &height, error)
            && read_int (object, "steps", &steps, error)
            && read_number (object, "guidance_scale", &request->guidance_scale, error)
            && read_string (object, "sampler", &request->sampler, error)
            && read_int (object, "seed", &request->seed, error)
            && read_string (object, "hidiffusion", &request->hidiffusion, error)
            && read_string (object, "device", &request->device, error)
            && read_string (object, "precision", &request->precision, error);
  request->width = (int) width;
  request->height = (int) height;
  request->steps = (int) steps;

  return success;
}

HdRequest *
hd_request_from_json (const char  *json,
                      GError     **error)
{
  g_autoptr (HdRequest)  request = hd_request_new ();
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (GError)     parse_error = NULL;

  object = hd_json_parse (json, strlen (json), "request", &parse_error);
  if (object == NULL)
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, parse_error->message);
      return NULL;
    }

  if (!read_members (object, request, error))
    return NULL;

  return g_steal_pointer (&request);
}
