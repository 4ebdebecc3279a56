/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>
#include <gegl.h>

#include "plugin/colours.h"
#include "plugin/error.h"
#include "plugin/insert-layer.h"
#include "plugin/new-image.h"
#include "plugin/remember.h"
#include "plugin/write-metadata.h"

/* Characters of the prompt that a layer is named after: what the layers dialog has room for, and some. */
#define MAX_NAME_LENGTH 60

/* Rows that are given to GIMP at once. */
#define BAND_PIXELS (1 << 20)

gboolean
hd_image_takes_pictures (GimpImage  *image,
                         GError    **error)
{
  if (gimp_image_get_base_type (image) == GIMP_INDEXED)
    {
      g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                           _("The image has a palette, which cannot hold the colours of a picture. "
                             "Turn it into an RGB image first: Image > Mode > RGB."));
      return FALSE;
    }

  if (gimp_image_get_floating_sel (image))
    {
      g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                           _("The image has a floating selection. Anchor it, or make a layer of it, first: Layer > "
                             "Anchor Layer, Layer > To New Layer."));
      return FALSE;
    }

  return TRUE;
}

/* --- the layer ------------------------------------------------------------------ */

/* The prompt on one line, cut at a word where it is too long. */
static char *
shorten (const char *prompt)
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

static gboolean
has_source (const HdPlace *place)
{
  return place->source.layer && gimp_item_is_valid (GIMP_ITEM (place->source.layer));
}

/* After the prompt or, where that may be left out, after the layer that it was made from. */
static char *
name_layer (const HdPlace   *place,
            const HdPicture *picture)
{
  g_autofree char *name = shorten (picture->request->prompt);
  g_autofree char *source = NULL;

  if (*name || ! has_source (place))
    return g_steal_pointer (&name);

  source = gimp_item_get_name (GIMP_ITEM (place->source.layer));
  /* TRANSLATORS: %s is the name of a layer. */
  return g_strdup_printf (place->task == HD_TASK_UPSCALE ? _("%s, upscaled") : _("%s, filled"), source);
}

static void
fill_layer (GimpLayer       *layer,
            const HdPicture *picture,
            const HdImage   *alpha)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (layer));
  int                    band = CLAMP (BAND_PIXELS / picture->width, 1, picture->height);
  g_autofree float      *pixels = g_new (float, (gsize) 4 * band * picture->width);
  HdColours              colours;

  hd_colours_init (&colours, GIMP_DRAWABLE (layer), TRUE);
  for (int y = 0; y < picture->height; y += band)
    {
      int   rows = MIN (band, picture->height - y);
      gsize first = (gsize) y * picture->width;
      gsize count = (gsize) rows * picture->width;

      for (gsize i = 0; i < count; i++)
        {
          memcpy (pixels + 4 * i, picture->pixels + 3 * (first + i), 3 * sizeof *pixels);
          pixels[4 * i + 3] = alpha ? alpha->pixels[first + i] : 1.0f;
        }
      hd_colours_convert (&colours, pixels, count);
      gegl_buffer_set (buffer, GEGL_RECTANGLE (0, y, picture->width, rows), 0,
                       colours.format, pixels, GEGL_AUTO_ROWSTRIDE);
    }
  hd_colours_clear (&colours);
  gegl_buffer_flush (buffer);
}

/* The filled part of the mask that was read, as the layer's own. */
static gboolean
add_mask (GimpLayer        *layer,
          const HdPlace    *place,
          const HdPicture  *picture,
          GError          **error)
{
  g_autoptr (HdImage)     part = NULL;
  g_autoptr (GeglBuffer)  buffer = NULL;
  GimpLayerMask          *mask;

  part = hd_image_crop (place->source.mask, picture->x, picture->y, picture->width, picture->height, error);
  if (! part)
    return FALSE;

  mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_BLACK);
  buffer = gimp_drawable_get_buffer (GIMP_DRAWABLE (mask));
  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, part->width, part->height), 0,
                   babl_format ("Y float"), part->pixels, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_flush (buffer);
  return gimp_layer_add_mask (layer, mask);
}

