/* SPDX-License-Identifier: Apache-2.0 */

/* Every golden case that is quick enough to run each time, in every precision that this processor has. */

#include <glib/gstdio.h>

#include "engine/memory_plan.h"
#include "kernels/cpu/cpu.h"
#include "tests/golden/golden_run.h"

typedef struct
{
  char  *case_name;
  char  *precision;
  guint  splits;      /* of HdSplit */
} Test;

static char *scratch;

static void
test_free (gpointer data)
{
  Test *test = data;

  g_free (test->case_name);
  g_free (test->precision);
  g_free (test);
}

static void
test_case (gconstpointer data)
{
  const Test            *test = data;
  g_autoptr (HdRequest)  request = hd_request_new ();
  g_autofree char       *file = g_strconcat (test->case_name, ".json", NULL);
  g_autofree char       *path = g_test_build_filename (G_TEST_DIST, "cases", file, NULL);
  HdGoldenSetup          setup = {
    .request = request, .scratch = scratch, .merges = g_getenv ("HD_MERGES"), .splits = test->splits,
  };
  HdGoldenResult         result;

  if (g_str_equal (test->precision, "bfloat16") && !hd_cpu_has_bf16 ())
    {
      g_test_skip ("this processor does not multiply bfloat16");
      return;
    }

  hd_request_set (&request->model, "golden");
  hd_request_set (&request->precision, test->precision);
  hd_golden_run (&setup, path, &result);
  g_test_message ("%s rel_l2=%.3g limit=%.3g %s", result.name, result.error, result.limit,
                  result.reason != NULL ? result.reason : "");
  if (result.verdict != HD_GOLDEN_OK)
    g_test_fail_printf ("relative L2 error %g, limit %g: %s", result.error, result.limit,
                        result.reason != NULL ? result.reason : "too far off");
  hd_golden_result_clear (&result);
}

/* A case whose answer is not a number fails. */
static void
test_damaged (void)
{
  g_autoptr (HdRequest)  request = hd_request_new ();
  g_autofree char       *source = g_test_build_filename (G_TEST_DIST, "cases", "sampler-ddim-e", NULL);
  g_autofree char       *from = g_strconcat (source, ".json", NULL);
  g_autofree char       *from_tensors = g_strconcat (source, ".safetensors", NULL);
  g_autofree char       *path = g_build_filename (scratch, "damaged.json", NULL);
  g_autofree char       *tensors = g_build_filename (scratch, "damaged.safetensors", NULL);
  g_autofree char       *text = NULL;
  g_autofree char       *data = NULL;
  gsize                  length;
  HdGoldenSetup          setup = { .request = request, .scratch = scratch, .merges = g_getenv ("HD_MERGES") };
  HdGoldenResult         result;
  const float            nan = __builtin_nanf ("");

  g_assert_true (g_file_get_contents (from, &text, NULL, NULL));
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_true (g_file_get_contents (from_tensors, &data, &length, NULL));

  /* the last number of the last tensor becomes NaN */
  memcpy (data + length - sizeof nan, &nan, sizeof nan);
  g_assert_true (g_file_set_contents (tensors, data, length, NULL));
  hd_golden_run (&setup, path, &result);
  g_assert_cmpint (result.verdict, ==, HD_GOLDEN_FAIL);
  hd_golden_result_clear (&result);

  g_unlink (path);
  g_unlink (tensors);
}

static void
remove_folder (const char *path)
{
  GDir       *folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        remove_folder (child);
      else
        g_unlink (child);
    }
  g_clear_pointer (&folder, g_dir_close);
  g_rmdir (path);
}

/* The case as it is, or with all that can be split to save memory. */
static void
add (const char *case_name,
     const char *precision,
     guint       splits)
{
  Test            *test = g_new (Test, 1);
  g_autofree char *name = g_strdup_printf ("/golden/%s/%s%s", case_name, precision, splits != 0 ? "-split" : "");

  test->case_name = g_strdup (case_name);
  test->precision = g_strdup (precision);
  test->splits = splits;
  g_test_add_data_func_full (name, test, test_case, test_free);
}

int
main (int    argc,
      char **argv)
{
  static const char * const precisions[] = { "float32", "bfloat16" };
  int                       status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hidiffusion-golden-XXXXXX", NULL);
  g_assert_nonnull (scratch);
  g_assert_nonnull (g_getenv ("HD_MERGES"));

  g_test_add_func ("/golden/damaged", test_damaged);
  for (int i = 1; i < argc; i++)
    {
      for (gsize j = 0; j < G_N_ELEMENTS (precisions); j++)
        add (argv[i], precisions[j], 0);
      if (g_str_has_prefix (argv[i], "pipeline-") || g_str_has_prefix (argv[i], "unet-")
          || g_str_has_prefix (argv[i], "vae-"))
        add (argv[i], "float32", hd_split_all ());
    }

  status = g_test_run ();
  remove_folder (scratch);
  g_free (scratch);

  return status;
}
