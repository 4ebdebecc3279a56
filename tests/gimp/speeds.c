/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include <glib/gstdio.h>

#include "ui/speeds.h"

#define CPU "CPU (2 threads, bf16)"
#define GPU "NVIDIA [odd\nname]"

static char *
make_path (void)
{
  g_autofree char *folder = g_dir_make_tmp ("hd-speeds-XXXXXX", NULL);

  return g_build_filename (folder, "speeds.ini", NULL);
}

static void
remove_file (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);

  g_unlink (path);
  g_rmdir (folder);
}

static void
test_file (void)
{
  g_autofree char *path = make_path ();

  g_assert_cmpfloat (hd_speeds_get (path, CPU), ==, 0.0);
  g_assert_true (hd_speeds_set (path, CPU, 1.5e11, NULL));
  g_assert_true (hd_speeds_set (path, GPU, 2e14, NULL));
  g_assert_true (hd_speeds_set (path, CPU, 1.25e11, NULL));
  g_assert_cmpfloat (hd_speeds_get (path, CPU), ==, 1.25e11);
  g_assert_cmpfloat (hd_speeds_get (path, GPU), ==, 2e14);
  g_assert_cmpfloat (hd_speeds_get (path, "CPU (2 threads, float32)"), ==, 0.0);

  remove_file (path);
}

/* The file keeps no more devices than anybody has, the latest ones. */
static void
test_many_devices (void)
{
  g_autofree char *path = make_path ();

  for (int i = 0; i < 100; i++)
    {
      g_autofree char *device = g_strdup_printf ("device %d", i);

      g_assert_true (hd_speeds_set (path, device, 1.0 + i, NULL));
    }
  g_assert_cmpfloat (hd_speeds_get (path, "device 0"), ==, 0.0);
  g_assert_cmpfloat (hd_speeds_get (path, "device 99"), ==, 100.0);

  remove_file (path);
}

static void
test_damaged_files (void)
{
  static const char * const texts[] = {
    "", "nonsense", "\xff\xfe\x00", "[" CPU "]\n", "[" CPU "]\nflops-per-second=x\n", "[" CPU "]\nflops-per-second=nan\n",
    "[" CPU "]\nflops-per-second=-5\n", "[" CPU "]\nflops-per-second=1e999\n", "[" CPU "]\nflops-per-second=0\n",
  };
  g_autofree char *path = make_path ();

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_assert_true (g_file_set_contents (path, texts[i], -1, NULL));
      g_assert_cmpfloat (hd_speeds_get (path, CPU), ==, 0.0);
      g_assert_true (hd_speeds_set (path, CPU, 3.0, NULL));
      g_assert_cmpfloat (hd_speeds_get (path, CPU), ==, 3.0);
    }

  remove_file (path);
  g_assert_false (hd_speeds_set ("/nonexistent/speeds.ini", CPU, 1.0, NULL));
}

static void
take (HdSpeedWatch *watch,
      double        fraction,
      double        flops,
      double        seconds)
{
  HdProgress progress = { .fraction = fraction, .flops = flops };

  hd_speed_watch_take (watch, &progress, 1000 + (gint64) (seconds * G_USEC_PER_SEC));
}

/* Reading the model, for ten seconds, does not count. */
static void
test_watch (void)
{
  HdSpeedWatch watch = { 0 };

  g_assert_cmpfloat (hd_speed_watch_get (&watch), ==, 0.0);
  take (&watch, 0.0, 0.0, 0.0);
  take (&watch, 0.0, 1e12, 10.0);
  g_assert_cmpfloat (hd_speed_watch_get (&watch), ==, 0.0);
  take (&watch, 0.5, 1e12, 12.5);
  g_assert_cmpfloat_with_epsilon (hd_speed_watch_get (&watch), 2e11, 1.0);
  hd_speed_watch_end (&watch, 1000 + 14 * G_USEC_PER_SEC);
  g_assert_cmpfloat_with_epsilon (hd_speed_watch_get (&watch), 2.5e11, 1.0);
}

/* A run that ended before anything was seen of it tells nothing, and neither do broken numbers. */
static void
test_watch_of_nothing (void)
{
  HdSpeedWatch watch = { 0 };

  hd_speed_watch_end (&watch, 5000);
  g_assert_cmpfloat (hd_speed_watch_get (&watch), ==, 0.0);
  take (&watch, NAN, 1e12, 1.0);
  take (&watch, 0.5, INFINITY, 2.0);
  hd_speed_watch_end (&watch, 5 * G_USEC_PER_SEC);
  g_assert_cmpfloat (hd_speed_watch_get (&watch), ==, 0.0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/speeds/file", test_file);
  g_test_add_func ("/speeds/many-devices", test_many_devices);
  g_test_add_func ("/speeds/damaged-files", test_damaged_files);
  g_test_add_func ("/speeds/watch", test_watch);
  g_test_add_func ("/speeds/watch-of-nothing", test_watch_of_nothing);

  return g_test_run ();
}
