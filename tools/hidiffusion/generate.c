/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "engine/engine.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/interrupt.h"
#include "tools/hidiffusion/output.h"
#include "tools/hidiffusion/task_options.h"
#include "tools/hidiffusion/terminal_progress.h"

#define INPUT_PARAMETER "INPUT.png"

/* --- making ---------------------------------------------------------------------- */

typedef struct
{
  const HdTaskInput  *input;
  HdOutput            output;
  gboolean            with_settings;
  HdTerminalProgress  progress;
  int                 number;    /* of the next picture */
  gint64              started;   /* when its work began */
} Making;

static void
on_progress (const HdProgress *report,
             gpointer          user_data)
{
  hd_terminal_progress_report (report, &((Making *) user_data)->progress);
}

/* Keeps a picture that is ready. */
static gboolean
take_picture (HdPicture  *picture,
              gpointer    user_data,
              GError    **error)
{
  Making                 *making = user_data;
  gint64                  seed = picture->request->seed;
  g_autoptr (HdPngImage)  png = hd_compose (making->input, picture, making->with_settings, error);
  g_autofree char        *path = NULL;
  g_autofree char        *shown = NULL;
  g_autofree char        *duration = NULL;

  if (png == NULL)
    return FALSE;

  path = hd_output_write (&making->output, making->number, png, error);
  if (path == NULL)
    return FALSE;

  hd_terminal_progress_finish (&making->progress);
  shown = g_filename_display_name (path);
  duration = hd_format_duration ((g_get_monotonic_time () - making->started) / (double) G_USEC_PER_SEC);
  printf ("%s: %d x %d, seed %" G_GINT64_FORMAT ", in %s\n", shown, png->image->width, png->image->height, seed, duration);
  fflush (stdout);
  making->number++;
  making->started = g_get_monotonic_time ();

  return TRUE;
}

static gboolean
make (const HdTaskOptions  *task_options,
      const char           *output,
      GCancellable         *cancellable,
      GError              **error)
{
  const HdRequest      *request = task_options->options->request;
  g_autoptr (HdEngine)  engine = hd_engine_new ();
  Making                making = {
    .input = &task_options->input, .output = { output, request->count }, .number = 1,
    .started = g_get_monotonic_time (), .with_settings = !task_options->no_metadata,
  };
  gboolean              success;

  if (!hd_output_check (&making.output, error))
    return FALSE;

  hd_terminal_progress_init (&making.progress, stdout);
  success = hd_engine_generate_all (engine, request, take_picture, on_progress, &making, cancellable, error);
  hd_terminal_progress_finish (&making.progress);

  return success;
}

/* --- the commands ---------------------------------------------------------------- */

static int
run_task (GStrv      *arguments,
          HdTask      task,
          const char *description)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char         *output = NULL;
  HdTaskOptions            task_options;
  const GOptionEntry       own[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
      "where the picture goes; a file of that name is replaced; of several pictures, FILE-1.png and so on "
      "(hidiffusion-0001.png or the next free number)",
      "FILE.png" },
    HD_NO_METADATA_OPTION (&task_options),
    { NULL },
  };
  const char    *parameters = task == HD_TASK_GENERATE ? "" : INPUT_PARAMETER;
  int            n_parameters = task == HD_TASK_GENERATE ? 0 : 1;
  GError        *error = NULL;
  int            status = HD_EXIT_USAGE;

  hd_task_options_init (&task_options, task);
  if (hd_task_options_parse (&task_options, arguments, FALSE, own, parameters, description, n_parameters, n_parameters))
    {
      hd_interrupt_watch (cancellable);
      status = hd_task_options_complete (&task_options, n_parameters > 0 ? (*arguments)[1] : NULL, &error)
               && make (&task_options, output, cancellable, &error) ? HD_EXIT_SUCCESS : hd_command_fail (error);
    }
  hd_task_options_clear (&task_options);
  if (status != HD_EXIT_SUCCESS)
    hd_interrupt_finish (cancellable);

  return status;
}

int
hd_command_generate (GStrv *arguments)
{
  return run_task (arguments, HD_TASK_GENERATE,
                   "Makes pictures from a prompt, whose grammar is in the documentation (prompts.md).");
}

int
hd_command_transform (GStrv *arguments)
{
  return run_task (arguments, HD_TASK_TRANSFORM,
                   "Makes a picture anew from another one and a prompt. The less --strength, the more stays; what is "
                   "transparent stays so.");
}

int
hd_command_fill (GStrv *arguments)
{
  return run_task (arguments, HD_TASK_FILL,
                   "Fills the part of a picture that the mask marks, or its transparent part, as fits to what is around. "
                   "All other pixels stay as they are. A prompt can say what is to be there. --size is the size at which "
                   "the model works on that part.");
}

int
hd_command_upscale (GStrv *arguments)
{
  return run_task (arguments, HD_TASK_UPSCALE,
                   "Makes a picture larger and adds fine detail; the more --strength, the more of it. A prompt that says "
                   "what the picture shows helps.");
}
