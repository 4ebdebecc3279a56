/* SPDX-License-Identifier: Apache-2.0 */

/* The generator of the golden data against numbers that the reference's own script printed. */

#include <glib/gstdio.h>

#include "tests/golden/synth.h"

static void
test_uniform (void)
{
  static const float expected[] = { 0.00845354795f, 0.434701622f, 0.217053592f, 0.732441366f, 0.104956269f, 0.245295405f };
  float              values[G_N_ELEMENTS (expected)];

  hd_synth_uniform ("unet-sd15/shift", G_N_ELEMENTS (values), values);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_assert_cmpfloat (values[i], ==, expected[i]);
}

static void
test_normal (void)
{
  static const float expected[] = { -1.55686736f, 0.643365741f, -0.432485521f, 1.22289383f, 1.93520653f, -1.87065315f };
  float              values[G_N_ELEMENTS (expected)];

  hd_synth_normal ("unet-sd15/latent", G_N_ELEMENTS (values), values);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_assert_cmpfloat (values[i], ==, expected[i]);
}

/* Parts joined, a matrix transposed, subnormal and rounded halves, integers: byte for byte. */
static const char manifest[] =
  "{\"files\":{\"a/b.safetensors\":{\"dtype\":\"F16\",\"tensors\":{"
  "\"joined\":{\"shape\":[3,2],\"parts\":["
  "{\"source\":\"x\",\"shape\":[1,2],\"center\":1.0,\"scale\":0.2},"
  "{\"source\":\"y\",\"shape\":[2,2],\"center\":0.0,\"scale\":0.288675135}]},"
  "\"turned\":{\"shape\":[2,3],\"transpose\":true,\"parts\":["
  "{\"source\":\"x\",\"shape\":[1,2],\"center\":0.0,\"scale\":1e-5},"
  "{\"source\":\"y\",\"shape\":[2,2],\"center\":0.0,\"scale\":3.0}]},"
  "\"exact\":{\"shape\":[5],\"dtype\":\"F32\",\"parts\":[{\"source\":\"z\",\"shape\":[5],\"center\":0.5,\"scale\":0.1}]},"
  "\"ids\":{\"shape\":[1,4],\"dtype\":\"I64\",\"arange\":true}}}},"
  "\"json\":{\"a/config.json\":{\"k\":[1,2]}}}";

static void
test_model (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *folder = g_dir_make_tmp ("hd-synth-XXXXXX", NULL);
  g_autofree char   *path = g_build_filename (folder, "manifest.json", NULL);
  g_autofree char   *inner = g_build_filename (folder, "a", NULL);
  g_autofree char   *config = g_build_filename (folder, "a", "config.json", NULL);
  g_autofree char   *file = g_build_filename (folder, "a", "b.safetensors", NULL);
  g_autofree char   *content = NULL;
  g_autofree char   *digest = NULL;
  gsize              length;

  g_assert_true (g_file_set_contents (path, manifest, -1, NULL));
  g_assert_true (hd_synth_write_model (path, folder, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_test (config, G_FILE_TEST_IS_REGULAR));
  g_assert_true (g_file_get_contents (file, &content, &length, NULL));
  digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) content, length);
  g_assert_cmpstr (digest, ==, "724857cdfd5f013cfd9ecd329129aa0336435590cbd82b51d415c8f1932d44d1");

  g_unlink (path);
  g_unlink (config);
  g_unlink (file);
  g_rmdir (inner);
  g_rmdir (folder);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/synth/uniform", test_uniform);
  g_test_add_func ("/synth/normal", test_normal);
  g_test_add_func ("/synth/model", test_model);

  return g_test_run ();
}
