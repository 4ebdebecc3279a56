/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/command.h"

#include <stdio.h>

#include "engine/error.h"

char *
hd_command_clean (char *text)
{
  for (char *p = text; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
    else if ((guchar) p[0] == 0xc2 && (guchar) p[1] >= 0x80 && (guchar) p[1] < 0xa0)
      p[0] = p[1] = ' ';

  return text;
}

void
hd_command_complain (const char *message)
{
  g_autofree char *line = hd_command_clean (g_strdup (message));

  fprintf (stderr, "hidiffusion: %s\n", line);
}

int
hd_command_fail (GError *error)
{
  int status = error->domain == G_OPTION_ERROR ? HD_EXIT_USAGE : HD_EXIT_FAILURE;

  hd_command_complain (error->message);
  g_error_free (error);

  return status;
}

gboolean
hd_command_parse_context (GStrv          *arguments,
                          GOptionContext *context,
                          const char     *parameters,
                          int             min_parameters,
                          int             max_parameters)
{
  g_autoptr (GError)  error = NULL;
  g_autofree char    *message = NULL;
  int                 n_left;

  g_set_prgname ((*arguments)[0]);
  if (!g_option_context_parse_strv (context, arguments, &error))
    {
      message = g_strdup_printf ("%s (%s --help tells more)", error->message, g_get_prgname ());
      hd_command_complain (message);
      return FALSE;
    }

  n_left = (int) g_strv_length (*arguments) - 1;
  if (n_left >= min_parameters && n_left <= max_parameters)
    return TRUE;

  if (n_left > max_parameters)
    message = g_strdup_printf ("unexpected argument \"%s\" (%s --help tells more)",
                               (*arguments)[max_parameters + 1], g_get_prgname ());
  else
    message = g_strdup_printf ("expected %s (%s --help tells more)", parameters, g_get_prgname ());
  hd_command_complain (message);

  return FALSE;
}

gboolean
hd_command_parse (GStrv        *arguments,
                  GOptionGroup *group,
                  const char   *parameters,
                  const char   *description,
                  int           n_parameters)
{
  g_autoptr (GOptionContext) context = g_option_context_new (parameters);

  g_option_context_set_main_group (context, group);
  g_option_context_set_description (context, description);

  return hd_command_parse_context (arguments, context, parameters, n_parameters, n_parameters);
}
