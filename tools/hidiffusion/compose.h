/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"
#include "tools/hidiffusion/png_file.h"

G_BEGIN_DECLS

/**
 * HdTaskInput:
 * @png: (nullable) (owned): the picture that the task starts from
 * @mask: (nullable) (owned): which part of it is to be filled
 * @beneath: whether what is filled lies beneath the picture, which is transparent there; else it lies above
 *
 * The files that a task starts from.
 */
typedef struct
{
  HdPngImage *png;
  HdImage    *mask;
  gboolean    beneath;
} HdTaskInput;

void        hd_task_input_clear (HdTaskInput *input);

/**
 * hd_task_input_read_mask:
 * @path: (nullable): a PNG file of the picture's size: what is white (and opaque) is to be filled, what is black stays,
 *   grays blend; %NULL: what is transparent in the picture is to be filled
 *
 * Reads the mask; the picture is there.
 */
gboolean    hd_task_input_read_mask (HdTaskInput        *input,
                                     const char         *path,
                                     GError            **error);

/**
 * hd_compose:
 * @picture: (transfer full): as the engine made it from @input
 * @with_settings: whether the file is to tell how it was made
 *
 * Returns: (transfer full): what is to be kept: of a filled picture the whole, the same as before where the mask is 0; of
 *   others with transparent parts their transparency; as many bits as the picture that they were made from has, else
 *   8. %NULL with %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdPngImage *hd_compose              (const HdTaskInput  *input,
                                     HdPicture          *picture,
                                     gboolean            with_settings,
                                     GError            **error);

G_END_DECLS
