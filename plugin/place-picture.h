/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"
#include "plugin/source.h"
#include "plugin/write-metadata.h"

G_BEGIN_DECLS

/**
 * HdPlace:
 * @task: what is done
 * @image: (nullable): the image that pictures go into; not valid any more if it was closed meanwhile
 * @source: what pictures are made from; without a layer where they are made from nothing
 * @outline: what is to be filled instead of the selection; with a layer where one is filled again
 * @again: (nullable): the layer that is being made again; pictures go above it
 * @control: (nullable): what the ControlNet reads
 * @layers: (element-type GimpLayer): those of all pictures so far, in their order
 * @made_here: @image was made by hd_place_picture()
 * @show: new images are to get a display
 * @kept: (nullable): the copy of the source in an image that was made here
 * @several: the run that is under way makes more than one picture
 * @group: (nullable): the layer group that pictures of @group_name go into
 * @group_name: (nullable): what they have in common
 * @metadata: where in the image it is written how a picture was made
 *
 * What the pictures of one run of a procedure are made from, and where they go. Images and layers may be deleted at any
 * time by the user.
 */
typedef struct
{
  HdTask        task;
  GimpImage    *image;
  HdSource      source;
  HdOutline     outline;
  GimpLayer    *again;
  GimpDrawable *control;
  GPtrArray    *layers;
  gboolean      made_here;
  gboolean      show;
  GimpLayer    *kept;
  gboolean      several;
  GimpLayer    *group;
  char         *group_name;
  HdMetadata    metadata;
} HdPlace;

void       hd_place_init      (HdPlace          *place,
                               HdTask            task,
                               GimpImage        *image,
                               gboolean          show);
void       hd_place_clear     (HdPlace          *place);

/* Makes @copy, which need not be initialised, one of @place as it is now, but without the pixels that pictures are made
 * from. It says where a picture went, and all that its layer was made with, for as long as that is wanted. */
void       hd_place_copy      (HdPlace          *copy,
                               const HdPlace    *place);

/**
 * hd_place_get_image:
 *
 * Returns: (transfer none) (nullable): the image, if there is one and it is still open.
 */
GimpImage *hd_place_get_image (HdPlace          *place);

/**
 * hd_place_check:
 *
 * Returns: %FALSE with %HD_PLUGIN_ERROR_IMAGE, saying what to do, if the image cannot take pictures of the task or the
 *   source cannot be read.
 */
gboolean   hd_place_check     (HdPlace          *place,
                               GError          **error);

/**
 * hd_place_read:
 * @request: gets the pictures that it is to be made from; its width and height are read
 * @draft: sizes will do: for an estimate
 *
 * Reads the source and what the ControlNet sees.
 */
gboolean   hd_place_read      (HdPlace          *place,
                               HdRequest        *request,
                               gboolean          draft,
                               GError          **error);

/**
 * hd_place_picture:
 * @place: where to; afterwards, where it is
 * @message: (out) (nullable) (transfer full): what the user is to be told
 *
 * Puts a picture into the image as a layer, in one undo step, when it is complete. What was upscaled opens as a new
 * image. So does every picture where there is no image, where that was closed or given a palette meanwhile: nobody is
 * to lose a picture. An image that was made here also leaves room for one of another size.
 *
 * For users (@show), several pictures of one run are in a layer group named after their prompt, and so are those that
 * later runs make from the same prompt. Scripts find theirs where they always were.
 */
gboolean   hd_place_picture   (HdPlace          *place,
                               const HdPicture  *picture,
                               char            **message,
                               GError          **error);

/* Puts a picture whose layer is gone back to where it was: like hd_place_picture(), for a place that was copied when the
 * picture had been put there. */
gboolean   hd_place_put_back  (HdPlace          *place,
                               const HdPicture  *picture,
                               char            **message,
                               GError          **error);

G_END_DECLS
