/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/request.h"

G_BEGIN_DECLS

/* Styles are named pieces of prompts, and settings, that users choose instead of typing them. They are kept in JSON files
 * that users may edit (docs/styles.md): the user's own, and one that comes with the program. */

/**
 * HdStyle:
 * @name: what it is called; without commas and line breaks, as lists of names have them
 * @description: what it does; may be empty
 * @prompt: goes behind the prompt, or around it if it has "{prompt}" in it; may be empty
 * @negative_prompt: likewise of the negative prompt
 * @settings: what the style sets: its fields that differ from those of hd_request_new()
 * @installed: it came with the program
 */
typedef struct
{
  char      *name;
  char      *description;
  char      *prompt;
  char      *negative_prompt;
  HdRequest *settings;
  gboolean   installed;
} HdStyle;

HdStyle       *hd_style_new      (const char *name);
void           hd_style_free     (HdStyle    *style);

/* Whether @name is one that a style may have. */
gboolean       hd_style_check_name (const char *name);

/* (element-type HdStyle): an empty list that owns what is in it. */
GPtrArray     *hd_styles_new     (void);

/* (transfer none) (nullable): the style of that name. */
const HdStyle *hd_styles_find    (const GPtrArray *styles,
                                  const char      *name);

/* NULL-terminated: names of request fields, as their JSON form calls them, that a style may set. */
const char * const *
               hd_style_settings (void);

/**
 * hd_style_expand:
 * @piece: of a style
 * @text: what was typed
 *
 * Returns: (transfer full): @piece with @text for each "{prompt}"; if it has none, both with a comma between.
 */
char          *hd_style_expand   (const char *piece,
                                  const char *text);

/* (transfer full) (array zero-terminated=1): the names in a list of them, which stand on lines or have commas between. */
char         **hd_style_names_split (const char *names);

/**
 * hd_styles_apply:
 * @names: (nullable): of styles, as hd_style_names_split() takes them; applied in this order
 * @request: its prompts become what the styles make of them; what is left to the model or the task is set by the last
 *   style that does. Its size stays, as that of an image may be meant
 *
 * Returns: %FALSE with %HD_ENGINE_ERROR_REQUEST if there is no style of one of the names.
 */
gboolean       hd_styles_apply   (const GPtrArray  *styles,
                                  const char       *names,
                                  HdRequest        *request,
                                  GError          **error);

/**
 * hd_styles_read:
 * @path: a file, which is not trusted
 *
 * Returns: (transfer full) (element-type HdStyle): its styles in its order, none if there is no such file; %NULL with
 *   %HD_ENGINE_ERROR_FILE that says where in the file what was expected and what was found.
 */
GPtrArray     *hd_styles_read    (const char  *path,
                                  GError     **error);

/**
 * hd_styles_write:
 *
 * Adds @style to the file, in place of the one of its name if there is one. All else in the file stays; a file that is
 * not understood stays as it is.
 */
gboolean       hd_styles_write   (const char     *path,
                                  const HdStyle  *style,
                                  GError        **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdStyle, hd_style_free)

G_END_DECLS
