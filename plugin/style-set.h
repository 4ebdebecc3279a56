/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/styles.h"

G_BEGIN_DECLS

/* All styles there are: the user's own, from hidiffusion-styles.json in GIMP's profile, and those that came with the
 * program, unless the user has one of that name. Read when they are first asked for. */
typedef struct _HdStyleSet HdStyleSet;

HdStyleSet      *hd_style_set_new       (void);
void             hd_style_set_free      (HdStyleSet       *set);

/* The user's file, which need not exist. */
const char      *hd_style_set_get_path  (HdStyleSet       *set);

/* (element-type HdStyle): owned by the set, until it is read again. */
const GPtrArray *hd_style_set_list      (HdStyleSet       *set);

/* (nullable): why the user's file cannot be read. Its styles are then those that it had when it last could. */
const GError    *hd_style_set_get_error (HdStyleSet       *set);

/* Reads the files again. */
void             hd_style_set_reload    (HdStyleSet       *set);

/* hd_styles_apply() with these styles; for a style that is not there because the user's file cannot be read, the error
 * says that. */
gboolean         hd_style_set_apply     (HdStyleSet       *set,
                                         const char       *names,
                                         HdRequest        *request,
                                         GError          **error);

/* Puts @style into the user's file. */
gboolean         hd_style_set_save      (HdStyleSet       *set,
                                         const HdStyle    *style,
                                         GError          **error);

/* Makes the user's file, with a style to begin with, if there is none. */
gboolean         hd_style_set_make_file (HdStyleSet       *set,
                                         GError          **error);

G_END_DECLS
