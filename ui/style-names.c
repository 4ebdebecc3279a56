/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/style-names.h"

const char * const *
hd_style_translated_texts (void)
{
  /* Those of data/styles/styles.json, which gettext cannot read. */
  static const char * const texts[] = {
    N_("Photograph"), N_("Natural light, a real lens"),
    N_("Film still"), N_("Wide, with the colours of cinema"),
    N_("Watercolour"), N_("Wet paint on rough paper"),
    N_("Oil painting"), N_("Thick strokes on canvas"),
    N_("Ink drawing"), N_("Black lines on white paper"),
    N_("Comic"), N_("Outlines and flat colours"),
    N_("Poster"), N_("A large picture in upright format"),
    N_("Quick sketch"), N_("Few steps, to try out prompts and seeds"),
    NULL,
  };

  return texts;
}

/* A text that is not among them has no translation, and neither has the empty one. */
static const char *
translate (const HdStyle *style,
           const char    *text)
{
  return style->installed && g_strv_contains (hd_style_translated_texts (), text) ? gettext (text) : text;
}

const char *
hd_style_get_title (const HdStyle *style)
{
  return translate (style, style->name);
}

const char *
hd_style_get_description (const HdStyle *style)
{
  return translate (style, style->description);
}
