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
 * are JSON strings. What those programs have no names for follows under names of our own, which they pass over. */

/* (transfer full): @request without its pictures, which are in no text, its count, and what it was computed on. */
char      *hd_infotext_write   (const HdRequest  *request);

/**
 * hd_infotext_read:
 * @text: any bytes
 * @left_out: (out) (optional) (transfer full): what says how the picture was made and is not taken over, being unknown here
 *   or out of range: "NAME: VALUE" each, in the text's order
 *
 * Returns: (transfer full): the request; %NULL with %HD_ENGINE_ERROR_REQUEST if there is no line of values in @text.
 */
HdRequest *hd_infotext_read    (const char       *text,
                                GStrv            *left_out,
                                GError          **error);

/* Whether hd_infotext_write() has made @text: it may be replaced by another one. */
gboolean   hd_infotext_is_ours (const char       *text);

G_END_DECLS
