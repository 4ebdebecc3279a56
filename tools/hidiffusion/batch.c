/* SPDX-License-Identifier: Apache-2.0 */

/* hidiffusion batch: the pictures of a sheet.  A picture that is there is finished, as files appear complete or not at all:
 * so a batch that was stopped, in whatever way, goes on where it was. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/engine.h"
#include "tools/hidiffusion/batch_claim.h"
#include "tools/hidiffusion/batch_row.h"
#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/interrupt.h"
#include "tools/hidiffusion/output.h"
#include "tools/hidiffusion/terminal_progress.h"

#define PARAMETERS "SHEET"
#define MAX_SHARDS 100000

typedef struct
{
  char *folder;   /* for pictures */
  char *shard;
} BatchOptions;

typedef struct
{
  GStrv               arguments;   /* as the command has them, for each row anew */
  const char         *folder;
  int                 shard;       /* from 0 */
  int                 n_shards;
  guint               n_rows;
  HdEngine           *engine;
  GCancellable       *cancellable;
  HdTerminalProgress  progress;
  gboolean            terminal;
  int                 n_made;
  int                 n_there;
  int                 n_others;
  int                 n_failed;
} Batch;

/* --- options ---------------------------------------------------------------------- */

static gboolean
parse (BatchOptions  *options,
       HdTaskOptions *task_options,
       GStrv         *arguments)
{
  const GOptionEntry own[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->folder,
      "the folder for pictures; it is made if it is not there (the current one)", "FOLDER" },
    { "shard", 0, 0, G_OPTION_ARG_STRING, &options->shard,
      "of N processes this is number I, from 1, which makes the rows I, I + N and so on (1/1)", "I/N" },
    HD_NO_METADATA_OPTION (task_options),
    { NULL },
  };

  hd_task_options_init (task_options, HD_TASK_GENERATE);

  return hd_task_options_parse (task_options, arguments, TRUE, own, PARAMETERS,
                                "SHEET is a CSV file with names in its first line, or a .jsonl file with an object a line. "
                                "Names are those of the settings in pictures (prompt, model, width, steps, seed, ...), and "
                                "output, input, mask, scale and control_image for files. What is not said is left to the "
                                "model; the seed is the row's number. Options count for all rows. A picture that is there "
                                "is not made again: after a stop the same command goes on.", 1, 1);
}

static gboolean
parse_shard (const char  *text,
             Batch       *batch,
             GError     **error)
{
  char  *slash = NULL, *end = NULL;
  gint64 number = 1, count = 1;

  if (text != NULL)
    {
      number = g_ascii_strtoll (text, &slash, 10);
      count = *slash == '/' ? g_ascii_strtoll (slash + 1, &end, 10) : 0;
    }
  if (text != NULL && (!g_ascii_isdigit (text[0]) || end == NULL || end == slash + 1 || *end != '\0'
                       || count > MAX_SHARDS || number < 1 || number > count))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--shard: expected I/N with I from 1 to N and N at most %d, found \"%s\"", MAX_SHARDS, text);
      return FALSE;
    }

  batch->shard = (int) number - 1;
  batch->n_shards = (int) count;

  return TRUE;
}

/* --- the log ------------------------------------------------------------------------ */

static void write_log (Batch            *batch,
                       const HdBatchRow *row,
                       const char       *format,
                       ...) G_GNUC_PRINTF (3, 4);

/* A line, complete at once: several processes may write into one file. */
static void
write_log (Batch            *batch,
           const HdBatchRow *row,
           const char       *format,
           ...)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char      *time = g_date_time_format (now, "%FT%TZ");
  g_autofree char      *text = NULL;
  va_list               arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  hd_terminal_progress_finish (&batch->progress);
  printf ("%s row %d of %u: %s\n", time, row->number, batch->n_rows, hd_command_clean (text));
  fflush (stdout);
}

static void
on_progress (const HdProgress *report,
             gpointer          user_data)
{
  Batch *batch = user_data;

  if (batch->terminal)
    hd_terminal_progress_report (report, &batch->progress);
}

/* --- a picture ---------------------------------------------------------------------- */

static gboolean
make_folder (const char  *output,
             GError     **error)
{
  g_autofree char *folder = g_path_get_dirname (output);
  int              problem;

  if (g_mkdir_with_parents (folder, 0777) == 0)
    return TRUE;

  problem = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (problem), "%s: %s", folder, g_strerror (problem));

  return FALSE;
}

