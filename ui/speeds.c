/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "engine/file.h"
#include "ui/speeds.h"

#define KEY "flops-per-second"

/* More devices than a machine has in years of new drivers and processors. */
#define MAX_DEVICES 64
#define MAX_BYTES   (64 * 1024)

/* What was watched for less long tells nothing. */
#define MIN_SECONDS 0.01

/* --- the file -------------------------------------------------------------------- */

static GKeyFile *
read_file (const char *path)
{
  GKeyFile        *file = g_key_file_new ();
  g_autofree char *text = NULL;
  gsize            length;

  text = hd_file_contents (path, MAX_BYTES, &length, NULL);
  if (text)
    g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, NULL);

  return file;
}

/* Groups of key files have neither brackets nor control characters in their names. */
static char *
make_group (const char *device)
{
  GString *group = g_string_new (NULL);

  for (const char *p = device; *p; p++)
    g_string_append_c (group, *p == '[' || *p == ']' || g_ascii_iscntrl (*p) ? '_' : *p);

  return g_string_free (group, FALSE);
}

double
hd_speeds_get (const char *path,
               const char *device)
{
  g_autoptr (GKeyFile) file = read_file (path);
  g_autofree char     *group = make_group (device);
  double               speed = g_key_file_get_double (file, group, KEY, NULL);

  return isfinite (speed) && speed > 0.0 ? speed : 0.0;
}

gboolean
hd_speeds_set (const char  *path,
               const char  *device,
               double       flops_per_second,
               GError     **error)
{
  g_autoptr (GKeyFile) file = read_file (path);
  g_autofree char     *group = make_group (device);
  g_auto (GStrv)       groups = g_key_file_get_groups (file, NULL);

  for (guint i = 0; i + MAX_DEVICES <= g_strv_length (groups); i++)
    g_key_file_remove_group (file, groups[i], NULL);
  g_key_file_set_double (file, group, KEY, flops_per_second);

  return g_key_file_save_to_file (file, path, error);
}

/* --- the watch ------------------------------------------------------------------- */

void
hd_speed_watch_take (HdSpeedWatch     *watch,
                     const HdProgress *progress,
                     gint64            now)
{
  double done = progress->fraction * progress->flops;

  /* How much there is to do is known once the model is there. */
  if (! (progress->flops > 0.0) || ! (done >= 0.0) || ! isfinite (done))
    return;

  if (watch->started == 0)
    {
      watch->started = now;
      watch->flops_before = done;
    }
  watch->seen = now;
  watch->flops = done;
  watch->total_flops = progress->flops;
}

void
hd_speed_watch_end (HdSpeedWatch *watch,
                    gint64        now)
{
  if (watch->started == 0)
    return;

  watch->seen = now;
  watch->flops = watch->total_flops;
}

double
hd_speed_watch_get (const HdSpeedWatch *watch)
{
  double seconds = (watch->seen - watch->started) / (double) G_USEC_PER_SEC;
  double done = watch->flops - watch->flops_before;

  return seconds >= MIN_SECONDS && done > 0.0 ? done / seconds : 0.0;
}
