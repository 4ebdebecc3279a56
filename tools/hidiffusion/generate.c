/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/engine.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/interrupt.h"
#include "tools/hidiffusion/png_file.h"
#include "tools/hidiffusion/request_options.h"
#include "tools/hidiffusion/terminal_progress.h"

#define MAX_NUMBER 9999

/* Writes the picture under the first of the numbered names that is free; returns the name. */
static char *
write_numbered (const HdPicture  *picture,
                GError          **error)
{
  for (int i = 1; i <= MAX_NUMBER; i++)
    {
      g_autofree char    *path = g_strdup_printf ("hidiffusion-%04d.png", i);
      g_autoptr (GError)  problem = NULL;

      if (hd_png_file_write (picture, path, FALSE, &problem))
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

static char *
write_picture (const HdPicture  *picture,
               const char       *output,
               GError          **error)
{
  if (output == NULL)
    return write_numbered (picture, error);

  return hd_png_file_write (picture, output, TRUE, error) ? g_strdup (output) : NULL;
}

/* A picture that cannot be kept should not be computed. */
static gboolean
check_output (const char  *output,
              GError     **error)
{
  g_autofree char *folder = output != NULL ? g_path_get_dirname (output) : g_strdup (".");

  if (output != NULL && g_file_test (output, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR, "%s: expected the name of a file, found a folder", output);
      return FALSE;
    }

  if (access (folder, W_OK | X_OK) != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: no file can be written there: %s",
                   folder, g_strerror (errno));
      return FALSE;
    }

  return TRUE;
}

static int
generate (const HdRequest *request,
          const char      *output,
          GCancellable    *cancellable)
{
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  g_autoptr (HdPicture) picture = NULL;
  g_autofree char      *path = NULL;
  g_autofree char      *duration = NULL;
  HdTerminalProgress    progress;
  GError               *error = NULL;
  gint64                started = g_get_monotonic_time ();

  hd_terminal_progress_init (&progress, stdout);
  picture = hd_engine_generate (engine, request, hd_terminal_progress_report, &progress, cancellable, &error);
  hd_terminal_progress_finish (&progress);
  if (picture == NULL)
    return hd_command_fail (error);

  path = write_picture (picture, output, &error);
  if (path == NULL)
    return hd_command_fail (error);

  duration = hd_format_duration ((g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC);
  printf ("%s: %d x %d, seed %" G_GINT64_FORMAT ", in %s\n", path, picture->width, picture->height,
          picture->request->seed, duration);

  return HD_EXIT_SUCCESS;
}

int
hd_command_generate (GStrv *arguments)
{
  g_autoptr (HdRequest)    request = hd_request_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char         *output = NULL;
  const GOptionEntry       own[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      "where the picture goes; a file of that name is replaced (hidiffusion-0001.png or the next free number)",
      "FILE.png" },
    { NULL },
  };
  GError *error = NULL;
  int     status;

  /* An empty prompt is one, too; a forgotten one is not. */
  g_clear_pointer (&request->prompt, g_free);
  if (!hd_command_parse (arguments, hd_request_options_new (request, own), "", HD_REQUEST_OPTIONS_DESCRIPTION, 0))
    return HD_EXIT_USAGE;

  if (request->prompt == NULL)
    {
      hd_command_complain ("expected --prompt TEXT");
      return HD_EXIT_USAGE;
    }

  if (!hd_request_options_check (request))
    return HD_EXIT_USAGE;

  if (!check_output (output, &error))
    return hd_command_fail (error);

  hd_interrupt_watch (cancellable);
  status = generate (request, output, cancellable);
  if (status != HD_EXIT_SUCCESS)
    hd_interrupt_finish (cancellable);

  return status;
}
