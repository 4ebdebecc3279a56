/* SPDX-License-Identifier: Apache-2.0 */

/* Maps in bands: what comes out is what comes of whole maps, wherever they are cut, and takes less memory. */

#include "engine/unet.h"
#include "engine/vae.h"

#include <math.h>

#include "kernels/cpu/cpu.h"
#include "kernels/dry/dry.h"
#include "tests/unit/checkpoint.h"

/* Relative: both are the same but for the order of sums in float32. */
#define LIMIT 1e-5

static char *scratch;

static const HdBands cuts[] = {
  { .rows = 0 }, { .rows = 3 }, { .rows = 1000 }, { .rows = 1, .again = TRUE }, { .rows = 5, .again = TRUE },
};

/* Latents: multiples of nothing, and so flat that a band has less rows than its halo. */
static const struct { int height; int width; } sizes[] = { { 5, 3 }, { 1, 4 } };

static HdVae *
vae_new (HdContext  *context,
         const char *model)
{
  g_autoptr (GError)         error = NULL;
  g_autofree char           *folder = hd_test_make_model (scratch, model);
  g_autofree char           *config_path = g_build_filename (folder, "vae/config.json", NULL);
  g_autofree char           *path = g_build_filename (folder, "vae/diffusion_pytorch_model.safetensors", NULL);
  g_autoptr (HdSafetensors)  file = hd_safetensors_open (path, &error);
  g_autoptr (HdWeights)      weights = NULL;
  HdVaeConfig                config;
  HdVae                     *vae;

  g_assert_no_error (error);
  hd_vae_config_read (config_path, &config, &error);
  g_assert_no_error (error);
  weights = hd_weights_new (context, hd_context_get_dtype (context), &file, 1);
  vae = hd_vae_load (context, &config, weights, &error);
  g_assert_no_error (error);
  hd_vae_load_encoder (vae, weights, &error);
  g_assert_no_error (error);

  return vae;
}

static HdContext *
cpu_new (gsize bytes)
{
  g_autoptr (GError)  error = NULL;
  HdContext          *context = hd_cpu_context_new (HD_PRECISION_F32, 1, &error);

  g_assert_no_error (error);
  hd_context_reserve (context, bytes, &error);
  g_assert_no_error (error);

  return context;
}

static float *
noise_new (const char *stream,
           gsize       count)
{
  float *values = g_new (float, count);

  hd_synth_normal (stream, count, values);

  return values;
}

static float *
read_tensor (HdContext *context,
             HdTensor  *x)   /* (transfer full) */
{
  g_autoptr (HdTensor) owned = x;
  g_autoptr (GError)   error = NULL;
  float               *values;

  hd_context_check (context, &error);
  g_assert_no_error (error);
  values = g_new (float, hd_tensor_elements (x));
  hd_download_rows (context, x, values);

  return values;
}

/* Of the whole, and of the worst row: a seam would be in a few rows alone. */
static void
check_same (const float *found,
            const float *expected,
            int          height,
            gsize        row)
{
  double all_errors = 0.0;
  double all = 0.0;
  double worst = 0.0;

  for (int y = 0; y < height; y++)
    {
      double errors = 0.0;
      double squares = 0.0;

      for (gsize i = y * row; i < (y + 1) * row; i++)
        {
          errors += pow ((double) found[i] - expected[i], 2.0);
          squares += pow (expected[i], 2.0);
        }
      all_errors += errors;
      all += squares;
      worst = MAX (worst, sqrt (errors / squares));
    }

  if (!(sqrt (all_errors / all) <= LIMIT && worst <= 3 * LIMIT))
    {
      g_test_message ("relative error %g, %g of the worst row", sqrt (all_errors / all), worst);
      g_test_fail ();
    }
}

/* --- the VAE -------------------------------------------------------------------- */

