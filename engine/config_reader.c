/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/config_reader.h"

#define MAX_CONFIG_BYTES (1 << 20)

gboolean
hd_config_reader_open (HdConfigReader  *reader,
                       const char      *path,
                       GError         **error)
{
  reader->error = NULL;
  reader->path = NULL;
  reader->object = hd_json_read_file (path, MAX_CONFIG_BYTES, error);
  if (reader->object == NULL)
    return FALSE;

  reader->path = g_strdup (path);
  return TRUE;
}

gboolean
hd_config_reader_close (HdConfigReader  *reader,
                        GError         **error)
{
  gboolean ok = reader->error == NULL;

  if (!ok)
    g_propagate_error (error, g_steal_pointer (&reader->error));
  g_clear_pointer (&reader->object, json_object_unref);
  g_clear_pointer (&reader->path, g_free);

  return ok;
}

/* The member; NULL if it is missing or null, or if there was an error before. */
static JsonNode *
get_member (HdConfigReader *reader,
            const char     *name)
{
  JsonNode *node = reader->error == NULL ? json_object_get_member (reader->object, name) : NULL;

  return node == NULL || JSON_NODE_HOLDS_NULL (node) ? NULL : node;
}

static gboolean
node_holds (JsonNode *node,
            GType     type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

static gboolean
node_int (JsonNode *node,
          int       min,
          int       max,
          int      *value)
{
  gint64 n;

  if (!node_holds (node, G_TYPE_INT64))
    return FALSE;
  n = json_node_get_int (node);
  if (n < min || n > max)
    return FALSE;

  *value = (int) n;
  return TRUE;
}

/* Index in @names, -1 if it is none of them. */
static int
node_enum (JsonNode           *node,
           const char * const *names)
{
  if (!node_holds (node, G_TYPE_STRING))
    return -1;
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp (json_node_get_string (node), names[i]) == 0)
      return i;

  return -1;
}

void
hd_config_fail (HdConfigReader *reader,
                const char     *name,
                const char     *format,
                ...)
{
  g_autofree char *expected = NULL;
  g_autofree char *found = NULL;
  va_list          args;

  if (reader->error != NULL)
    return;

  va_start (args, format);
  expected = g_strdup_vprintf (format, args);
  va_end (args);
  found = hd_json_describe (json_object_get_member (reader->object, name));
  g_set_error (&reader->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               "%s: expected %s as \"%s\", found %s", reader->path, expected, name, found);
}

void
hd_config_enter (HdConfigReader *reader,
                 const char     *name)
{
  JsonNode *node = get_member (reader, name);

  if (node == NULL)
    return;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      hd_config_fail (reader, name, "an object");
      return;
    }

  JsonObject *inner = json_object_ref (json_node_get_object (node));

  json_object_unref (reader->object);
  reader->object = inner;
}

gboolean
hd_config_has (HdConfigReader *reader,
               const char     *name)
{
  return get_member (reader, name) != NULL;
}

int
hd_config_int (HdConfigReader *reader,
               const char     *name,
               int             standard,
               int             min,
               int             max)
{
  JsonNode *node = get_member (reader, name);
  int       value = standard;

  if (node != NULL && !node_int (node, min, max, &value))
    hd_config_fail (reader, name, "an integer from %d to %d", min, max);

  return value;
}

double
hd_config_double (HdConfigReader *reader,
                  const char     *name,
                  double          standard,
                  double          min,
                  double          max)
{
  JsonNode *node = get_member (reader, name);
  double    value;

  if (node == NULL)
    return standard;

  value = node_holds (node, G_TYPE_INT64) || node_holds (node, G_TYPE_DOUBLE) ? json_node_get_double (node) : -G_MAXDOUBLE;
  if (value >= min && value <= max)
    return value;

  hd_config_fail (reader, name, "a number from %g to %g", min, max);
  return standard;
}

gboolean
hd_config_boolean (HdConfigReader *reader,
                   const char     *name,
                   gboolean        standard)
{
  JsonNode *node = get_member (reader, name);

  if (node == NULL)
    return standard;
  if (node_holds (node, G_TYPE_BOOLEAN))
    return json_node_get_boolean (node);

  hd_config_fail (reader, name, "true or false");
  return standard;
}

