/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

/**
 * HdMetadata:
 * @HD_METADATA_NONE: nothing of the image's: only the layer knows how it was made
 * @HD_METADATA_EXIF: the comment of its Exif data
 * @HD_METADATA_COMMENT: that, and the image's own comment
 *
 * Where in the image it is written how a picture was made, so that it is in files that are exported.
 */
typedef enum
{
  HD_METADATA_NONE,
  HD_METADATA_EXIF,
  HD_METADATA_COMMENT,
} HdMetadata;

/* NULL-terminated: "none", "exif", "comment". */
const char * const *hd_metadata_names (void);

/* FALSE with %HD_PLUGIN_ERROR_ARGUMENT if there is none of that name. */
gboolean            hd_metadata_find  (const char       *name,
                                       HdMetadata       *metadata,
                                       GError          **error);

/**
 * hd_write_metadata:
 *
 * Writes the request as parameters that other programs read (hd_infotext_write()). What it replaces is what was written so
 * before, and GIMP's own comment; comments of anybody else stay. All of it can be undone. When GIMP exports Exif data, the
 * image's comment takes the place of the one in there; so %HD_METADATA_EXIF removes GIMP's own.
 *
 * Returns: (transfer full) (nullable): what the user is to be told, if a comment is in the way.
 */
char               *hd_write_metadata (GimpImage        *image,
                                       HdMetadata        metadata,
                                       const HdRequest  *request);

G_END_DECLS
