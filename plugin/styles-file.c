/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "engine/json.h"
#include "engine/request_fields.h"
#include "plugin/styles.h"

#define VERSION    1
#define MAX_BYTES  (4 * 1024 * 1024)
#define MAX_STYLES 1000

/* Where reading is, for messages. */
typedef struct
{
  const char *path;
  guint       number;    /* of the style, from 1; 0: not in one */
  const char *name;      /* of the style; NULL while not known */
} Place;

/* --- errors --------------------------------------------------------------------- */

static char *
describe_place (const Place *place)
{
  g_autofree char *name = place->name ? hd_json_quote (place->name) : NULL;

  if (place->number == 0)
    return g_strdup (place->path);
  if (! name)
    /* TRANSLATORS: a file, and the number of a style in it. */
    return g_strdup_printf (_("%s, style %u"), place->path, place->number);

  /* TRANSLATORS: a file, and the number and name of a style in it. */
  return g_strdup_printf (_("%s, style %u (%s)"), place->path, place->number, name);
}

static gboolean
refuse (const Place  *place,
        const char   *member,
        const char   *expected,
        JsonNode     *found,
        GError      **error)
{
  g_autofree char *where = describe_place (place);
  g_autofree char *what = hd_json_describe (found);

  /* TRANSLATORS: where in a file ("styles.json, style 3"); a word of it; what should be there; what is there. */
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: %s: expected %s, found %s"), where, member, expected,
               what);
  return FALSE;
}

/* --- one style ------------------------------------------------------------------ */

static gboolean
read_text (const Place  *place,
           const char   *member,
           JsonNode     *node,
           char        **text,
           GError      **error)
{
  if (! JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return refuse (place, member, _("a text in quotes"), node, error);

  g_free (*text);
  *text = json_node_dup_string (node);
  return TRUE;
}

static gboolean
read_number (const Place           *place,
             const HdRequestField  *field,
             JsonNode              *node,
             double                *number,
             GError               **error)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;

  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
    return refuse (place, field->member, _("a number"), node, error);

  *number = json_node_get_double (node);
  if (field->kind == HD_FIELD_INT && ! (*number == floor (*number) && fabs (*number) <= G_MAXINT))
    return refuse (place, field->member, _("a whole number"), node, error);

  return TRUE;
}

static gboolean
read_setting (const Place           *place,
              const HdRequestField  *field,
              JsonNode              *node,
              HdRequest             *settings,
              GError               **error)
{
  gpointer         target = G_STRUCT_MEMBER_P (settings, field->offset);
  g_autofree char *where = describe_place (place);
  double           number = 0.0;

  if (field->kind == HD_FIELD_NAME)
    {
      if (! read_text (place, field->member, node, target, error))
        return FALSE;
    }
  else
    {
      if (! read_number (place, field, node, &number, error))
        return FALSE;
      if (field->kind == HD_FIELD_INT)
        *(int *) target = (int) number;
      else
        *(double *) target = number;
    }

  if (hd_request_check_field (settings, field, error))
    return TRUE;

  g_prefix_error (error, "%s: ", where);
  if (error)
    (*error)->code = HD_ENGINE_ERROR_FILE;
  return FALSE;
}

static const HdRequestField *
find_setting (const char *member)
{
  if (! g_strv_contains (hd_style_settings (), member))
    return NULL;

  for (const HdRequestField *field = hd_request_fields (); field->name; field++)
    if (g_strcmp0 (field->member, member) == 0)
      return field;

  return NULL;
}

static gboolean
refuse_member (const Place  *place,
               const char   *member,
               GError      **error)
{
  g_autofree char *where = describe_place (place);
  g_autofree char *found = hd_json_quote (member);
  g_autofree char *settings = g_strjoinv (", ", (char **) hd_style_settings ());

  /* TRANSLATORS: where in a file ("styles.json, style 3"); words that may be there; what is there. */
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
               _("%s: expected one of name, description, prompt, negative_prompt, %s; found %s"), where, settings, found);
  return FALSE;
}

static gboolean
read_member (const Place  *place,
             const char   *member,
             JsonNode     *node,
             HdStyle      *style,
             GError      **error)
{
  const HdRequestField *field = find_setting (member);

  if (field)
    return read_setting (place, field, node, style->settings, error);
  if (g_str_equal (member, "name"))
    return TRUE;
  if (g_str_equal (member, "description"))
    return read_text (place, member, node, &style->description, error);
  if (g_str_equal (member, "prompt"))
    return read_text (place, member, node, &style->prompt, error);
  if (g_str_equal (member, "negative_prompt"))
    return read_text (place, member, node, &style->negative_prompt, error);

  return refuse_member (place, member, error);
}

static HdStyle *
read_style (Place     *place,
            JsonNode  *node,
            GError   **error)
{
  g_autoptr (HdStyle)  style = hd_style_new ("");
  JsonObject          *object;
  JsonNode            *name;
  JsonObjectIter       iter;
  const char          *member;
  JsonNode            *value;

  if (! JSON_NODE_HOLDS_OBJECT (node))
    {
      refuse (place, "{}", _("a style in braces"), node, error);
      return NULL;
    }

  object = json_node_get_object (node);
  name = json_object_get_member (object, "name");
  if (! name || ! JSON_NODE_HOLDS_VALUE (name) || json_node_get_value_type (name) != G_TYPE_STRING
      || ! hd_style_check_name (json_node_get_string (name)))
    {
      refuse (place, "name", _("a name of at most 100 letters, without commas"), name, error);
      return NULL;
    }
  hd_request_set (&style->name, json_node_get_string (name));
  place->name = style->name;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &member, &value))
    if (! read_member (place, member, value, style, error))
      return NULL;

  return g_steal_pointer (&style);
}

