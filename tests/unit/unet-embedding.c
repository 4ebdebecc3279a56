/* SPDX-License-Identifier: Apache-2.0 */

/* The embedding of the timestep, of SDXL's sizes and pooled text and of LCM's guidance scale, against loops in double.
 * (No golden case has a guidance embedding.) */

#include <math.h>
#include <string.h>

#include "engine/unet_embedding.h"
#include "kernels/cpu/cpu.h"
#include "tests/golden/synth.h"
#include "tests/unit/folder.h"

enum { BATCH = 2, FIRST = 16, WIDTH = 64, SIZE = 8, POOLED = 10, INPUT = POOLED + 6 * SIZE, GUIDANCE = 12 };

static const char manifest[] =
  "{\"files\":{\"w.safetensors\":{\"dtype\":\"F32\",\"tensors\":{"
  "\"time_embedding.cond_proj.weight\":{\"shape\":[16,12],\"parts\":[{\"source\":\"a\",\"shape\":[16,12],\"center\":0,\"scale\":0.3}]},"
  "\"time_embedding.linear_1.weight\":{\"shape\":[64,16],\"parts\":[{\"source\":\"b\",\"shape\":[64,16],\"center\":0,\"scale\":0.3}]},"
  "\"time_embedding.linear_1.bias\":{\"shape\":[64],\"parts\":[{\"source\":\"c\",\"shape\":[64],\"center\":0,\"scale\":0.3}]},"
  "\"time_embedding.linear_2.weight\":{\"shape\":[64,64],\"parts\":[{\"source\":\"d\",\"shape\":[64,64],\"center\":0,\"scale\":0.2}]},"
  "\"time_embedding.linear_2.bias\":{\"shape\":[64],\"parts\":[{\"source\":\"e\",\"shape\":[64],\"center\":0,\"scale\":0.3}]},"
  "\"add_embedding.linear_1.weight\":{\"shape\":[64,58],\"parts\":[{\"source\":\"f\",\"shape\":[64,58],\"center\":0,\"scale\":0.2}]},"
  "\"add_embedding.linear_1.bias\":{\"shape\":[64],\"parts\":[{\"source\":\"g\",\"shape\":[64],\"center\":0,\"scale\":0.3}]},"
  "\"add_embedding.linear_2.weight\":{\"shape\":[64,64],\"parts\":[{\"source\":\"h\",\"shape\":[64,64],\"center\":0,\"scale\":0.2}]},"
  "\"add_embedding.linear_2.bias\":{\"shape\":[64],\"parts\":[{\"source\":\"i\",\"shape\":[64],\"center\":0,\"scale\":0.3}]}"
  "}}},\"json\":{}}";

