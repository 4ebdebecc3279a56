/* SPDX-License-Identifier: Apache-2.0 */

#include <gtk/gtk.h>

#include "ui/isolate.h"

#define FIRST_STRONG_ISOLATE    "\xe2\x81\xa8"   /* U+2068 */
#define POP_DIRECTIONAL_ISOLATE "\xe2\x81\xa9"   /* U+2069 */

char *
hd_isolate (char *text)
{
  g_autofree char *owned = text;

  if (gtk_widget_get_default_direction () != GTK_TEXT_DIR_RTL)
    return g_steal_pointer (&owned);

  return g_strconcat (FIRST_STRONG_ISOLATE, owned, POP_DIRECTIONAL_ISOLATE, NULL);
}
