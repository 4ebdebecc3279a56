/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/bench_measure.h"
#include "tools/hidiffusion/bench_report.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/interrupt.h"
#include "tools/hidiffusion/task_options.h"

#define USUAL_STEPS 50

static gboolean
check_own_options (const char *what,
                   int         repetitions)
{
  static const char * const names[] = { "all", "unet", "vae", NULL };

  if (what != NULL && !g_strv_contains (names, what))
    {
      g_autofree char *message = g_strdup_printf ("--what: expected one of all, unet, vae, found \"%s\"", what);

      hd_command_complain (message);
      return FALSE;
    }

  if (repetitions < 1)
    {
      hd_command_complain ("--repetitions: expected 1 or more");
      return FALSE;
    }

  return TRUE;
}

static gboolean
measure (HdBench       *bench,
         const char    *json,
         GCancellable  *cancellable,
         GError       **error)
{
  if (!hd_bench_run (bench, cancellable, error))
    return FALSE;

  hd_bench_print (bench);

  return json == NULL || hd_bench_save_json (bench, json, error);
}

int
hd_command_bench (GStrv *arguments)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char         *what = NULL;
  g_autofree char         *json = NULL;
  int                      repetitions = 3;
  const GOptionEntry       own[] = {
    { "what", 'w', 0, G_OPTION_ARG_STRING, &what, "unet, vae or all (all)", "NETWORK" },
    { "repetitions", 'r', 0, G_OPTION_ARG_INT, &repetitions, "of each measurement, after a first one that is not "
      "counted (3)", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &json, "write what is measured there too", "FILE" },
    { NULL },
  };
  HdTaskOptions task_options;
  HdBench       bench = { 0 };
  GError       *error = NULL;
  int           status = HD_EXIT_USAGE;

  hd_task_options_init (&task_options, HD_TASK_GENERATE);
  task_options.options->request->steps = USUAL_STEPS;
  if (hd_task_options_parse (&task_options, arguments, FALSE, own, "",
                             "Measures a UNet step in each phase of HiDiffusion's schedule (of 50 steps unless --steps "
                             "says otherwise), with a ControlNet's part if there is one, and the VAE's decoder, on noise: "
                             "prompts, samplers and seeds change nothing.", 0, 0)
      && check_own_options (what, repetitions))
    {
      hd_interrupt_watch (cancellable);
      task_options.options->has_prompt = TRUE;
      bench.request = task_options.options->request;
      bench.unet = g_strcmp0 (what, "vae") != 0;
      bench.vae = g_strcmp0 (what, "unet") != 0;
      bench.repetitions = repetitions;
      status = hd_task_options_complete (&task_options, NULL, &error)
               && measure (&bench, json, cancellable, &error) ? HD_EXIT_SUCCESS : hd_command_fail (error);
      hd_bench_clear (&bench);
    }
  hd_task_options_clear (&task_options);
  if (status != HD_EXIT_SUCCESS)
    hd_interrupt_finish (cancellable);

  return status;
}