static gboolean
draw_layer (GimpLayer        *layer,
            const HdPlace    *place,
            const HdPicture  *picture,
            GError          **error)
{
  g_autoptr (HdImage) alpha = NULL;

  if (place->task == HD_TASK_FILL)
    {
      fill_layer (layer, picture, NULL);
      return add_mask (layer, place, picture, error);
    }

  if (place->source.alpha)
    {
      alpha = hd_image_resize (place->source.alpha, picture->width, picture->height, error);
      if (! alpha)
        return FALSE;
    }
  fill_layer (layer, picture, alpha);
  if (place->source.layer)
    hd_copy_layer_mask (&place->source, layer);
  return TRUE;
}

/* --- where it lies -------------------------------------------------------------- */

static gboolean
is_in (GimpItem  *item,
       GimpImage *image)
{
  return item && gimp_item_is_valid (item) && gimp_item_get_image (item) == image;
}

static void
move_layer (GimpLayer       *layer,
            GimpImage       *image,
            const HdPlace   *place,
            const HdPicture *picture)
{
  int x = (gimp_image_get_width (image) - picture->width) / 2;
  int y = (gimp_image_get_height (image) - picture->height) / 2;

  if (is_in (GIMP_ITEM (place->again), image) && place->task == HD_TASK_UPSCALE)
    gimp_drawable_get_offsets (GIMP_DRAWABLE (place->again), &x, &y);
  /* Also where the layer is gone that lay there. */
  else if (place->source.layer && place->source.image == image)
    {
      x = place->source.area.x + picture->x;
      y = place->source.area.y + picture->y;
    }

  gimp_layer_set_offsets (layer, x, y);
}

/* The selected layer's group if that is the pictures' own: another picture does not belong into it. */
static GimpItem *
find_selected_group (GimpImage     *image,
                     const HdPlace *place)
{
  g_autofree GimpLayer **selected = gimp_image_get_selected_layers (image);

  if (! is_in (GIMP_ITEM (place->group), image) || ! selected || ! selected[0])
    return NULL;

  return gimp_item_get_parent (GIMP_ITEM (selected[0])) == GIMP_ITEM (place->group) ? GIMP_ITEM (place->group) : NULL;
}

/* The item that the new layer, or its group, goes above; NULL: the selected one. */
static GimpItem *
find_anchor (GimpImage     *image,
             const HdPlace *place)
{
  GimpItem *last = place->layers->len > 0 ? g_ptr_array_index (place->layers, place->layers->len - 1) : NULL;

  if (! place->source.layer && ! place->again)
    return find_selected_group (image, place);
  if (is_in (last, image))
    return gimp_item_get_parent (last) == GIMP_ITEM (place->group) && place->group ? GIMP_ITEM (place->group) : last;
  if (is_in (GIMP_ITEM (place->again), image))
    return GIMP_ITEM (place->again);
  if (is_in (GIMP_ITEM (place->source.layer), image))
    return GIMP_ITEM (place->source.layer);

  return NULL;
}

static gboolean
insert_above (GimpImage *image,
              GimpLayer *layer,
              GimpItem  *anchor)
{
  if (! anchor)
    return gimp_image_insert_layer (image, layer, NULL, -1);

  return gimp_image_insert_layer (image, layer, GIMP_LAYER (gimp_item_get_parent (anchor)),
                                  gimp_image_get_item_position (image, anchor));
}

/* Whether the group is there that pictures of this name are in. */
static gboolean
has_group (GimpImage     *image,
           const HdPlace *place,
           const char    *name)
{
  return is_in (GIMP_ITEM (place->group), image) && g_strcmp0 (place->group_name, name) == 0;
}

