/* SPDX-License-Identifier: Apache-2.0 */

/* golden-runner: runs golden cases, a line each. tools/golden is the way to call it. */

#include <stdio.h>

#include "engine/process.h"
#include "tests/golden/golden_run.h"

typedef struct
{
  char    *device;
  char    *precision;
  char    *weights;
  char    *scratch;
  char    *merges;
  int      threads;
  gboolean streamed;
  char   **cases;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->device);
  g_free (options->precision);
  g_free (options->weights);
  g_free (options->scratch);
  g_free (options->merges);
  g_strfreev (options->cases);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
parse_options (int       *argc,
               char    ***argv,
               Options   *options)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("CASE.json...");
  g_autoptr (GError)         error = NULL;
  const GOptionEntry         entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &options->device, "auto, cpu or cuda", "NAME" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &options->precision, "auto, float32, bfloat16 or float16", "TYPE" },
    { "weights", 0, 0, G_OPTION_ARG_STRING, &options->weights, "auto, full or int8", "FORM" },
    { "streamed", 0, 0, G_OPTION_ARG_NONE, &options->streamed, "weights come from the host's memory", NULL },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options->threads, "the most threads; 0: one a processor", "N" },
    { "scratch", 0, 0, G_OPTION_ARG_FILENAME, &options->scratch, "where synthesised models go", "FOLDER" },
    { "merges", 0, 0, G_OPTION_ARG_FILENAME, &options->merges, "CLIP's packed merges", "FILE" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->cases, NULL, NULL },
    { NULL },
  };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("golden-runner: %s\n", error->message);
      return FALSE;
    }

  if (options->cases == NULL || options->scratch == NULL || options->merges == NULL)
    {
      g_printerr ("golden-runner: expected --scratch, --merges and a case\n");
      return FALSE;
    }

  return TRUE;
}

static HdRequest *
make_request (const Options *options)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autoptr (GError)    error = NULL;

  hd_request_set (&request->model, "golden");
  request->threads = options->threads;
  if (options->device != NULL)
    hd_request_set (&request->device, options->device);
  if (options->precision != NULL)
    hd_request_set (&request->precision, options->precision);
  if (options->weights != NULL)
    hd_request_set (&request->weights, options->weights);

  if (!hd_request_check (request, &error))
    {
      g_printerr ("golden-runner: %s\n", error->message);
      return NULL;
    }

  return g_steal_pointer (&request);
}

static void
print_result (const HdGoldenResult *result)
{
  printf ("%s rel_l2=%.3g limit=%.3g ", result->name, result->error, result->limit);
  switch (result->verdict)
    {
    case HD_GOLDEN_OK:
      printf ("ok\n");
      break;
    case HD_GOLDEN_FAIL:
      printf ("FAIL\n");
      break;
    case HD_GOLDEN_UNSUPPORTED_KIND:
      printf ("unsupported %s\n", result->reason);
      break;
    }
  fflush (stdout);

  if (result->verdict == HD_GOLDEN_FAIL && result->reason != NULL)
    g_printerr ("%s: %s\n", result->name, result->reason);
}

int
main (int    argc,
      char **argv)
{
  g_auto (Options)      options = { 0 };
  g_autoptr (HdRequest) request = NULL;
  HdGoldenSetup         setup;
  int                   n_failed = 0;

  hd_process_calm_threads (argv);

  if (!parse_options (&argc, &argv, &options))
    return 2;

  request = make_request (&options);
  if (request == NULL)
    return 2;

  setup = (HdGoldenSetup) { .request = request, .scratch = options.scratch, .merges = options.merges,
                            .streamed = options.streamed };
  for (char **path = options.cases; *path != NULL; path++)
    {
      HdGoldenResult result;

      hd_golden_run (&setup, *path, &result);
      print_result (&result);
      n_failed += result.verdict == HD_GOLDEN_FAIL;
      hd_golden_result_clear (&result);
    }

  return n_failed > 0 ? 1 : 0;
}
