/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/request.h"

#include <string.h>

#include "engine/error.h"
#include "engine/json.h"
#include "engine/request_fields.h"

/* --- writing -------------------------------------------------------------------- */

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

static void
add_double (JsonBuilder *builder,
            const char  *name,
            double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_field (JsonBuilder          *builder,
           const HdRequest      *request,
           const HdRequestField *field)
{
  switch (field->kind)
    {
    case HD_FIELD_INT:
      add_int (builder, field->member, G_STRUCT_MEMBER (int, request, field->offset));
      break;
    case HD_FIELD_INT64:
      add_int (builder, field->member, G_STRUCT_MEMBER (gint64, request, field->offset));
      break;
    case HD_FIELD_DOUBLE:
      add_double (builder, field->member, G_STRUCT_MEMBER (double, request, field->offset));
      break;
    case HD_FIELD_TEXT:
    case HD_FIELD_NOTE:
    case HD_FIELD_NAME:
    default:
      add_string (builder, field->member, G_STRUCT_MEMBER (char *, request, field->offset));
    }
}

static void
add_loras (JsonBuilder     *builder,
           const HdRequest *request)
{
  if (request->loras->len == 0)
    return;

  json_builder_set_member_name (builder, "loras");
  json_builder_begin_array (builder);
  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      json_builder_begin_object (builder);
      add_string (builder, "name", use->name);
      add_double (builder, "weight", use->weight);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

char *
hd_request_to_json (const HdRequest *request)
{
  g_autoptr (JsonBuilder)   builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      root = NULL;

  json_builder_begin_object (builder);
  add_int (builder, "schema_version", HD_REQUEST_SCHEMA_VERSION);
  add_string (builder, "task", hd_task_names ()[request->task]);
  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (field->member != NULL)
      add_field (builder, request, field);
  add_loras (builder, request);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);

  return json_generator_to_data (generator, NULL);
}

/* --- reading -------------------------------------------------------------------- */

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
read_field (JsonObject            *object,
            HdRequest             *request,
            const HdRequestField  *field,
            GError               **error)
{
  gpointer member = G_STRUCT_MEMBER_P (request, field->offset);
  gint64   number;

  switch (field->kind)
    {
    case HD_FIELD_INT:
      number = *(int *) member;
      if (!read_int (object, field->member, &number, error))
        return FALSE;
      *(int *) member = (int) number;
      return TRUE;
    case HD_FIELD_INT64:
      return read_int (object, field->member, member, error);
    case HD_FIELD_DOUBLE:
      return read_number (object, field->member, member, error);
    case HD_FIELD_TEXT:
    case HD_FIELD_NOTE:
    case HD_FIELD_NAME:
    default:
      return read_string (object, field->member, member, error);
    }
}

static gboolean
read_task (JsonObject  *object,
           HdRequest   *request,
           GError     **error)
{
  g_autofree char     *task = g_strdup (hd_task_names ()[HD_TASK_GENERATE]);
  const char * const  *names = hd_task_names ();

  if (!read_string (object, "task", &task, error))
    return FALSE;

  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (names[i], task))
      {
        request->task = i;
        return TRUE;
      }

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               "Request: expected generate, transform, fill or upscale as \"task\", found \"%s\"", task);

  return FALSE;
}

static gboolean
read_loras (JsonObject  *object,
            HdRequest   *request,
            GError     **error)
{
  JsonNode  *node = json_object_get_member (object, "loras");
  JsonArray *uses = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint      n = uses != NULL ? json_array_get_length (uses) : 0;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;

  if (uses == NULL || n > HD_REQUEST_MAX_LORAS)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected a list of at most %d as \"loras\"", HD_REQUEST_MAX_LORAS);
      return FALSE;
    }

  for (guint i = 0; i < n; i++)
    {
      JsonNode        *use = json_array_get_element (uses, i);
      g_autofree char *name = NULL;
      double           weight = 1.0;

      if (!JSON_NODE_HOLDS_OBJECT (use)
          || !read_string (json_node_get_object (use), "name", &name, NULL)
          || !read_number (json_node_get_object (use), "weight", &weight, NULL)
          || name == NULL)
        {
          g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                               "Request: expected objects with \"name\" and \"weight\" in \"loras\"");
          return FALSE;
        }
      hd_request_add_lora (request, name, NULL, weight);
    }

  return TRUE;
}

static gboolean
read_members (JsonObject  *object,
              HdRequest   *request,
              GError     **error)
{
  gint64 version = HD_REQUEST_SCHEMA_VERSION;

  if (!read_int (object, "schema_version", &version, error))
    return FALSE;

  if (version < 1 || version > HD_REQUEST_SCHEMA_VERSION)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Request: expected schema version 1 to %d, found %" G_GINT64_FORMAT,
                   HD_REQUEST_SCHEMA_VERSION, version);
      return FALSE;
    }

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    if (field->member != NULL && !read_field (object, request, field, error))
      return FALSE;

  return read_task (object, request, error) && read_loras (object, request, error);
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