static gboolean
wants_group (GimpImage     *image,
             const HdPlace *place,
             const char    *name)
{
  return place->show && (place->several || has_group (image, place, name));
}

static gboolean
add_group (GimpImage  *image,
           HdPlace    *place,
           const char *name)
{
  GimpLayer *group = GIMP_LAYER (gimp_group_layer_new (image, name));

  if (! group || ! insert_above (image, group, find_anchor (image, place)))
    return FALSE;

  place->group = group;
  g_free (place->group_name);
  place->group_name = g_strdup (name);
  return TRUE;
}

static gboolean
insert (GimpImage  *image,
        GimpLayer  *layer,
        HdPlace    *place,
        const char *name)
{
  if (! wants_group (image, place, name))
    return insert_above (image, layer, find_anchor (image, place));

  if (! has_group (image, place, name) && ! add_group (image, place, name))
    return FALSE;

  return gimp_image_insert_layer (image, layer, place->group, 0);
}

static void
remember (GimpLayer       *layer,
          GimpImage       *image,
          const HdPlace   *place,
          const HdPicture *picture)
{
  GimpItem *source = GIMP_ITEM (place->kept ? place->kept : place->source.layer);
  HdOrigin  origin = { .x = picture->x, .y = picture->y };

  if (is_in (source, image))
    {
      origin.source = gimp_item_get_tattoo (source);
      origin.source_name = gimp_item_get_name (source);
    }
  if (picture->request->control.name && is_in (GIMP_ITEM (place->control), image))
    origin.control = gimp_item_get_tattoo (GIMP_ITEM (place->control));

  hd_remember (layer, picture->request, &origin);
  hd_origin_clear (&origin);
}

/* --- both ----------------------------------------------------------------------- */

/* A complete layer that is in no image yet. */
static GimpLayer *
make_layer (GimpImage        *image,
            const HdPlace    *place,
            const HdPicture  *picture,
            const char       *name,
            GError          **error)
{
  GimpImageType    type = gimp_image_get_base_type (image) == GIMP_GRAY ? GIMP_GRAYA_IMAGE : GIMP_RGBA_IMAGE;
  GimpLayer       *layer;

  layer = gimp_layer_new (image, name, picture->width, picture->height, type, 100.0,
                          gimp_image_get_default_new_layer_mode (image));
  if (! layer)
    {
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                   _("GIMP could not make a layer of %d × %d pixels."), picture->width, picture->height);
      return NULL;
    }

  if (! draw_layer (layer, place, picture, error))
    {
      gimp_item_delete (GIMP_ITEM (layer));
      return NULL;
    }

  remember (layer, image, place, picture);
  move_layer (layer, image, place, picture);
  return layer;
}

GimpLayer *
hd_insert_layer (GimpImage        *image,
                 HdPlace          *place,
                 const HdPicture  *picture,
                 char            **message,
                 GError          **error)
{
  g_autofree char *name = NULL;
  g_autofree char *seed = NULL;
  g_autofree char *told = NULL;
  GimpLayer       *layer;
  gboolean         inserted;

  if (! hd_image_takes_pictures (image, error))
    return NULL;

  name = name_layer (place, picture);
  /* TRANSLATORS: the name of a layer in a group that is named after the prompt. */
  seed = g_strdup_printf (_("Seed %d"), (int) picture->request->seed);
  layer = make_layer (image, place, picture, wants_group (image, place, name) ? seed : name, error);
  if (! layer)
    return NULL;

  /* The group gives the step the procedure's name in the undo history. */
  gimp_image_undo_group_start (image);
  inserted = insert (image, layer, place, name);
  if (inserted)
    told = hd_write_metadata (image, place->metadata, picture->request);
  gimp_image_undo_group_end (image);

  if (! inserted)
    {
      gimp_item_delete (GIMP_ITEM (layer));
      g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                           _("GIMP could not add the layer to the image."));
      return NULL;
    }

  if (! *message)
    *message = g_steal_pointer (&told);
  return layer;
}