char *
hd_config_string (HdConfigReader *reader,
                  const char     *name,
                  const char     *standard)
{
  JsonNode *node = get_member (reader, name);

  if (node == NULL)
    return g_strdup (standard);
  if (node_holds (node, G_TYPE_STRING))
    return json_node_dup_string (node);

  hd_config_fail (reader, name, "a string");
  return g_strdup (standard);
}

int
hd_config_enum (HdConfigReader     *reader,
                const char         *name,
                int                 standard,
                const char * const *names)
{
  JsonNode *node = get_member (reader, name);
  int       value = node != NULL ? node_enum (node, names) : standard;

  if (value < 0)
    {
      g_autofree char *list = g_strjoinv (", ", (char **) names);

      hd_config_fail (reader, name, "one of: %s", list);
      return standard;
    }

  return value;
}

/* The elements of a list of @min to @max integers; their number, 0 if it is none. */
static int
node_ints (JsonNode *node,
           int       min_value,
           int       max_value,
           int      *values,
           int       min,
           int       max)
{
  JsonArray *array;
  guint      n;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return 0;
  array = json_node_get_array (node);
  n = json_array_get_length (array);
  if (n < (guint) min || n > (guint) max)
    return 0;

  for (guint i = 0; i < n; i++)
    if (!node_int (json_array_get_element (array, i), min_value, max_value, &values[i]))
      return 0;

  return (int) n;
}

int
hd_config_ints (HdConfigReader *reader,
                const char     *name,
                const int      *standard,
                int             n_standard,
                int             min_value,
                int             max_value,
                int            *values,
                int             max)
{
  JsonNode *node = get_member (reader, name);
  int       n = 0;

  if (node != NULL)
    n = node_ints (node, min_value, max_value, values, 1, max);
  else if (standard != NULL)
    memcpy (values, standard, sizeof *values * (gsize) (n = n_standard));

  if (n == 0)
    hd_config_fail (reader, name, "a list of 1 to %d integers from %d to %d", max, min_value, max_value);

  return n;
}

void
hd_config_int_or_ints (HdConfigReader *reader,
                       const char     *name,
                       int             standard,
                       int             min_value,
                       int             max_value,
                       int            *values,
                       int             n)
{
  JsonNode *node = get_member (reader, name);
  int       value = standard;

  if (node != NULL && node_ints (node, min_value, max_value, values, n, n) == n)
    return;

  if (node != NULL && !node_int (node, min_value, max_value, &value))
    hd_config_fail (reader, name, "an integer from %d to %d, or a list of %d", min_value, max_value, n);
  for (int i = 0; i < n; i++)
    values[i] = value;
}

void
hd_config_enums (HdConfigReader     *reader,
                 const char         *name,
                 const char * const *names,
                 int                *values,
                 int                 n)
{
  JsonNode        *node = get_member (reader, name);
  JsonArray       *array;
  g_autofree char *list = NULL;

  if (node == NULL)
    return;

  list = g_strjoinv (", ", (char **) names);
  array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (array == NULL || json_array_get_length (array) != (guint) n)
    {
      hd_config_fail (reader, name, "a list of %d of: %s", n, list);
      return;
    }

  for (int i = 0; i < n; i++)
    {
      values[i] = node_enum (json_array_get_element (array, (guint) i), names);
      if (values[i] < 0)
        {
          values[i] = 0;
          hd_config_fail (reader, name, "a list of %d of: %s", n, list);
          return;
        }
    }
}

void
hd_config_expect (HdConfigReader *reader,
                  const char     *name,
                  const char     *allowed)
{
  JsonNode         *node = reader->error == NULL ? json_object_get_member (reader->object, name) : NULL;
  g_autofree char  *text = NULL;
  g_auto (GStrv)    choices = NULL;
  g_autofree char  *list = NULL;

  if (node == NULL)
    return;

  text = json_to_string (node, FALSE);
  choices = g_strsplit (allowed, "|", -1);
  if (g_strv_contains ((const char * const *) choices, text))
    return;

  list = g_strjoinv (" or ", choices);
  hd_config_fail (reader, name, "%s", list);
}
