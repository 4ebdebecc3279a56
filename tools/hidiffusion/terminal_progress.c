/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/terminal_progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_COLUMNS 80
#define LONGEST_BAR   40
#define SHORTEST_BAR  8

char *
hd_format_duration (double seconds)
{
  gint64 whole = seconds < 1e9 ? llround (MAX (seconds, 0.0)) : 1000000000;

  if (whole >= 3600)
    return g_strdup_printf ("%d:%02d:%02d", (int) (whole / 3600), (int) (whole / 60 % 60), (int) (whole % 60));

  return g_strdup_printf ("%d:%02d", (int) (whole / 60), (int) (whole % 60));
}

void
hd_terminal_progress_init (HdTerminalProgress *progress,
                           FILE               *stream)
{
  const char *term = g_getenv ("TERM");

  *progress = (HdTerminalProgress) {
    .stream = stream,
    .terminal = isatty (fileno (stream)) && g_strcmp0 (term, "dumb") != 0,
    .step = -1,
  };
}

static char *
describe_phase (const HdProgress *report)
{
  switch (report->phase)
    {
    case HD_PHASE_LOADING:
      return g_strdup ("Loading the model");
    case HD_PHASE_ENCODING:
      return g_strdup ("Reading the prompt");
    case HD_PHASE_DENOISING:
      return g_strdup_printf ("Step %d of %d", MAX (report->step, 1), report->steps);
    case HD_PHASE_DECODING:
      return g_strdup ("Decoding the picture");
    }

  g_return_val_if_reached (g_strdup (""));
}

static char *
describe (const HdProgress *report)
{
  g_autofree char *phase = describe_phase (report);

  if (report->pictures == 1 || report->phase == HD_PHASE_LOADING)
    return g_steal_pointer (&phase);

  phase[0] = g_ascii_tolower (phase[0]);

  return g_strdup_printf ("Picture %d of %d, %s", report->picture, report->pictures, phase);
}

/* ", 42 %, 0:12 left", as far as it is known. */
static char *
describe_rest (const HdProgress *report)
{
  g_autofree char *left = NULL;
  int              percent = (int) (100.0 * CLAMP (report->fraction, 0.0, 1.0));

  if (!(report->seconds_left >= 0.0))
    return g_strdup_printf ("%3d %%", percent);

  left = hd_format_duration (report->seconds_left);

  return g_strdup_printf ("%3d %%, %s left", percent, left);
}

static int
count_columns (FILE *stream)
{
  struct winsize size;

  if (ioctl (fileno (stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;

  return USUAL_COLUMNS;
}

static void
draw_bar (HdTerminalProgress *progress,
          const HdProgress   *report)
{
  g_autofree char *phase = describe (report);
  g_autofree char *rest = describe_rest (report);
  g_autofree char *bar = NULL;
  int              words = report->pictures == 1 ? 21 : 40;
  int              room = count_columns (progress->stream) - words - 31;
  int              length = MIN (room, LONGEST_BAR);
  int              done;

  if (length < SHORTEST_BAR)
    {
      fprintf (progress->stream, "\r%s %s\033[K", phase, rest);
    }
  else
    {
      done = (int) (length * CLAMP (report->fraction, 0.0, 1.0));
      bar = g_strnfill (length, '-');
      memset (bar, '#', done);
      fprintf (progress->stream, "\r%-*s [%s] %s\033[K", words, phase, bar, rest);
    }
  fflush (progress->stream);
  progress->shown = TRUE;
}

static void
print_line (HdTerminalProgress *progress,
            const HdProgress   *report)
{
  g_autofree char *phase = NULL;
  g_autofree char *rest = NULL;

  if (progress->step == report->step && progress->phase == report->phase && progress->picture == report->picture)
    return;

  progress->picture = report->picture;
  progress->phase = report->phase;
  progress->step = report->step;
  phase = describe (report);
  rest = describe_rest (report);
  fprintf (progress->stream, "%s: %s\n", phase, g_strchug (rest));
  fflush (progress->stream);
}

void
hd_terminal_progress_report (const HdProgress *report,
                             gpointer          user_data)
{
  HdTerminalProgress *progress = user_data;

  if (progress->terminal)
    draw_bar (progress, report);
  else
    print_line (progress, report);
}

void
hd_terminal_progress_finish (HdTerminalProgress *progress)
{
  if (progress->shown)
    fprintf (progress->stream, "\r\033[K");
  progress->shown = FALSE;
  fflush (progress->stream);
}
