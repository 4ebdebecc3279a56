/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <gegl.h>

#include "plugin/error.h"
#include "plugin/read-layer.h"
#include "plugin/source.h"

/* What is less opaque is transparent: the pixels at the edge of what was drawn, and all beyond. */
#define OPAQUE 0.99f

static gboolean
fail (GError     **error,
      const char  *message)
{
  g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_IMAGE, message);
  return FALSE;
}

/* --- which layer ---------------------------------------------------------------- */

static GimpLayer *
get_layer (GimpItem  *item,
           GError   **error)
{
  /* While a mask is edited it stands for its layer. */
  if (GIMP_IS_LAYER_MASK (item))
    return gimp_layer_from_mask (GIMP_LAYER_MASK (item));
  if (GIMP_IS_LAYER (item))
    return GIMP_LAYER (item);

  fail (error, _("A channel is selected: select the layer that is meant."));
  return NULL;
}

GimpLayer *
hd_source_find (GimpImage     *image,
                GimpDrawable **drawables,
                GError       **error)
{
  g_autofree GimpLayer **selected = NULL;
  GObject              **items = (GObject **) drawables;
  gsize                  n_items = items ? gimp_core_object_array_get_length (items) : 0;

  if (n_items == 0 && image)
    {
      selected = gimp_image_get_selected_layers (image);
      items = (GObject **) selected;
      n_items = gimp_core_object_array_get_length (items);
    }
  if (n_items != 1)
    {
      fail (error, n_items == 0 ? _("No layer is selected: select the one that is meant.")
                                : _("Several layers are selected: select the one that is meant."));
      return NULL;
    }

  return get_layer (GIMP_ITEM (items[0]), error);
}

gboolean
hd_source_check (const HdSource  *source,
                 GError         **error)
{
  g_autofree GimpItem **children = NULL;

  if (! gimp_item_is_valid (GIMP_ITEM (source->layer)))
    return fail (error, _("The layer was deleted in the meantime."));
  if (gimp_image_get_floating_sel (gimp_item_get_image (GIMP_ITEM (source->layer))))
    return fail (error, _("The image has a floating selection. Anchor it, or make a layer of it, first: Layer > "
                          "Anchor Layer, Layer > To New Layer."));
  if (! gimp_item_is_group (GIMP_ITEM (source->layer)))
    return TRUE;

  children = gimp_item_get_children (GIMP_ITEM (source->layer));
  return children && children[0] ? TRUE : fail (error, _("The layer group is empty."));
}

/* --- what is to be filled ------------------------------------------------------- */

static gboolean
has_selection (const HdSource *source)
{
  return ! gimp_selection_is_empty (gimp_item_get_image (GIMP_ITEM (source->layer)));
}

static gboolean
is_empty (const HdImage *mask)
{
  for (gsize i = 0; i < (gsize) mask->width * mask->height; i++)
    if (mask->pixels[i] > 0.0f)
      return FALSE;

  return TRUE;
}

static gboolean
check_mask (const HdSource   *source,
            const HdOutline  *outline,
            GError          **error)
{
  if (! is_empty (source->mask))
    return TRUE;

  if (outline)
    return fail (error, _("The mask of the layer is black: there is nothing to fill."));
  if (has_selection (source))
    return fail (error, _("The selection does not touch the layer: there is nothing to fill."));

  return fail (error, _("Nothing is selected, and the layer has no transparent part. Select what is to be filled."));
}

static HdImage *
read_selection (const HdSource  *source,
                GError         **error)
{
  GimpImage *image = gimp_item_get_image (GIMP_ITEM (source->layer));
  HdImage   *mask = hd_read_mask (GIMP_DRAWABLE (gimp_image_get_selection (image)), &source->area, error);

  for (gsize i = 0; mask && source->alpha && i < (gsize) mask->width * mask->height; i++)
    if (mask->pixels[i] > 0.0f && source->alpha->pixels[i] < OPAQUE)
      mask->pixels[i] = 1.0f;

  return mask;
}

static HdImage *
read_transparency (const HdSource  *source,
                   GError         **error)
{
  HdImage *mask = hd_image_new (source->area.width, source->area.height, 1, error);

  for (gsize i = 0; mask && source->alpha && i < (gsize) mask->width * mask->height; i++)
    mask->pixels[i] = source->alpha->pixels[i] < OPAQUE ? 1.0f : 0.0f;

  return mask;
}

static HdImage *
read_outline (const HdSource   *source,
              const HdOutline  *outline,
              GError          **error)
{
  GimpLayerMask *mask = gimp_item_is_valid (GIMP_ITEM (outline->layer)) ? gimp_layer_get_mask (outline->layer) : NULL;

  if (mask)
    return hd_read_mask (GIMP_DRAWABLE (mask),
                         GEGL_RECTANGLE (-outline->x, -outline->y, source->area.width, source->area.height), error);

  fail (error, _("The layer has no mask any more, which said what was to be filled. Select the layer that it was made "
                 "from, and what is to be filled, and use Fill Selection."));
  return NULL;
}

/* Where something is selected, or all of the layer. */
static HdImage *
draft_mask (const HdSource  *source,
            GError         **error)
{
  HdImage *mask = hd_image_new (source->area.width, source->area.height, 1, error);
  int      left, top, width, height;

  if (! mask || ! gimp_drawable_mask_intersect (GIMP_DRAWABLE (source->layer), &left, &top, &width, &height))
    return mask;
  if (! has_selection (source) && ! gimp_drawable_has_alpha (GIMP_DRAWABLE (source->layer)))
    return mask;

  for (int y = top; y < top + height; y++)
    for (int x = left; x < left + width; x++)
      mask->pixels[(gsize) y * mask->width + x] = 1.0f;

  return mask;
}

static gboolean
read_mask (HdSource         *source,
           const HdOutline  *outline,
           gboolean          draft,
           GError          **error)
{
  if (outline)
    source->mask = read_outline (source, outline, error);
  else if (draft)
    source->mask = draft_mask (source, error);
  else if (has_selection (source))
    source->mask = read_selection (source, error);
  else
    source->mask = read_transparency (source, error);

  return source->mask && check_mask (source, outline, error);
}

/* --- reading -------------------------------------------------------------------- */

void
hd_source_clear (HdSource *source)
{
  g_clear_pointer (&source->picture, hd_image_unref);
  g_clear_pointer (&source->alpha, hd_image_unref);
  g_clear_pointer (&source->mask, hd_image_unref);
}

static void
find_area (HdSource *source)
{
  GimpDrawable *drawable = GIMP_DRAWABLE (source->layer);

  source->image = gimp_item_get_image (GIMP_ITEM (source->layer));
  gimp_drawable_get_offsets (drawable, &source->area.x, &source->area.y);
  source->area.width = gimp_drawable_get_width (drawable);
  source->area.height = gimp_drawable_get_height (drawable);
}

gboolean
hd_source_read (HdSource         *source,
                gboolean          fill,
                const HdOutline  *outline,
                gboolean          draft,
                GError          **error)
{
  hd_source_clear (source);
  find_area (source);

  if (draft)
    source->picture = hd_image_new (source->area.width, source->area.height, 3, error);
  else
    source->picture = hd_read_layer (source->layer, &source->alpha, error);

  return source->picture && (! fill || read_mask (source, outline, draft, error));
}
