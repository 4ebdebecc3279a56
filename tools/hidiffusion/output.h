/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tools/hidiffusion/png_file.h"

G_BEGIN_DECLS

/**
 * HdOutput:
 * @name: (nullable): where pictures go, as the user named it; %NULL: hidiffusion-0001.png or the next free number
 * @count: of pictures; several get numbers: of NAME.png, NAME-1.png and so on
 */
typedef struct
{
  const char *name;
  int         count;
} HdOutput;

/* (transfer full): the name of picture @number, from 1, of an output that has a name. */
char     *hd_output_name  (const HdOutput    *output,
                           int                number);

/* A picture that cannot be kept should not be computed. */
gboolean  hd_output_check (const HdOutput    *output,
                           GError           **error);

/* Writes picture @number, from 1; (transfer full): the file's name. */
char     *hd_output_write (const HdOutput    *output,
                           int                number,
                           const HdPngImage  *png,
                           GError           **error);

G_END_DECLS
