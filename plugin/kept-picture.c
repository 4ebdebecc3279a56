/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "plugin/error.h"
#include "plugin/kept-picture.h"

#define MAX_VALUE 65535.0f

struct _HdKeptPicture
{
  HdPlace    place;
  HdRequest *request;
  int        x;
  int        y;
  int        width;
  int        height;
  guint16   *pixels;     /* (H, W, 3); NULL: dropped */
  GimpLayer *layer;      /* the last one that was made of it */
};

static gsize
count_values (const HdKeptPicture *kept)
{
  return (gsize) 3 * kept->width * kept->height;
}

HdKeptPicture *
hd_kept_picture_new (const HdPlace   *place,
                     const HdPicture *picture)
{
  HdKeptPicture *kept = g_new0 (HdKeptPicture, 1);

  hd_place_copy (&kept->place, place);
  kept->request = hd_request_copy (picture->request);
  /* What it was made from is read anew where it is made again. */
  hd_request_set_image (&kept->request->image, NULL);
  hd_request_set_image (&kept->request->mask, NULL);
  hd_request_set_image (&kept->request->control.image, NULL);
  kept->x = picture->x;
  kept->y = picture->y;
  kept->width = picture->width;
  kept->height = picture->height;
  if (place->layers->len > 0)
    kept->layer = g_ptr_array_index (place->layers, place->layers->len - 1);

  kept->pixels = g_try_new (guint16, count_values (kept));
  for (gsize i = 0; kept->pixels && i < count_values (kept); i++)
    kept->pixels[i] = (guint16) lrintf (CLAMP (picture->pixels[i], 0.0f, 1.0f) * MAX_VALUE);

  return kept;
}

void
hd_kept_picture_free (HdKeptPicture *kept)
{
  hd_place_clear (&kept->place);
  hd_request_free (kept->request);
  g_free (kept->pixels);
  g_free (kept);
}

const HdRequest *
hd_kept_picture_get_request (const HdKeptPicture *kept)
{
  return kept->request;
}

static gsize
get_image_size (const HdImage *image)
{
  return image ? (gsize) image->width * image->height * image->channels * sizeof *image->pixels : 0;
}

gsize
hd_kept_picture_get_size (const HdKeptPicture *kept)
{
  if (! kept->pixels)
    return 0;

  return count_values (kept) * sizeof *kept->pixels
         + get_image_size (kept->place.source.alpha) + get_image_size (kept->place.source.mask);
}

void
hd_kept_picture_drop_pixels (HdKeptPicture *kept)
{
  g_clear_pointer (&kept->pixels, g_free);
  hd_source_clear (&kept->place.source);
}

gboolean
hd_kept_picture_has_pixels (const HdKeptPicture *kept)
{
  return kept->pixels != NULL;
}

/* --- back into the image --------------------------------------------------------- */

static void
show_layer (GimpLayer *layer)
{
  GimpImage *image = gimp_item_get_image (GIMP_ITEM (layer));
  GimpLayer *layers[] = { layer, NULL };

  for (GimpItem *item = GIMP_ITEM (layer); item; item = gimp_item_get_parent (item))
    if (! gimp_item_get_visible (item))
      gimp_item_set_visible (item, TRUE);
  gimp_image_set_selected_layers (image, (const GimpLayer **) layers);
}

/* As hd_engine_generate() gave it. */
static HdPicture *
restore (const HdKeptPicture  *kept,
         GError              **error)
{
  g_autofree float *pixels = g_try_new (float, count_values (kept));
  HdPicture        *picture;

  if (! pixels || ! kept->pixels)
    {
      g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE,
                   _("There is no memory for a picture of %d × %d pixels."), kept->width, kept->height);
      return NULL;
    }

  for (gsize i = 0; i < count_values (kept); i++)
    pixels[i] = kept->pixels[i] / MAX_VALUE;

  picture = g_new0 (HdPicture, 1);
  picture->x = kept->x;
  picture->y = kept->y;
  picture->width = kept->width;
  picture->height = kept->height;
  picture->pixels = g_steal_pointer (&pixels);
  picture->request = hd_request_copy (kept->request);
  return picture;
}

static void
set_group (HdPlace       *to,
           const HdPlace *from)
{
  char *name = g_strdup (from->group_name);

  g_free (to->group_name);
  to->group_name = name;
  to->group = from->group;
}

/* Pictures of one group are kept one by one, and one of them may have brought the group back. */
static void
share_group (HdPlace       *to,
             const HdPlace *from)
{
  if (from->group && gimp_item_is_valid (GIMP_ITEM (from->group))
      && g_strcmp0 (to->group_name, from->group_name) == 0)
    set_group (to, from);
}

/* Where the others are that were made after the image was closed. */
static void
find_image (HdKeptPicture *kept,
            HdPlace       *place)
{
  GimpImage *image = hd_place_get_image (place);

  if (! hd_place_get_image (&kept->place) && image && place->made_here && kept->place.task != HD_TASK_UPSCALE
      && gimp_image_get_width (image) == kept->width && gimp_image_get_height (image) == kept->height)
    kept->place.image = image;
}

gboolean
hd_kept_picture_bring_back (HdKeptPicture  *kept,
                            HdPlace        *place,
                            char          **message,
                            GError        **error)
{
  g_autoptr (HdPicture) picture = NULL;

  *message = NULL;
  if (kept->layer && gimp_item_is_valid (GIMP_ITEM (kept->layer)))
    {
      show_layer (kept->layer);
      *message = g_strdup (_("The layer is still in the image. It is selected now."));
      return TRUE;
    }

  picture = restore (kept, error);
  if (! picture)
    return FALSE;

  find_image (kept, place);
  /* One that had no group of its own has to know the group that it does not belong into. */
  if (kept->place.several)
    share_group (&kept->place, place);
  else
    set_group (&kept->place, place);
  if (! hd_place_put_back (&kept->place, picture, message, error))
    return FALSE;

  if (kept->place.several)
    share_group (place, &kept->place);
  kept->layer = g_ptr_array_index (kept->place.layers, kept->place.layers->len - 1);
  return TRUE;
}
