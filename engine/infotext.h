/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/* A request as other programs write it beside a picture (Automatic1111's "parameters" in PNG files, and the Exif comment):
 *
 *   a heart, watercolour
 *   Negative prompt: blurry
 *   Steps: 25, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7.5, Seed: 1, Size: 512x512, Model: demo
 *
 * Prompts are lines of any text; then comes one line of names and values, of which those with commas, colons or quotes
 * are JSON strings. */

/* (transfer full): what of @request such programs understand, and HiDiffusion's own settings after it. */
char      *hd_infotext_write (const HdRequest *request);

/**
 * hd_infotext_read:
 * @text: any bytes
 *
 * Values that are out of range, and what is not known here, are passed over.
 *
 * Returns: (transfer full): the request; %NULL with %HD_ENGINE_ERROR_REQUEST if there is no line of values in @text.
 */
HdRequest *hd_infotext_read  (const char  *text,
                              GError     **error);

G_END_DECLS