static void
check_decoder (HdVae *vae,
               int    height,
               int    width)
{
  HdContext           *context = vae->context;
  int                  factor = hd_vae_factor (&vae->config);
  int                  channels = vae->config.latent_channels;
  g_autofree float    *values = noise_new ("latent", (gsize) height * width * channels);
  g_autoptr (HdTensor) latent = hd_upload_rows (context, vae->dtype, 1, height, width, channels, values);
  g_autofree float    *expected = read_tensor (context, hd_vae_decode (vae, latent));

  for (guint i = 0; i < G_N_ELEMENTS (cuts); i++)
    {
      g_autofree float *found = read_tensor (context, hd_vae_decode_in_bands (vae, latent, &cuts[i]));

      check_same (found, expected, height * factor, (gsize) width * factor * 3);
    }
}

static void
check_encoder (HdVae *vae,
               int    height,
               int    width)
{
  HdContext           *context = vae->context;
  int                  factor = hd_vae_factor (&vae->config);
  g_autofree float    *values = noise_new ("image", (gsize) height * factor * width * factor * 3);
  g_autoptr (HdTensor) image = hd_upload_rows (context, vae->dtype, 1, height * factor, width * factor, 3, values);
  g_autofree float    *expected = read_tensor (context, hd_vae_encode (vae, image));

  for (guint i = 0; i < G_N_ELEMENTS (cuts); i++)
    {
      g_autofree float *found = read_tensor (context, hd_vae_encode_in_bands (vae, image, &cuts[i]));

      check_same (found, expected, height, (gsize) width * 2 * vae->config.latent_channels);
    }
}

static void
test_vae (gconstpointer model)
{
  g_autoptr (HdContext) context = cpu_new (64 << 20);
  g_autoptr (HdVae)     vae = vae_new (context, model);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      check_decoder (vae, sizes[i].height, sizes[i].width);
      check_encoder (vae, sizes[i].height, sizes[i].width);
    }
}

/* The peak of a dry run of the decoder or the encoder. */
static gsize
dry_peak (HdVae         *vae,
          gboolean       decode,
          const HdBands *bands)
{
  const int            side = 64;
  HdContext           *context = vae->context;
  int                  factor = hd_vae_factor (&vae->config);
  g_autoptr (HdTensor) x = decode ? hd_tensor_new (context, vae->dtype, 1, side, side, vae->config.latent_channels)
                                  : hd_tensor_new (context, vae->dtype, 1, side * factor, side * factor, 3);
  g_autoptr (HdTensor) y = NULL;
  g_autoptr (GError)   error = NULL;

  hd_context_reset_statistics (context);
  if (bands == NULL)
    y = decode ? hd_vae_decode (vae, x) : hd_vae_encode (vae, x);
  else
    y = decode ? hd_vae_decode_in_bands (vae, x, bands) : hd_vae_encode_in_bands (vae, x, bands);
  hd_context_check (context, &error);
  g_assert_no_error (error);

  return hd_context_get_peak_bytes (context);
}

static void
test_vae_memory (void)
{
  g_autoptr (HdContext) context = hd_dry_context_new (HD_DTYPE_BF16);
  g_autoptr (HdVae)     vae = vae_new (context, "sd15");
  const HdBands         kept = { .rows = 0 };
  const HdBands         again = { .rows = 0, .again = TRUE };

  for (int decode = 0; decode < 2; decode++)
    {
      gsize whole = dry_peak (vae, decode, NULL);
      gsize with_kept = dry_peak (vae, decode, &kept);
      gsize with_again = dry_peak (vae, decode, &again);

      g_test_message ("%" G_GSIZE_FORMAT " whole, %" G_GSIZE_FORMAT " in bands, %" G_GSIZE_FORMAT " twice", whole,
                      with_kept, with_again);
      g_assert_cmpuint (with_kept, <, whole);
      g_assert_cmpuint (with_again, <, with_kept);
    }
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-bands-XXXXXX", NULL);

  g_test_add_data_func ("/bands/vae/sd15", "sd15", test_vae);
  g_test_add_data_func ("/bands/vae/sdxl", "sdxl", test_vae);
  g_test_add_func ("/bands/vae/memory", test_vae_memory);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
