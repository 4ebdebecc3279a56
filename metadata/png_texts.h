/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "engine/error.h"

G_BEGIN_DECLS

/* A text longer than that, packed or unpacked, is passed over. */
#define HD_PNG_MAX_TEXT (4 << 20)

/**
 * HdPngText:
 * @key: the keyword, such as "parameters"
 * @text: UTF-8
 *
 * A chunk tEXt, zTXt or iTXt.
 */
typedef struct
{
  char *key;
  char *text;
} HdPngText;

/**
 * hd_png_texts_read:
 * @path: the file
 *
 * Reads the texts of a PNG file, before and behind its pixels, which are passed over. Of a file that is damaged it gives what
 * lies before the damage. tEXt and zTXt are Latin-1 by the standard, and UTF-8 in files of many programs: they are taken for
 * what they can be.
 *
 * Returns: (transfer full) (element-type HdPngText): in the file's order, maybe none; %NULL with %HD_ENGINE_ERROR_FILE if it
 *   cannot be read or is no PNG file.
 */
GPtrArray *hd_png_texts_read (const char  *path,
                              GError     **error);

G_END_DECLS
