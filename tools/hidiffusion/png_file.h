/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* The keyword of the text chunk that holds the request as JSON. */
#define HD_PNG_REQUEST_KEY "hidiffusion-request"

/**
 * hd_png_file_write:
 * @path: the file; one that exists is replaced if @replace
 *
 * Writes 8 bits a channel, sRGB. The file appears complete or not at all: it is written under another name in the
 * same folder. A device or pipe is written to as it is.
 *
 * Returns: %FALSE with an error of %G_FILE_ERROR that names the file; %G_FILE_ERROR_EXIST if there is one and it
 *   is not to be replaced.
 */
gboolean hd_png_file_write (const HdPicture  *picture,
                       const char       *path,
                       gboolean          replace,
                       GError          **error);

G_END_DECLS
