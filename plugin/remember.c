/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>

#include "engine/json.h"
#include "plugin/error.h"
#include "plugin/remember.h"

void
hd_origin_clear (HdOrigin *origin)
{
  g_clear_pointer (&origin->source_name, g_free);
  *origin = (HdOrigin) { 0 };
}

/* --- writing -------------------------------------------------------------------- */

static void
attach (GimpLayer  *layer,
        const char *name,
        const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                              strlen (text), text);

  gimp_item_attach_parasite (GIMP_ITEM (layer), parasite);
  gimp_parasite_free (parasite);
}

static void
add_int (JsonBuilder *builder,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static char *
write_origin (const HdOrigin *origin)
{
  g_autoptr (JsonBuilder)   builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      root = NULL;

  json_builder_begin_object (builder);
  add_int (builder, "source", origin->source);
  if (origin->source_name)
    {
      json_builder_set_member_name (builder, "source_name");
      json_builder_add_string_value (builder, origin->source_name);
    }
  add_int (builder, "control", origin->control);
  add_int (builder, "x", origin->x);
  add_int (builder, "y", origin->y);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, NULL);
}

void
hd_remember (GimpLayer       *layer,
             const HdRequest *request,
             const HdOrigin  *origin)
{
  g_autofree char *json = hd_request_to_json (request);
  g_autofree char *source = NULL;

  attach (layer, HD_REQUEST_PARASITE, json);
  if (origin->source == 0 && origin->control == 0)
    return;

  source = write_origin (origin);
  attach (layer, HD_SOURCE_PARASITE, source);
}

/* --- reading -------------------------------------------------------------------- */

static char *
get_text (GimpLayer  *layer,
          const char *name)
{
  GimpParasite *parasite = gimp_item_get_parasite (GIMP_ITEM (layer), name);
  gconstpointer data;
  guint32       size;
  char         *text;

  if (! parasite)
    return NULL;

  data = gimp_parasite_get_data (parasite, &size);
  text = g_strndup (data, size);
  gimp_parasite_free (parasite);
  return text;
}

/* Anything that is no number of the range is 0: no layer has that tattoo. */
static gint64
get_int (JsonObject *object,
         const char *name,
         gint64      min,
         gint64      max)
{
  JsonNode *node = json_object_get_member (object, name);
  gint64    value = node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : 0;

  return value >= min && value <= max ? value : 0;
}

static void
read_origin (const char *text,
             HdOrigin   *origin)
{
  g_autoptr (JsonObject) object = hd_json_parse (text, strlen (text), HD_SOURCE_PARASITE, NULL);
  JsonNode              *name;

  if (! object)
    return;

  origin->source = (guint) get_int (object, "source", 0, G_MAXUINT32);
  origin->control = (guint) get_int (object, "control", 0, G_MAXUINT32);
  origin->x = (int) get_int (object, "x", -GIMP_MAX_IMAGE_SIZE, GIMP_MAX_IMAGE_SIZE);
  origin->y = (int) get_int (object, "y", -GIMP_MAX_IMAGE_SIZE, GIMP_MAX_IMAGE_SIZE);
  name = json_object_get_member (object, "source_name");
  if (name && JSON_NODE_HOLDS_VALUE (name))
    origin->source_name = g_strdup (json_node_get_string (name));
}

HdRequest *
hd_recall (GimpLayer  *layer,
           HdOrigin   *origin,
           GError    **error)
{
  g_autofree char      *json = get_text (layer, HD_REQUEST_PARASITE);
  g_autofree char      *source = NULL;
  g_autoptr (HdRequest) request = NULL;

  *origin = (HdOrigin) { 0 };
  if (! json)
    {
      g_autofree char *name = gimp_item_get_name (GIMP_ITEM (layer));

      /* TRANSLATORS: %s is the name of a layer. */
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                   _("The layer '%s' does not know how it was made: select one that HiDiffusion has made."), name);
      return NULL;
    }

  source = get_text (layer, HD_SOURCE_PARASITE);
  if (source)
    read_origin (source, origin);

  request = hd_request_from_json (json, error);
  if (! request || ! hd_request_check_settings (request, error))
    {
      hd_origin_clear (origin);
      return NULL;
    }

  return g_steal_pointer (&request);
}

GimpLayer *
hd_origin_find_source (const HdOrigin  *origin,
                       GimpImage       *image,
                       GError         **error)
{
  GimpLayer *layer = origin->source ? gimp_image_get_layer_by_tattoo (image, origin->source) : NULL;

  if (layer)
    return layer;

  if (origin->source_name)
    /* TRANSLATORS: %s is the name of a layer. */
    g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                 _("The layer '%s', which this one was made from, is not in the image any more."),
                 origin->source_name);
  else
    g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                         _("It is not known which layer this one was made from."));
  return NULL;
}

GimpDrawable *
hd_origin_find_control (const HdOrigin  *origin,
                        GimpImage       *image,
                        GError         **error)
{
  GimpLayer   *layer = origin->control ? gimp_image_get_layer_by_tattoo (image, origin->control) : NULL;
  GimpChannel *channel = NULL;

  if (layer)
    return GIMP_DRAWABLE (layer);

  channel = origin->control ? gimp_image_get_channel_by_tattoo (image, origin->control) : NULL;
  if (channel)
    return GIMP_DRAWABLE (channel);

  g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                       _("The layer that the ControlNet has read is not in the image any more."));
  return NULL;
}
