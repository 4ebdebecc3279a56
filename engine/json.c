/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/file.h"
#include "engine/json.h"

#define MESSAGE_LENGTH 120   /* characters of a value that a message shows */

/* Index behind the string that begins at @i (its opening quote); @length if it does not end or is not valid. */
static gsize
skip_string (const char *text,
             gsize       length,
             gsize       i)
{
  for (i++; i < length; i++)
    {
      if (text[i] == '"')
        return i + 1;
      if ((guchar) text[i] < 0x20)
        return length;
      if (text[i] == '\\')
        i++;
    }

  return length;
}

/* Where index @i of a text is, as editors count. */
static char *
describe_position (const char *text,
                   gsize       i)
{
  gsize line = 1;
  gsize column = 1;

  for (gsize k = 0; k < i; k++)
    {
      line += text[k] == '\n';
      column = text[k] == '\n' ? 1 : column + 1;
    }

  return g_strdup_printf ("line %" G_GSIZE_FORMAT ", column %" G_GSIZE_FORMAT, line, column);
}

/* Walks over the text once, without recursion: one value with matching brackets, and outside of strings only
 * JSON's own characters, so that what is taken for a string here is what the parser takes for one. *@members: how many
 * members all objects together have, each with its colon. */
static gboolean
check_extent (const char  *text,
              gsize        length,
              const char  *path,
              gsize       *members,
              GError     **error)
{
  char     closing[HD_JSON_MAX_DEPTH];
  gsize    values = 1;
  int      depth = 0;
  gboolean begun = FALSE;

  *members = 0;
  for (gsize i = 0; i < length;)
    {
      char     c = text[i];
      gboolean space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
      gboolean known = space || c == '"' || g_ascii_isalnum (c) || (c != '\0' && strchr (",:+-.{}[]", c) != NULL);

      if (!known || (begun && depth == 0 && !space))
        {
          g_autofree char *position = describe_position (text, i);

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: expected JSON, found the byte 0x%02x at %s", path, (guchar) c, position);
          return FALSE;
        }

      begun |= c == '{' || c == '[';
      values += c == ',' || c == '{' || c == '[';
      *members += c == ':';
      if (values > HD_JSON_MAX_VALUES || ((c == '{' || c == '[') && depth == HD_JSON_MAX_DEPTH))
        {
          g_autofree char *position = describe_position (text, i);

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: expected JSON of at most %d values, not more than %d deep, found more at %s",
                       path, HD_JSON_MAX_VALUES, HD_JSON_MAX_DEPTH, position);
          return FALSE;
        }

      if (c == '{' || c == '[')
        closing[depth++] = c == '{' ? '}' : ']';
      else if ((c == '}' || c == ']') && (depth == 0 || closing[--depth] != c))
        {
          g_autofree char *position = describe_position (text, i);

          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                       "%s: expected JSON, found '%c' without its opening bracket at %s", path, c, position);
          return FALSE;
        }
      i = c == '"' ? skip_string (text, length, i) : i + 1;
    }

  if (depth > 0)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                 "%s: expected JSON, found its end while %d brackets are open", path, depth);

  return depth == 0;
}

/* json-glib keeps the last of two members of one name: then there are fewer than the text has. The recursion is as deep as
 * the text, which check_extent() bounds. */
static gsize
count_members (JsonNode *node)
{
  gsize          n = 0;
  JsonObjectIter iter;
  JsonNode      *value;

  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);

      for (guint i = 0; i < json_array_get_length (array); i++)
        n += count_members (json_array_get_element (array, i));
    }
  else if (JSON_NODE_HOLDS_OBJECT (node))
    {
      json_object_iter_init (&iter, json_node_get_object (node));
      while (json_object_iter_next (&iter, NULL, &value))
        n += 1 + count_members (value);
    }

  return n;
}

JsonObject *
hd_json_parse (const char  *text,
               gsize        length,
               const char  *path,
               GError     **error)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError)     parse_error = NULL;
  gsize                  members;
  JsonNode              *root;

  if (!g_utf8_validate_len (text, length, NULL))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected JSON, found text that is not UTF-8", path);
      return NULL;
    }
  if (!check_extent (text, length, path, &members, error))
    return NULL;

  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize) length, &parse_error))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected JSON, found an error in it: %s", path, parse_error->message);
      return NULL;
    }

  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_autofree char *found = hd_json_describe (root);

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected a JSON object, found %s", path, found);
      return NULL;
    }
  if (count_members (root) != members)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                   "%s: expected each name once in a JSON object, found one twice", path);
      return NULL;
    }

  return json_object_ref (json_node_get_object (root));
}

JsonObject *
hd_json_read_file (const char  *path,
                   gsize        limit,
                   GError     **error)
{
  g_autofree char *text = NULL;
  gsize            length;

  text = hd_file_contents (path, limit, &length, error);
  if (text == NULL)
    return NULL;

  return hd_json_parse (text, length, path, error);
}

/* @text without its end if it is longer than a message should be. */
static char *
shorten (const char *text)
{
  g_autofree char *start = NULL;

  if (g_utf8_strlen (text, -1) <= MESSAGE_LENGTH)
    return g_strdup (text);

  start = g_utf8_substring (text, 0, MESSAGE_LENGTH);
  return g_strconcat (start, "...", NULL);
}

char *
hd_json_describe (JsonNode *node)
{
  g_autofree char *text = NULL;

  if (node == NULL)
    return g_strdup ("nothing");
  /* Whatever is inside may be large, and says nothing. */
  if (JSON_NODE_HOLDS_OBJECT (node))
    return g_strdup ("an object");
  if (JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) > 16)
    return g_strdup_printf ("a list of %u values", json_array_get_length (json_node_get_array (node)));

  text = json_to_string (node, FALSE);
  return shorten (text);
}

char *
hd_json_quote (const char *text)
{
  g_autofree char *start = shorten (text);
  GString         *quoted = g_string_new ("\"");

  for (const char *p = start; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_iscntrl (c))
        g_string_append_printf (quoted, "\\u%04x", c);
      else
        g_string_append_unichar (quoted, c);
    }

  return g_string_free (g_string_append_c (quoted, '"'), FALSE);
}
