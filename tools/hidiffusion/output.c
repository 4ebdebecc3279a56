/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_NUMBER 9999
#define ENDING     ".png"

/* Writes the picture under the first of the numbered names that is free; returns the name. */
static char *
write_numbered (const HdPngImage  *png,
                GError           **error)
{
  for (int i = 1; i <= MAX_NUMBER; i++)
    {
      g_autofree char    *path = g_strdup_printf ("hidiffusion-%04d.png", i);
      g_autoptr (GError)  problem = NULL;

      if (hd_png_file_write (png, path, FALSE, &problem))
        return g_steal_pointer (&path);

      if (!g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_EXIST))
        {
          g_propagate_error (error, g_steal_pointer (&problem));
          return NULL;
        }
    }

  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
               "hidiffusion-0001.png to hidiffusion-%d.png exist: name another with --output", MAX_NUMBER);

  return NULL;
}

/* The name of picture @number: numbers are all of the same length, so that names sort. A device gets all pictures. */
char *
hd_output_name (const HdOutput *output,
                int             number)
{
  gsize            length = strlen (output->name);
  gboolean         ends = length > strlen (ENDING)
                          && g_ascii_strcasecmp (output->name + length - strlen (ENDING), ENDING) == 0;
  gsize            stem = ends ? length - strlen (ENDING) : length;
  g_autofree char *largest = g_strdup_printf ("%d", output->count);

  if (output->count == 1 || (g_file_test (output->name, G_FILE_TEST_EXISTS)
                             && !g_file_test (output->name, G_FILE_TEST_IS_REGULAR)))
    return g_strdup (output->name);

  return g_strdup_printf ("%.*s-%0*d%s", (int) stem, output->name, (int) strlen (largest), number, output->name + stem);
}

char *
hd_output_write (const HdOutput    *output,
                 int                number,
                 const HdPngImage  *png,
                 GError           **error)
{
  g_autofree char *path = NULL;

  if (output->name == NULL)
    return write_numbered (png, error);

  path = hd_output_name (output, number);

  return hd_png_file_write (png, path, TRUE, error) ? g_steal_pointer (&path) : NULL;
}

gboolean
hd_output_check (const HdOutput  *output,
                 GError         **error)
{
  g_autofree char *folder = output->name != NULL ? g_path_get_dirname (output->name) : g_strdup (".");

  for (int i = 1; output->name != NULL && i <= output->count; i++)
    {
      g_autofree char *path = hd_output_name (output, i);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR, "%s: expected the name of a file, found a folder", path);
          return FALSE;
        }
    }

  if (access (folder, W_OK | X_OK) != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: no file can be written there: %s",
                   folder, g_strerror (errno));
      return FALSE;
    }

  return TRUE;
}
