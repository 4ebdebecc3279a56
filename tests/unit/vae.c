/* SPDX-License-Identifier: Apache-2.0 */

/* The VAE around its networks: the type it is computed in, its encoder's loading, the posterior's sample. */

#include <math.h>

#include "engine/vae.h"
#include "kernels/dry/dry.h"
#include "tests/golden/synth.h"
#include "tests/unit/folder.h"

/* float16 overflows where a VAE asks for more range; other types stay. */
static void
test_dtype (void)
{
  static const struct { HdDtype dtype; gboolean upcast; HdDtype expected; } cases[] = {
    { HD_DTYPE_F32, TRUE, HD_DTYPE_F32 }, { HD_DTYPE_BF16, TRUE, HD_DTYPE_BF16 }, { HD_DTYPE_F16, TRUE, HD_DTYPE_BF16 },
    { HD_DTYPE_F16, FALSE, HD_DTYPE_F16 }, { HD_DTYPE_F32, FALSE, HD_DTYPE_F32 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HdContext) context = hd_dry_context_new (cases[i].dtype);
      HdVaeConfig           config = { .force_upcast = cases[i].upcast };

      g_assert_cmpint (hd_vae_dtype (context, &config), ==, cases[i].expected);
    }
}

static void
test_posterior (void)
{
  HdVaeConfig config = { .scaling_factor = 0.5f, .shift_factor = 1.0f };
  const float moments[] = { 3.0f, -1.0f, 2.0f, 0.0f, 7.0f,                            /* means */
                            0.0f, 2.0f * logf (3.0f), -1000.0f, 1000.0f, -INFINITY }; /* log-variances */
  const float noise[] = { 2.0f, -1.0f, 1.0f, 1.0f, 1.0f };
  const float expected[] = { 2.0f, -2.5f, 0.5f, 0.5f * (expf (10.0f) - 1.0f), 3.0f };
  const float means[] = { 1.0f, -1.0f, 0.5f, -0.5f, 3.0f };
  float       latents[5];

  hd_vae_sample_posterior (&config, moments, 5, noise, latents);
  for (int i = 0; i < 5; i++)
    g_assert_cmpfloat_with_epsilon (latents[i], expected[i], 1e-6f * MAX (fabsf (expected[i]), 1.0f));

  hd_vae_sample_posterior (&config, moments, 5, NULL, latents);
  for (int i = 0; i < 5; i++)
    g_assert_cmpfloat (latents[i], ==, means[i]);
}

/* A run from a prompt does not pay for the encoder; it comes when it is asked for, once. */
static void
test_encoder (void)
{
  g_autoptr (GError)         error = NULL;
  g_autofree char           *scratch = g_dir_make_tmp ("hidiffusion-vae-XXXXXX", NULL);
  g_autofree char           *manifest = g_test_build_filename (G_TEST_DIST, "..", "golden", "models", "sd15.json", NULL);
  g_autofree char           *config_path = g_build_filename (scratch, "vae/config.json", NULL);
  g_autofree char           *path = g_build_filename (scratch, "vae/diffusion_pytorch_model.safetensors", NULL);
  g_autoptr (HdContext)      context = hd_dry_context_new (HD_DTYPE_F32);
  g_autoptr (HdSafetensors)  file = NULL;
  g_autoptr (HdWeights)      weights = NULL;
  g_autoptr (HdVae)          vae = NULL;
  g_autoptr (HdTensor)       image = NULL;
  g_autoptr (HdTensor)       moments = NULL;
  g_autofree float          *planes = g_new0 (float, 2 * 40 * 56 * 3);
  HdVaeConfig                config;
  gsize                      decoder;

  hd_synth_write_model (manifest, scratch, &error);
  g_assert_no_error (error);
  hd_vae_config_read (config_path, &config, &error);
  g_assert_no_error (error);
  file = hd_safetensors_open (path, &error);
  g_assert_no_error (error);
  weights = hd_weights_new (context, HD_DTYPE_F32, &file, 1);
  vae = hd_vae_load (context, &config, weights, &error);
  g_assert_no_error (error);
  g_assert_null (vae->encoder);
  decoder = hd_context_get_weight_bytes (context);

  g_assert_true (hd_vae_load_encoder (vae, weights, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (hd_context_get_weight_bytes (context), >, decoder);
  decoder = hd_context_get_weight_bytes (context);
  g_assert_true (hd_vae_load_encoder (vae, weights, &error));
  g_assert_cmpuint (hd_context_get_weight_bytes (context), ==, decoder);

  image = hd_upload (context, vae->dtype, 2, 40, 56, 3, planes);
  moments = hd_vae_encode (vae, image);
  g_assert_true (hd_context_check (context, &error));
  g_assert_no_error (error);
  g_assert_cmpint (moments->dtype, ==, HD_DTYPE_F32);
  g_assert_cmpint (moments->batch, ==, 2);
  g_assert_cmpint (moments->height, ==, 40 / hd_vae_factor (&config));
  g_assert_cmpint (moments->width, ==, 56 / hd_vae_factor (&config));
  g_assert_cmpint (moments->channels, ==, 2 * config.latent_channels);

  test_remove_folder (scratch);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vae/dtype", test_dtype);
  g_test_add_func ("/vae/posterior", test_posterior);
  g_test_add_func ("/vae/encoder", test_encoder);

  return g_test_run ();
}