/* --- the file ------------------------------------------------------------------- */

/* The array with the styles, which belongs to @root. */
static JsonArray *
find_array (const char  *path,
            JsonObject  *root,
            GError     **error)
{
  const Place  place = { .path = path };
  JsonNode    *version = json_object_get_member (root, "version");
  JsonNode    *styles = json_object_get_member (root, "styles");

  if (! version || ! JSON_NODE_HOLDS_VALUE (version) || json_node_get_value_type (version) != G_TYPE_INT64
      || json_node_get_int (version) != VERSION)
    {
      refuse (&place, "version", "1", version, error);
      return NULL;
    }
  if (! styles || ! JSON_NODE_HOLDS_ARRAY (styles))
    {
      refuse (&place, "styles", _("a list of styles in brackets"), styles, error);
      return NULL;
    }
  if (json_array_get_length (json_node_get_array (styles)) > MAX_STYLES)
    {
      refuse (&place, "styles", _("at most 1000 styles"), styles, error);
      return NULL;
    }

  return json_node_get_array (styles);
}

static GPtrArray *
read_styles (const char  *path,
             JsonObject  *root,
             GError     **error)
{
  g_autoptr (GPtrArray)  styles = hd_styles_new ();
  JsonArray             *array = find_array (path, root, error);

  if (! array)
    return NULL;

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      Place     place = { .path = path, .number = i + 1 };
      JsonNode *node = json_array_get_element (array, i);
      HdStyle  *style = read_style (&place, node, error);

      if (! style)
        return NULL;
      if (hd_styles_find (styles, style->name))
        {
          refuse (&place, "name", _("each name once"), json_object_get_member (json_node_get_object (node), "name"), error);
          hd_style_free (style);
          return NULL;
        }
      g_ptr_array_add (styles, style);
    }

  return g_steal_pointer (&styles);
}

GPtrArray *
hd_styles_read (const char  *path,
                GError     **error)
{
  g_autoptr (JsonObject) root = NULL;

  if (! g_file_test (path, G_FILE_TEST_EXISTS))
    return hd_styles_new ();

  root = hd_json_read_file (path, MAX_BYTES, error);
  return root ? read_styles (path, root, error) : NULL;
}

/* --- writing -------------------------------------------------------------------- */

static void
write_text (JsonObject *object,
            const char *member,
            const char *text)
{
  if (*text)
    json_object_set_string_member (object, member, text);
}

static JsonNode *
write_style (const HdStyle *style)
{
  JsonObject            *object = json_object_new ();
  JsonNode              *node = json_node_init_object (json_node_alloc (), object);
  g_autoptr (HdRequest)  usual = hd_request_new ();

  json_object_set_string_member (object, "name", style->name);
  write_text (object, "description", style->description);
  write_text (object, "prompt", style->prompt);
  write_text (object, "negative_prompt", style->negative_prompt);

  for (const HdRequestField *field = hd_request_fields (); field->name; field++)
    {
      gconstpointer value = G_STRUCT_MEMBER_P (style->settings, field->offset);
      gconstpointer other = G_STRUCT_MEMBER_P (usual, field->offset);

      if (! field->member || ! g_strv_contains (hd_style_settings (), field->member))
        continue;
      if (field->kind == HD_FIELD_NAME && ! g_str_equal (*(char * const *) value, *(char * const *) other))
        json_object_set_string_member (object, field->member, *(char * const *) value);
      else if (field->kind == HD_FIELD_INT && *(const int *) value != *(const int *) other)
        json_object_set_int_member (object, field->member, *(const int *) value);
      else if (field->kind == HD_FIELD_DOUBLE && *(const double *) value != *(const double *) other)
        json_object_set_double_member (object, field->member, *(const double *) value);
    }

  json_object_unref (object);
  return node;
}

/* The file as it is, or one without styles. */
static JsonObject *
open_file (const char  *path,
           GError     **error)
{
  g_autoptr (JsonObject) root = NULL;
  g_autoptr (GPtrArray)  styles = NULL;

  if (! g_file_test (path, G_FILE_TEST_EXISTS))
    {
      root = json_object_new ();
      json_object_set_int_member (root, "version", VERSION);
      json_object_set_array_member (root, "styles", json_array_new ());
      return g_steal_pointer (&root);
    }

  root = hd_json_read_file (path, MAX_BYTES, error);
  if (root)
    styles = read_styles (path, root, error);

  return styles ? g_steal_pointer (&root) : NULL;
}

gboolean
hd_styles_write (const char     *path,
                 const HdStyle  *style,
                 GError        **error)
{
  g_autoptr (JsonObject)    root = open_file (path, error);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      node = NULL;
  g_autofree char          *text = NULL;
  g_autofree char          *lines = NULL;
  JsonArray                *array;

  if (! root)
    return FALSE;

  array = json_object_get_array_member (root, "styles");
  for (guint i = json_array_get_length (array); i > 0; i--)
    if (g_str_equal (json_object_get_string_member (json_array_get_object_element (array, i - 1), "name"), style->name))
      json_array_remove_element (array, i - 1);
  json_array_add_element (array, write_style (style));

  node = json_node_init_object (json_node_alloc (), root);
  json_generator_set_root (generator, node);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  lines = g_strconcat (text, "\n", NULL);

  /* Whole or not at all. */
  return g_file_set_contents_full (path, lines, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}
