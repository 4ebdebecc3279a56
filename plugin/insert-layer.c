/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>
#include <gegl.h>

#include "plugin/error.h"
#include "plugin/insert-layer.h"

/* Characters of the prompt that a layer is named after: what the layers dialog has room for, and some. */
#define MAX_NAME_LENGTH 60

gboolean
hd_image_takes_pictures (GimpImage  *image,
                         GError    **error)
{
  if (gimp_image_get_base_type (image) != GIMP_INDEXED)
    return TRUE;

  g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                       _("The image has a palette, which cannot hold the colours of a picture. "
                         "Turn it into an RGB image first: Image > Mode > RGB."));
  return FALSE;
}

/* The prompt on one line, cut at a word where it is too long. */
static char *
name_layer (const char *prompt)
{
  g_autofree char   *text = g_utf8_make_valid (prompt, -1);
  g_autoptr (GRegex) spaces = g_regex_new ("[\\s\\p{Cc}]+", 0, 0, NULL);
  g_autofree char   *line = g_regex_replace_literal (spaces, text, -1, 0, " ", 0, NULL);
  char              *end;
  char              *space;

  g_strstrip (line);
  if (g_utf8_strlen (line, -1) <= MAX_NAME_LENGTH)
    return g_steal_pointer (&line);

  end = g_utf8_offset_to_pointer (line, MAX_NAME_LENGTH - 1);
  space = g_strrstr_len (line, end - line + 1, " ");
  /* Languages without spaces, or one endless word, are cut in place. */
  if (space && g_utf8_pointer_to_offset (line, space) >= MAX_NAME_LENGTH / 2)
    end = space;
  *end = '\0';

  return g_strconcat (g_strchomp (line), "…", NULL);
}

static void
attach_request (GimpLayer       *layer,
                const HdRequest *request)
{
  g_autofree char *json = hd_request_to_json (request);
  GimpParasite    *parasite;

  parasite = gimp_parasite_new (HD_REQUEST_PARASITE,
                                GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                strlen (json), json);
  gimp_item_attach_parasite (GIMP_ITEM (layer), parasite);
  gimp_parasite_free (parasite);
}

static void
fill_layer (GimpLayer       *layer,
            const HdPicture *picture)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (layer));

  /* Whatever precision, model and colour profile the image has: babl converts. */
  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, picture->width, picture->height), 0,
                   babl_format ("R'G'B' float"), picture->pixels, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_flush (buffer);
}

/* A complete layer that is in no image yet. */
static GimpLayer *
make_layer (GimpImage       *image,
            const HdPicture *picture)
{
  g_autofree char *name = name_layer (picture->request->prompt);
  GimpImageType    type = GIMP_RGBA_IMAGE;
  GimpLayer       *layer;

  if (gimp_image_get_base_type (image) == GIMP_GRAY)
    type = GIMP_GRAYA_IMAGE;

  layer = gimp_layer_new (image, name, picture->width, picture->height, type, 100.0,
                          gimp_image_get_default_new_layer_mode (image));
  if (! layer)
    return NULL;

  fill_layer (layer, picture);
  attach_request (layer, picture->request);
  gimp_layer_set_offsets (layer,
                          (gimp_image_get_width (image) - picture->width) / 2,
                          (gimp_image_get_height (image) - picture->height) / 2);
  return layer;
}

GimpLayer *
hd_insert_layer (GimpImage        *image,
                 const HdPicture  *picture,
                 GError          **error)
{
  GimpLayer *layer;
  gboolean   inserted;

  if (! hd_image_takes_pictures (image, error))
    return NULL;

  layer = make_layer (image, picture);
  if (! layer)
    {
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                   _("GIMP could not make a layer of %d × %d pixels."), picture->width, picture->height);
      return NULL;
    }

  /* The group gives the step the procedure's name in the undo history. */
  gimp_image_undo_group_start (image);
  inserted = gimp_image_insert_layer (image, layer, NULL, -1);
  gimp_image_undo_group_end (image);

  if (! inserted)
    {
      gimp_item_delete (GIMP_ITEM (layer));
      g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                           _("GIMP could not add the layer to the image."));
      return NULL;
    }

  return layer;
}
