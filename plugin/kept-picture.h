/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/place-picture.h"

G_BEGIN_DECLS

/* A picture that was put into an image, kept so that its layer can be brought back after it was deleted or undone. Its
 * pixels are kept in 16 bits, which no layer of 8 or 16 bits can tell from the original. */
typedef struct _HdKeptPicture HdKeptPicture;

/**
 * hd_kept_picture_new:
 * @place: where the picture has just been put
 * @picture: the picture
 *
 * Returns: (transfer full): the picture, kept; without pixels if there is no memory for them.
 */
HdKeptPicture   *hd_kept_picture_new         (const HdPlace        *place,
                                              const HdPicture      *picture);
void             hd_kept_picture_free        (HdKeptPicture        *kept);

/* The request that the picture was made from. */
const HdRequest *hd_kept_picture_get_request (const HdKeptPicture  *kept);

/* Bytes of memory that the pixels, and what goes with them, take. */
gsize            hd_kept_picture_get_size    (const HdKeptPicture  *kept);

/* Forgets the pixels: only the request remains. */
void             hd_kept_picture_drop_pixels (HdKeptPicture        *kept);
gboolean         hd_kept_picture_has_pixels  (const HdKeptPicture  *kept);

/**
 * hd_kept_picture_bring_back:
 * @place: the place of the dialog's pictures: its layer group is shared
 * @message: (out) (nullable) (transfer full): what the user is to be told
 *
 * A layer that is still there is shown and selected. One that is gone is put back to where it was, in one undo step, or
 * into a new image if its image was closed.
 */
gboolean         hd_kept_picture_bring_back  (HdKeptPicture        *kept,
                                              HdPlace              *place,
                                              char                **message,
                                              GError              **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdKeptPicture, hd_kept_picture_free)

G_END_DECLS
