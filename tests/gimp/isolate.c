/* SPDX-License-Identifier: Apache-2.0 */

#include <gtk/gtk.h>

#include "ui/progress-text.h"

#define ISOLATED(text) "\xe2\x81\xa8" text "\xe2\x81\xa9"

static char *
describe (GtkTextDirection direction)
{
  const HdEstimate estimate = {
    .device = (char *) "CPU (8 threads)", .weight_bytes = 3 << 20, .tensor_bytes = 1 << 20, .free_bytes = G_MAXSIZE,
  };

  gtk_widget_set_default_direction (direction);
  return hd_describe_cost (&estimate, 12.0);
}

static void
test_left_to_right (void)
{
  g_autofree char *text = describe (GTK_TEXT_DIR_LTR);

  g_assert_null (strstr (text, "\xe2\x81\xa8"));
  g_assert_null (strstr (text, "\xe2\x81\xa9"));
}

/* GLib puts a space that does not break between number and unit. */
static void
test_right_to_left (void)
{
  g_autofree char *size = g_format_size_full (4 << 20, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *isolated = g_strdup_printf (ISOLATED ("%s"), size);
  g_autofree char *text = describe (GTK_TEXT_DIR_RTL);

  g_assert_nonnull (strstr (text, isolated));
  g_assert_nonnull (strstr (text, ISOLATED ("CPU (8 threads)")));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/isolate/left-to-right", test_left_to_right);
  g_test_add_func ("/isolate/right-to-left", test_right_to_left);

  return g_test_run ();
}
