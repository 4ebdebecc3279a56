/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/styles.h"

G_BEGIN_DECLS

/* Styles that came with the program are shown in the user's language; files and arguments have their own names. */
const char *hd_style_get_title       (const HdStyle *style);
const char *hd_style_get_description (const HdStyle *style);

/* NULL-terminated: all that is translated, for the test that compares it with the file. */
const char * const *
            hd_style_translated_texts (void);

G_END_DECLS