typedef struct
{
  char          *folder;
  HdContext     *context;
  HdSafetensors *file;
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  g_autofree char *path = NULL;
  g_autofree char *weights = NULL;
  GError          *error = NULL;

  fixture->folder = g_dir_make_tmp ("hidiffusion-embedding-XXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (fixture->folder, "manifest.json", NULL);
  weights = g_build_filename (fixture->folder, "w.safetensors", NULL);
  g_assert_true (g_file_set_contents (path, manifest, -1, NULL));
  hd_synth_write_model (path, fixture->folder, &error);
  g_assert_no_error (error);
  fixture->file = hd_safetensors_open (weights, &error);
  g_assert_no_error (error);
  fixture->context = hd_cpu_context_new (HD_PRECISION_F32, 1, &error);
  g_assert_no_error (error);
  hd_context_reserve (fixture->context, 1 << 20, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  hd_safetensors_unref (fixture->file);
  hd_context_unref (fixture->context);
  test_remove_folder (fixture->folder);
  g_free (fixture->folder);
}

/* --- the reference ------------------------------------------------------------ */

static double
silu (double x)
{
  return x / (1.0 + exp (-x));
}

/* y = W x + b of the layer @name; without a bias if the file has none. */
static void
apply (Fixture      *fixture,
       const char   *name,
       const double *x,
       int           in,
       double       *y,
       int           out)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  g_autofree char *bias = g_strconcat (name, ".bias", NULL);
  g_autofree float *w = g_new (float, out * in);
  g_autofree float *b = g_new0 (float, out);
  const HdSafetensorsEntry *entry = hd_safetensors_lookup (fixture->file, bias);

  g_assert_true (hd_safetensors_read (fixture->file, hd_safetensors_lookup (fixture->file, weight), w,
                                      sizeof (float) * out * in, NULL));
  if (entry != NULL)
    g_assert_true (hd_safetensors_read (fixture->file, entry, b, sizeof (float) * out, NULL));
  for (int o = 0; o < out; o++)
    {
      y[o] = b[o];
      for (int i = 0; i < in; i++)
        y[o] += (double) w[o * in + i] * x[i];
    }
}

static void
apply_both (Fixture    *fixture,
            const char *name,
            double     *x,
            int         in,
            double     *y)
{
  g_autofree char *first = g_strconcat (name, ".linear_1", NULL);
  g_autofree char *second = g_strconcat (name, ".linear_2", NULL);
  double           h[WIDTH];

  apply (fixture, first, x, in, h, WIDTH);
  for (int i = 0; i < WIDTH; i++)
    h[i] = silu (h[i]);
  apply (fixture, second, h, WIDTH, y, WIDTH);
}

static void
reference (Fixture      *fixture,
           double        timestep,
           const float  *pooled,
           const double *time_ids,
           double        guidance,
           double       *embedding)
{
  double t[FIRST];
  double sum[WIDTH] = { 0 };

  for (int i = 0; i < FIRST / 2; i++)
    {
      t[i] = cos (timestep * pow (10000.0, -i / (FIRST / 2.0)));
      t[FIRST / 2 + i] = sin (timestep * pow (10000.0, -i / (FIRST / 2.0)));
    }
  if (guidance > 0.0)
    {
      double g[GUIDANCE];
      double projected[FIRST];

      for (int i = 0; i < GUIDANCE / 2; i++)
        {
          g[i] = sin (1000.0 * (guidance - 1.0) * pow (10000.0, -i / (GUIDANCE / 2 - 1.0)));
          g[GUIDANCE / 2 + i] = cos (1000.0 * (guidance - 1.0) * pow (10000.0, -i / (GUIDANCE / 2 - 1.0)));
        }
      apply (fixture, "time_embedding.cond_proj", g, GUIDANCE, projected, FIRST);
      for (int i = 0; i < FIRST; i++)
        t[i] += projected[i];
    }
  apply_both (fixture, "time_embedding", t, FIRST, embedding);

  if (pooled != NULL)
    {
      double x[INPUT];

      for (int i = 0; i < POOLED; i++)
        x[i] = pooled[i];
      for (int k = 0; k < HD_UNET_TIME_IDS; k++)
        for (int i = 0; i < SIZE / 2; i++)
          {
            x[POOLED + k * SIZE + i] = cos (time_ids[k] * pow (10000.0, -i / (SIZE / 2.0)));
            x[POOLED + k * SIZE + SIZE / 2 + i] = sin (time_ids[k] * pow (10000.0, -i / (SIZE / 2.0)));
          }
      apply_both (fixture, "add_embedding", x, INPUT, sum);
    }
  for (int i = 0; i < WIDTH; i++)
    embedding[i] = silu (embedding[i] + sum[i]);
}

/* --- the comparison ----------------------------------------------------------- */

/* @guidance: 0: the network has no embedding for it. */
static void
compare (Fixture  *fixture,
         gboolean  size,
         double    guidance)
{
  static const double time_ids[BATCH * HD_UNET_TIME_IDS] = { 1024, 768, 0, 16, 1024, 768, 512, 4096, 8, 0, 1024, 1024 };
  HdContext            *context = fixture->context;
  g_autoptr (HdWeights) weights = hd_weights_new (context, HD_DTYPE_F32, &fixture->file, 1);
  g_autoptr (HdTensor)  pooled = NULL;
  g_autoptr (HdTensor)  sizes = NULL;
  g_autoptr (HdTensor)  scale = NULL;
  g_autoptr (HdTensor)  y = NULL;
  GError               *error = NULL;
  HdUnetEmbedding       embedding = { 0 };
  HdUnetConfig          config = {
    .n_levels = 1, .block_out_channels = { FIRST }, .text_time = size, .addition_time_embed_dim = SIZE,
    .addition_input_dim = INPUT, .time_cond_proj_dim = guidance > 0.0 ? GUIDANCE : 0,
  };
  float                 text[BATCH * POOLED];
  float                 found[BATCH * WIDTH];

  hd_synth_normal ("pooled", G_N_ELEMENTS (text), text);
  hd_unet_embedding_load (&embedding, weights, &config);
  hd_weights_finish (weights, &error);
  g_assert_no_error (error);

  if (size)
    {
      pooled = hd_upload_rows (context, HD_DTYPE_F32, BATCH, 1, 1, POOLED, text);
      sizes = hd_unet_embed_size (context, &embedding, pooled, time_ids);
    }
  if (guidance > 0.0)
    scale = hd_unet_embed_guidance (context, &embedding, guidance, BATCH);
  y = hd_unet_embed_timestep (context, &embedding, 801.5, BATCH, sizes, scale);
  hd_download_rows (context, y, found);
  hd_context_check (context, &error);
  g_assert_no_error (error);

  for (int n = 0; n < BATCH; n++)
    {
      double expected[WIDTH];

      reference (fixture, 801.5, size ? text + n * POOLED : NULL, time_ids + n * HD_UNET_TIME_IDS, guidance, expected);
      for (int i = 0; i < WIDTH; i++)
        g_assert_cmpfloat_with_epsilon (found[n * WIDTH + i], expected[i], 1e-5);
    }
  hd_unet_embedding_clear (&embedding);
}

static void
test_timestep (Fixture    *fixture,
               const void *data)
{
  compare (fixture, FALSE, 0.0);
}

static void
test_size (Fixture    *fixture,
           const void *data)
{
  compare (fixture, TRUE, 0.0);
}

static void
test_guidance (Fixture    *fixture,
               const void *data)
{
  compare (fixture, FALSE, 1.0);
  compare (fixture, FALSE, 8.5);
  compare (fixture, TRUE, 7.25);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/unet-embedding/timestep", Fixture, NULL, set_up, test_timestep, tear_down);
  g_test_add ("/unet-embedding/size", Fixture, NULL, set_up, test_size, tear_down);
  g_test_add ("/unet-embedding/guidance", Fixture, NULL, set_up, test_guidance, tear_down);

  return g_test_run ();
}
