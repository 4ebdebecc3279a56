/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <gegl.h>

#include "plugin/insert-layer.h"
#include "plugin/new-image.h"
#include "plugin/place-picture.h"
#include "plugin/read-layer.h"

void
hd_place_init (HdPlace   *place,
               HdTask     task,
               GimpImage *image,
               gboolean   show)
{
  *place = (HdPlace) { .task = task, .image = image, .show = show };
  place->layers = g_ptr_array_new ();
}

void
hd_place_clear (HdPlace *place)
{
  hd_source_clear (&place->source);
  g_clear_pointer (&place->layers, g_ptr_array_unref);
  g_clear_pointer (&place->group_name, g_free);
}

void
hd_place_copy (HdPlace       *copy,
               const HdPlace *place)
{
  *copy = *place;
  copy->source.picture = NULL;
  if (copy->source.alpha)
    hd_image_ref (copy->source.alpha);
  if (copy->source.mask)
    hd_image_ref (copy->source.mask);
  copy->layers = g_ptr_array_new ();
  copy->group_name = g_strdup (place->group_name);
}

GimpImage *
hd_place_get_image (HdPlace *place)
{
  if (place->image && gimp_image_is_valid (place->image))
    return place->image;

  return NULL;
}

/* --- what is read --------------------------------------------------------------- */

gboolean
hd_place_check (HdPlace  *place,
                GError  **error)
{
  GimpImage *image = hd_place_get_image (place);

  if (place->source.layer && ! hd_source_check (&place->source, error))
    return FALSE;

  /* An upscaled picture does not go into it. */
  if (! image || (place->task == HD_TASK_UPSCALE && ! place->again))
    return TRUE;

  return hd_image_takes_pictures (image, error);
}

/* Where in the image the ControlNet's layer counts: where the picture will be. */
static GeglRectangle
find_control_area (HdPlace         *place,
                   const HdRequest *request)
{
  GimpImage     *image = hd_place_get_image (place);
  GeglRectangle  area = { 0 };
  int            x = 0;
  int            y = 0;

  if (! image || gimp_item_get_image (GIMP_ITEM (place->control)) != image)
    {
      area.width = gimp_drawable_get_width (place->control);
      area.height = gimp_drawable_get_height (place->control);
      return area;
    }

  if (place->source.layer)
    area = place->source.area;
  else
    {
      area.width = request->width ? request->width : gimp_image_get_width (image);
      area.height = request->height ? request->height : gimp_image_get_height (image);
      area.x = (gimp_image_get_width (image) - area.width) / 2;
      area.y = (gimp_image_get_height (image) - area.height) / 2;
    }

  gimp_drawable_get_offsets (place->control, &x, &y);
  area.x -= x;
  area.y -= y;
  return area;
}

static gboolean
read_control (HdPlace    *place,
              HdRequest  *request,
              gboolean    draft,
              GError    **error)
{
  GeglRectangle area = find_control_area (place, request);

  if (draft)
    request->control.image = hd_image_new (area.width, area.height, 3, error);
  else
    request->control.image = hd_read_map (place->control, &area, error);

  return request->control.image != NULL;
}

gboolean
hd_place_read (HdPlace    *place,
               HdRequest  *request,
               gboolean    draft,
               GError    **error)
{
  if (! draft)
    place->several = request->count > 1;

  if (place->source.layer)
    {
      if (! hd_source_read (&place->source, place->task == HD_TASK_FILL,
                            place->outline.layer ? &place->outline : NULL, draft, error))
        return FALSE;
      hd_request_set_image (&request->image, place->source.picture);
      hd_request_set_image (&request->mask, place->source.mask);
    }

  return ! request->control.path || ! place->control || read_control (place, request, draft, error);
}

/* --- where it goes -------------------------------------------------------------- */

static gboolean
open_image (HdPlace          *place,
            const HdPicture  *picture,
            char            **message,
            GError          **error)
{
  GimpImage *image = hd_new_image (&place->source, picture->width, picture->height);
  GimpLayer *layer;

  /* There is nothing before the picture that one could go back to. */
  gimp_image_undo_disable (image);
  if (place->task == HD_TASK_UPSCALE)
    place->kept = hd_new_image_keep_source (image, &place->source);
  layer = hd_insert_layer (image, place, picture, message, error);
  gimp_image_undo_enable (image);

  if (! layer)
    {
      place->kept = NULL;
      gimp_image_delete (image);
      return FALSE;
    }

  if (place->show)
    gimp_display_new (image);

  place->image = image;
  place->made_here = TRUE;
  g_ptr_array_add (place->layers, layer);
  return TRUE;
}

static gboolean
fits (HdPlace         *place,
      GimpImage       *image,
      const HdPicture *picture)
{
  if (! place->made_here)
    return place->task != HD_TASK_UPSCALE || place->again;

  return gimp_image_get_width (image) == picture->width &&
         gimp_image_get_height (image) == picture->height;
}

/* What the user is to be told where the picture is in a new image, which was not to be expected; NULL: nothing. */
static char *
explain_new_image (HdPlace *place)
{
  GimpImage *image = hd_place_get_image (place);

  if (place->image && ! image)
    return g_strdup (_("The image was closed in the meantime. The picture is in a new image."));
  if (image && gimp_image_get_base_type (image) == GIMP_INDEXED)
    return g_strdup (_("The image was given a palette in the meantime. The picture is in a new image."));
  if (image && ! hd_image_takes_pictures (image, NULL))
    return g_strdup (_("The image has a floating selection. The picture is in a new image."));

  return NULL;
}

/* NULL unless the layer is gone that the picture was made from. */
static char *
explain_lost_source (const HdPlace *place)
{
  if (! place->source.layer || gimp_item_is_valid (GIMP_ITEM (place->source.layer)))
    return NULL;

  return g_strdup (_("The layer was deleted in the meantime. The picture is where it was."));
}

static gboolean
put_into (HdPlace          *place,
          GimpImage        *image,
          const HdPicture  *picture,
          char            **message,
          GError          **error)
{
  GimpLayer *layer;

  *message = explain_lost_source (place);
  layer = hd_insert_layer (image, place, picture, message, error);
  if (! layer)
    return FALSE;

  g_ptr_array_add (place->layers, layer);
  return TRUE;
}

gboolean
hd_place_picture (HdPlace          *place,
                  const HdPicture  *picture,
                  char            **message,
                  GError          **error)
{
  GimpImage *image = hd_place_get_image (place);

  *message = NULL;
  if (image && hd_image_takes_pictures (image, NULL) && fits (place, image, picture))
    return put_into (place, image, picture, message, error);

  /* What was upscaled has an image of its own in any case. */
  if (place->task != HD_TASK_UPSCALE)
    *message = explain_new_image (place);

  return open_image (place, picture, message, error);
}

gboolean
hd_place_put_back (HdPlace          *place,
                   const HdPicture  *picture,
                   char            **message,
                   GError          **error)
{
  GimpImage *image = hd_place_get_image (place);

  *message = NULL;
  if (image && hd_image_takes_pictures (image, NULL))
    return put_into (place, image, picture, message, error);

  *message = explain_new_image (place);
  return open_image (place, picture, message, error);
}
