/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gi18n.h>

#include "ui/isolate.h"
#include "ui/progress-text.h"

char *
hd_describe_seconds (double seconds)
{
  int n;

  if (seconds < 59.5)
    {
      n = MAX (1, (int) lround (seconds));
      return g_strdup_printf (ngettext ("about %d second", "about %d seconds", n), n);
    }
  if (seconds < 90.0 * 60.0)
    {
      n = MAX (1, (int) lround (seconds / 60.0));
      return g_strdup_printf (ngettext ("about %d minute", "about %d minutes", n), n);
    }

  /* Also keeps what a broken clock says within an int. */
  n = (int) lround (MIN (seconds / 3600.0, 9999.0));
  return g_strdup_printf (ngettext ("about %d hour", "about %d hours", n), n);
}

static char *
describe_work (const HdProgress *progress)
{
  switch (progress->phase)
    {
    case HD_PHASE_LOADING:
      return g_strdup (_("Loading the model"));
    case HD_PHASE_ENCODING:
      return g_strdup (_("Reading the prompt"));
    case HD_PHASE_DECODING:
      return g_strdup (_("Decoding the picture"));
    case HD_PHASE_DENOISING:
      break;
    }

  /* TRANSLATORS: the step that is being worked on, and how many there are. */
  return g_strdup_printf (_("Step %d of %d"), MAX (1, progress->step), progress->steps);
}

char *
hd_describe_phase (const HdProgress *progress)
{
  g_autofree char *work = describe_work (progress);

  if (progress->pictures <= 1)
    return g_steal_pointer (&work);

  /* TRANSLATORS: the picture that is being worked on, how many there are, and what is done: "Step 7 of 25". */
  return g_strdup_printf (_("Picture %d of %d – %s"), MAX (1, progress->picture), progress->pictures, work);
}

char *
hd_describe_progress (const HdProgress *progress)
{
  g_autofree char *phase = hd_describe_phase (progress);
  g_autofree char *time = NULL;

  if (! (progress->seconds_left >= 0.0))
    return g_strdup_printf ("%s…", phase);

  time = hd_describe_seconds (progress->seconds_left);
  /* TRANSLATORS: what is being done ("Step 7 of 25"), and for how long ("about 12 seconds"). */
  return g_strdup_printf (_("%s, %s left"), phase, time);
}

char *
hd_describe_done (int    pictures,
                  gint64 seed,
                  double seconds)
{
  if (pictures == 1)
    return g_strdup_printf (_("Done in %.1f seconds, with the seed %d."), seconds, (int) seed);

  /* TRANSLATORS: a number of pictures, which is not 1; seconds; the seed of the first picture. */
  return g_strdup_printf (_("Done: %d pictures in %.1f seconds, with the seeds from %d on."), pictures, seconds,
                          (int) seed);
}

/* "1.2 GiB of memory (14 GiB free)" */
static char *
describe_memory (const HdEstimate *estimate)
{
  guint64          needed = (guint64) estimate->weight_bytes + estimate->tensor_bytes;
  g_autofree char *needs = hd_isolate (g_format_size_full (needed, G_FORMAT_SIZE_IEC_UNITS));
  g_autofree char *free = NULL;

  if (estimate->free_bytes == G_MAXSIZE)
    /* TRANSLATORS: an amount of memory ("1.2 GiB"). */
    return g_strdup_printf (_("%s of memory"), needs);

  free = hd_isolate (g_format_size_full (estimate->free_bytes, G_FORMAT_SIZE_IEC_UNITS));
  /* TRANSLATORS: an amount of memory ("1.2 GiB"), and how much there is. */
  return g_strdup_printf (_("%s of memory (%s free)"), needs, free);
}

char *
hd_describe_cost (const HdEstimate *estimate,
                  double            seconds)
{
  g_autofree char *memory = describe_memory (estimate);
  g_autofree char *device = hd_isolate (g_strdup (estimate->device));
  g_autofree char *time = NULL;

  if (estimate->splits)
    {
      char *whole = g_steal_pointer (&memory);

      /* TRANSLATORS: "1.2 GiB of memory (14 GiB free)"; the work is done in parts, which takes longer. */
      memory = g_strdup_printf (_("%s, in parts so that it fits"), whole);
      g_free (whole);
    }

  if (! (seconds >= 0.0))
    /* TRANSLATORS: a device ("CPU (8 threads)") and "1.2 GiB of memory (14 GiB free)". */
    return g_strdup_printf (_("On %s: %s; the first picture will show how long it takes"), device, memory);

  time = hd_describe_seconds (seconds);
  /* TRANSLATORS: a device ("CPU (8 threads)"), "1.2 GiB of memory (14 GiB free)" and "about 2 minutes". */
  return g_strdup_printf (_("On %s: %s, %s"), device, memory, time);
}