/* Picture @number of the row, from 1. */
static gboolean
make_picture (Batch                *batch,
              const HdBatchRow     *row,
              const HdTaskOptions  *task_options,
              const HdOutput       *output,
              int                   number,
              GError              **error)
{
  g_autoptr (HdRequest)   request = hd_request_copy (task_options->options->request);
  gint64                  started = g_get_monotonic_time ();
  HdPicture              *picture;
  g_autoptr (HdPngImage)  png = NULL;
  g_autofree char        *path = NULL;
  g_autofree char        *duration = NULL;
  gint64                  seed;

  /* As hd_engine_generate_all() counts. */
  if (request->seed != HD_REQUEST_RANDOM_SEED)
    request->seed = (request->seed + number - 1) % ((gint64) HD_REQUEST_MAX_SEED + 1);
  request->count = 1;

  picture = hd_engine_generate (batch->engine, request, on_progress, batch, batch->cancellable, error);
  if (picture == NULL)
    return FALSE;

  seed = picture->request->seed;
  png = hd_compose (&task_options->input, picture, !task_options->no_metadata, error);
  path = png != NULL ? hd_output_write (output, number, png, error) : NULL;
  if (path == NULL)
    return FALSE;

  duration = hd_format_duration ((g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC);
  write_log (batch, row, "%s: %d x %d, seed %" G_GINT64_FORMAT ", in %s", path, png->image->width, png->image->height, seed,
             duration);
  batch->n_made++;

  return TRUE;
}

/* --- a row -------------------------------------------------------------------------- */

static gboolean
is_there (const HdOutput *output,
          int             number)
{
  g_autofree char *path = hd_output_name (output, number);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static int
count_missing (const HdOutput *output)
{
  int n = 0;

  for (int number = 1; number <= output->count; number++)
    n += is_there (output, number) ? 0 : 1;

  return n;
}

static gboolean
make_pictures (Batch             *batch,
               const HdBatchRow  *row,
               HdTaskOptions     *task_options,
               const HdOutput    *output,
               GError           **error)
{
  if (!hd_task_options_complete (task_options, row->input, error) || !hd_output_check (output, error))
    return FALSE;

  for (int number = 1; number <= output->count; number++)
    if (!is_there (output, number) && !make_picture (batch, row, task_options, output, number, error))
      return FALSE;

  return TRUE;
}

/* Makes what is missing, unless another process is at it. */
static gboolean
make_missing (Batch             *batch,
              const HdBatchRow  *row,
              HdTaskOptions     *task_options,
              const HdOutput    *output,
              GError           **error)
{
  HdClaim  claim;
  gboolean success = TRUE;

  if (!make_folder (output->name, error))
    return FALSE;

  switch (hd_claim_take (&claim, output->name, error))
    {
    case HD_CLAIM_FAILED:
      return FALSE;
    case HD_CLAIM_OTHERS:
      write_log (batch, row, "%s: another process makes it", output->name);
      batch->n_others += count_missing (output);
      return TRUE;
    case HD_CLAIM_OURS:
    default:
      success = make_pictures (batch, row, task_options, output, error);
      hd_claim_release (&claim);
      return success;
    }
}

static gboolean
run_row (Batch             *batch,
         const HdBatchRow  *row,
         GError           **error)
{
  g_auto (GStrv)    arguments = g_strdupv (batch->arguments);
  BatchOptions      options = { NULL };
  HdTaskOptions     task_options;
  g_autofree char  *name = g_build_filename (batch->folder, row->output, NULL);
  HdOutput          output = { name, 1 };
  gboolean          success = TRUE;
  int               n_missing;

  if (parse (&options, &task_options, &arguments))
    {
      hd_batch_row_apply (row, &task_options);
      output.count = task_options.options->request->count;
      n_missing = count_missing (&output);
      batch->n_there += output.count - n_missing;
      if (n_missing == 0)
        write_log (batch, row, "%s: is there", name);
      else
        success = make_missing (batch, row, &task_options, &output, error);
    }
  hd_task_options_clear (&task_options);
  g_free (options.folder);
  g_free (options.shard);

  return success;
}

/* --- all of them --------------------------------------------------------------------- */

/* Makes the rows of this shard; what fails is told, and the next row tried. */
static void
run_rows (Batch     *batch,
          GPtrArray *rows)
{
  for (guint i = 0; i < rows->len && !g_cancellable_is_cancelled (batch->cancellable); i++)
    {
      const HdBatchRow   *row = g_ptr_array_index (rows, i);
      g_autoptr (GError)  error = NULL;

      if ((int) (i % (guint) batch->n_shards) != batch->shard || run_row (batch, row, &error))
        continue;

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        write_log (batch, row, "cancelled");
      else
        {
          write_log (batch, row, "failed: %s", error->message);
          batch->n_failed++;
        }
    }
}

static int
run (Batch       *batch,
     const char  *sheet,
     GError     **error)
{
  g_autoptr (GPtrArray) rows = hd_batch_rows_read (sheet, error);

  if (rows == NULL)
    return HD_EXIT_FAILURE;

  batch->n_rows = rows->len;
  batch->terminal = isatty (fileno (stdout));
  hd_terminal_progress_init (&batch->progress, stdout);
  run_rows (batch, rows);
  printf ("%d made, %d there before, %d left to other processes, %d failed\n", batch->n_made, batch->n_there,
          batch->n_others, batch->n_failed);
  fflush (stdout);
  hd_interrupt_finish (batch->cancellable);
  if (batch->n_failed > 0)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: %d of its rows failed", sheet, batch->n_failed);

  return batch->n_failed > 0 ? HD_EXIT_FAILURE : HD_EXIT_SUCCESS;
}

int
hd_command_batch (GStrv *arguments)
{
  g_auto (GStrv)           original = g_strdupv (*arguments);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (HdEngine)     engine = NULL;
  BatchOptions             options = { NULL };
  HdTaskOptions            task_options;
  Batch                    batch = { .arguments = original, .cancellable = cancellable };
  GError                  *error = NULL;
  int                      status = HD_EXIT_USAGE;

  if (parse (&options, &task_options, arguments))
    {
      if (task_options.options->again != NULL)
        g_set_error_literal (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--again: expected no such option for a batch");
      else if (parse_shard (options.shard, &batch, &error))
        {
          batch.folder = options.folder != NULL ? options.folder : ".";
          batch.engine = engine = hd_engine_new ();
          hd_interrupt_watch (cancellable);
          status = run (&batch, (*arguments)[1], &error);
        }
    }
  hd_task_options_clear (&task_options);
  g_free (options.folder);
  g_free (options.shard);

  return error != NULL ? hd_command_fail (error) : status;
}
