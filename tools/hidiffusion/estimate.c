/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>

#include "engine/engine.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/task_options.h"
#include "tools/hidiffusion/terminal_progress.h"

#define TERA 1e12

static void
print_bytes (const char *what,
             gsize       bytes)
{
  g_autofree char *size = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);

  printf ("%-12s %s\n", what, size);
}

static void
print_time (const char *what,
            double      seconds)
{
  g_autofree char *time = hd_format_duration (seconds);

  printf ("%-12s %s\n", what, time);
}

static void
print_memory (const HdEstimate *estimate)
{
  gsize needed = estimate->weight_bytes + estimate->tensor_bytes;

  print_bytes ("weights", estimate->weight_bytes);
  print_bytes ("activations", estimate->tensor_bytes);
  print_bytes (estimate->fits ? "memory" : "at least", needed);
  if (estimate->whole_bytes > needed)
    print_bytes ("unsplit", estimate->whole_bytes);
  if (estimate->free_bytes < G_MAXSIZE)
    print_bytes ("available", estimate->free_bytes);

  for (int i = 0; i < HD_N_SPLITS; i++)
    if ((estimate->splits & hd_split_at (i)) != 0)
      printf ("%-12s %s\n", "split", hd_split_describe (hd_split_at (i)));
}

static void
print_estimate (const HdEstimate *estimate,
                int               count)
{
  printf ("%-12s %d x %d, %d steps\n", "picture", estimate->width, estimate->height, estimate->steps);
  printf ("%-12s %s\n", "device", estimate->device);
  print_memory (estimate);
  printf ("%-12s %.3g TFLOP\n", "arithmetic", estimate->flops / TERA);
  printf ("%-12s %.3g TFLOP\n", "first step", estimate->step_flops_first / TERA);
  printf ("%-12s %.3g TFLOP\n", "last step", estimate->step_flops_last / TERA);
  if (estimate->seconds < 0.0)
    return;

  print_time ("time", estimate->seconds);
  if (count > 1)
    {
      g_autofree char *what = g_strdup_printf ("%d pictures", count);

      print_time (what, estimate->seconds * count);
    }
}

/* Takes the task's name, if there is one. */
static gboolean
take_task (HdTaskOptions  *task_options,
           const char     *name,
           GError        **error)
{
  g_autofree char *list = NULL;

  if (name == NULL)
    return TRUE;

  for (int i = 0; hd_task_names ()[i] != NULL; i++)
    if (g_str_equal (hd_task_names ()[i], name))
      {
        task_options->task = i;
        return TRUE;
      }

  list = g_strjoinv (", ", (char **) hd_task_names ());
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "expected one of %s, found \"%s\"", list, name);

  return FALSE;
}

static gboolean
estimate (const HdRequest  *request,
          GError          **error)
{
  g_autoptr (HdEngine) engine = hd_engine_new ();
  HdEstimate           told;

  if (!hd_engine_measure_speed (engine, request, error) || !hd_engine_estimate (engine, request, &told, error))
    return FALSE;

  print_estimate (&told, request->count);
  hd_estimate_clear (&told);

  return TRUE;
}

int
hd_command_estimate (GStrv *arguments)
{
  HdTaskOptions  task_options;
  GError        *error = NULL;
  int            status = HD_EXIT_USAGE;

  hd_task_options_init (&task_options, HD_TASK_GENERATE);
  if (hd_task_options_parse (&task_options, arguments, TRUE, NULL, "[TASK [INPUT.png]]",
                             "TASK is generate, transform, fill or upscale. Computes nothing of the picture; the time "
                             "comes from a measurement of half a second.", 0, 2))
    {
      const char *task = (*arguments)[1];
      const char *input = task != NULL ? (*arguments)[2] : NULL;

      task_options.options->has_prompt = TRUE;
      status = take_task (&task_options, task, &error)
               && hd_task_options_complete (&task_options, input, &error)
               && estimate (task_options.options->request, &error) ? HD_EXIT_SUCCESS : hd_command_fail (error);
    }
  hd_task_options_clear (&task_options);

  return status;
}
