/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/image.h"

G_BEGIN_DECLS

/**
 * HdPngColours:
 * @profile: (nullable): the ICC profile
 * @profile_name: (nullable): its name
 * @gamma: of the chunk gAMA, times 100000; 0: none
 * @primaries: of the chunk cHRM, times 100000: white, red, green, blue, each x and y; all 0: none
 *
 * What a file says about the meaning of its colours; nothing: they are sRGB. The engine takes all for sRGB, but what is
 * made from a picture means what the picture meant.
 */
typedef struct
{
  GBytes *profile;
  char   *profile_name;
  int     gamma;
  int     primaries[8];
} HdPngColours;

/**
 * HdPngImage:
 * @image: (owned): RGB
 * @alpha: (nullable) (owned): of one channel, 1 where the picture is opaque; %NULL: everywhere
 * @depth: bits a channel, 8 or 16
 * @colours: (owned)
 * @request: (nullable) (owned): JSON, what the picture was made from; only written: hd_picture_settings_read() reads it
 * @parameters: (nullable) (owned): the same as other programs read it; only written
 *
 * What a PNG file holds.
 */
typedef struct
{
  HdImage      *image;
  HdImage      *alpha;
  int           depth;
  HdPngColours  colours;
  char         *request;
  char         *parameters;
} HdPngImage;

void        hd_png_image_free (HdPngImage *png);

/**
 * hd_png_file_read:
 * @path: the file
 *
 * Reads PNGs of any kind; sides are limited to %HD_REQUEST_MAX_SIZE.
 *
 * Returns: (transfer full): what is in it; %NULL with an error of %G_FILE_ERROR or %HD_ENGINE_ERROR that names the file.
 */
HdPngImage *hd_png_file_read  (const char        *path,
                               GError           **error);

/**
 * hd_png_file_write:
 * @path: the file; one that exists is replaced if @replace
 *
 * The file appears complete or not at all: it is written under another name in the same folder. A device or pipe is
 * written to as it is.
 *
 * Returns: %FALSE with an error of %G_FILE_ERROR that names the file; %G_FILE_ERROR_EXIST if there is one and it
 *   is not to be replaced.
 */
gboolean    hd_png_file_write (const HdPngImage  *png,
                               const char        *path,
                               gboolean           replace,
                               GError           **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdPngImage, hd_png_image_free)

G_END_DECLS
