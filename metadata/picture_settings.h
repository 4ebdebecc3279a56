/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/* The keyword of the PNG text that holds the request as JSON, and the one that other programs read. */
#define HD_PNG_REQUEST_KEY    "hidiffusion-request"
#define HD_PNG_PARAMETERS_KEY "parameters"

/**
 * HdPictureSettings:
 * @request: (owned): what the picture was made from, without pictures and paths; all numbers are in their ranges
 * @complete: it is the request itself; else it is what other programs understand of one, and may be of another program, whose
 *   names of models need not be ours
 * @left_out: (owned): what says how the picture was made and is not known here: "NAME: VALUE" each
 */
typedef struct
{
  HdRequest *request;
  gboolean   complete;
  GStrv      left_out;
} HdPictureSettings;

void               hd_picture_settings_free (HdPictureSettings  *settings);

/**
 * hd_picture_settings_read:
 * @path: a PNG, JPEG or WebP file
 *
 * Looks for how a picture was made: the request that our command line writes, the parameters that Automatic1111 and its kin
 * write, as PNG text or Exif comment, and the same in a comment that GIMP has exported.
 *
 * Returns: (transfer full): what was found; %NULL with %HD_ENGINE_ERROR_FILE, naming the file, if there is nothing or it is
 *   damaged.
 */
HdPictureSettings *hd_picture_settings_read (const char         *path,
                                             GError            **error);

/* (transfer full) (nullable): what is left out, on one line that can be shown; NULL if it is nothing. */
char              *hd_picture_settings_describe_left_out (const HdPictureSettings *settings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdPictureSettings, hd_picture_settings_free)

G_END_DECLS
