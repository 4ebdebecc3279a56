/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * hd_exif_decode_comment:
 * @data: the field UserComment: eight bytes that name the encoding, then the text
 *
 * "UNICODE" has no byte order of its own: programs write that of the file, or always the same. It is taken for what makes
 * the text plain. What says to be ASCII, or undefined, is mostly UTF-8.
 *
 * Returns: (transfer full) (nullable): the text in UTF-8 without NULs and white space around it; %NULL if there is none.
 */
char  *hd_exif_decode_comment (const guint8 *data,
                               gsize         length);

/**
 * hd_exif_read_comments:
 * @path: a JPEG, PNG or WebP file
 *
 * Returns: (transfer full) (array zero-terminated=1): the texts in it that may tell how it was made, the likeliest first:
 *   Exif's comment and description, and the file's own comment. Empty if there are none, or the file is damaged.
 */
GStrv  hd_exif_read_comments  (const char   *path);

G_END_DECLS
