/* SPDX-License-Identifier: Apache-2.0 */

/* Configurations of every family are read as they are; values that are not usable give an error that names them. */

#include <string.h>

#include <glib/gstdio.h>

#include "engine/config.h"
#include "engine/json.h"

typedef struct
{
  char *folder;
  char *path;
} Fixture;

static void
set_up (Fixture    *fixture,
        const void *data)
{
  fixture->folder = g_dir_make_tmp ("hd-config-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->folder, "config.json", NULL);
}

static void
tear_down (Fixture    *fixture,
           const void *data)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->folder);
  g_free (fixture->path);
  g_free (fixture->folder);
}

static void
write_text (Fixture    *fixture,
            const char *text)
{
  g_assert_true (g_file_set_contents (fixture->path, text, -1, NULL));
}

/* The configuration that a golden model has under @name. */
static void
write_golden (Fixture    *fixture,
              const char *model,
              const char *name)
{
  g_autofree char       *file = g_strconcat (model, ".json", NULL);
  g_autofree char       *manifest = g_test_build_filename (G_TEST_DIST, "..", "golden", "models", file, NULL);
  g_autoptr (GError)     error = NULL;
  g_autoptr (JsonObject) object = hd_json_read_file (manifest, 1 << 20, &error);
  g_autofree char       *text = NULL;

  g_assert_no_error (error);
  text = json_to_string (json_object_get_member (json_object_get_object_member (object, "json"), name), FALSE);
  write_text (fixture, text);
}

/* --- sound configurations ----------------------------------------------------- */

static void
assert_ints (const int *values,
             int        a,
             int        b,
             int        c,
             int        d)
{
  g_assert_cmpint (values[0], ==, a);
  g_assert_cmpint (values[1], ==, b);
  g_assert_cmpint (values[2], ==, c);
  g_assert_cmpint (values[3], ==, d);
}

static void
test_unet_sd15 (Fixture    *fixture,
                const void *data)
{
  HdUnetConfig       config;
  g_autoptr (GError) error = NULL;

  write_golden (fixture, "sd15-real", "unet/config.json");
  g_assert_true (hd_unet_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.sample_size, ==, 64);
  g_assert_cmpint (config.in_channels, ==, 4);
  g_assert_cmpint (config.out_channels, ==, 4);
  g_assert_cmpint (config.n_levels, ==, 4);
  assert_ints (config.block_out_channels, 320, 640, 1280, 1280);
  assert_ints (config.heads, 8, 8, 8, 8);
  assert_ints (config.transformer_layers, 1, 1, 1, 1);
  g_assert_cmpint (config.down_blocks[0], ==, HD_BLOCK_CROSS_ATTENTION);
  g_assert_cmpint (config.down_blocks[3], ==, HD_BLOCK_PLAIN);
  g_assert_cmpint (config.up_blocks[0], ==, HD_BLOCK_PLAIN);
  g_assert_cmpint (config.up_blocks[3], ==, HD_BLOCK_CROSS_ATTENTION);
  g_assert_cmpint (config.layers_per_block, ==, 2);
  g_assert_cmpint (config.cross_attention_dim, ==, 768);
  g_assert_cmpint (config.norm_groups, ==, 32);
  g_assert_cmpfloat (config.norm_eps, ==, 1e-5f);
  g_assert_false (config.use_linear_projection);
  g_assert_false (config.text_time);
  g_assert_cmpint (config.time_cond_proj_dim, ==, 0);
}

#define UNET_XL \
  "{\"_class_name\":\"UNet2DConditionModel\",\"_diffusers_version\":\"0.19.0\",\"act_fn\":\"silu\"," \
  "\"addition_embed_type\":\"text_time\",\"addition_time_embed_dim\":256,\"attention_head_dim\":[5,10,20]," \
  "\"block_out_channels\":[320,640,1280],\"center_input_sample\":false,\"class_embed_type\":null," \
  "\"conv_in_kernel\":3,\"cross_attention_dim\":2048,\"cross_attention_norm\":null," \
  "\"down_block_types\":[\"DownBlock2D\",\"CrossAttnDownBlock2D\",\"CrossAttnDownBlock2D\"]," \
  "\"flip_sin_to_cos\":true,\"freq_shift\":0,\"in_channels\":4,\"layers_per_block\":2,\"mid_block_scale_factor\":1," \
  "\"mid_block_type\":\"UNetMidBlock2DCrossAttn\",\"norm_eps\":1e-05,\"num_attention_heads\":null," \
  "\"only_cross_attention\":[false,false,false],\"projection_class_embeddings_input_dim\":2816," \
  "\"sample_size\":128,\"time_cond_proj_dim\":null,\"transformer_layers_per_block\":[1,2,10]," \
  "\"up_block_types\":[\"CrossAttnUpBlock2D\",\"CrossAttnUpBlock2D\",\"UpBlock2D\"],\"upcast_attention\":null," \
  "\"use_linear_projection\":true}"

static void
test_unet_sdxl (Fixture    *fixture,
                const void *data)
{
  HdUnetConfig       config;
  g_autoptr (GError) error = NULL;

  write_text (fixture, UNET_XL);
  g_assert_true (hd_unet_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.n_levels, ==, 3);
  assert_ints (config.block_out_channels, 320, 640, 1280, 0);
  assert_ints (config.heads, 5, 10, 20, 0);
  assert_ints (config.transformer_layers, 1, 2, 10, 0);
  g_assert_cmpint (config.down_blocks[0], ==, HD_BLOCK_PLAIN);
  g_assert_cmpint (config.up_blocks[2], ==, HD_BLOCK_PLAIN);
  g_assert_true (config.use_linear_projection);
  g_assert_false (config.upcast_attention);
  g_assert_true (config.text_time);
  g_assert_cmpint (config.addition_time_embed_dim, ==, 256);
  g_assert_cmpint (config.addition_input_dim, ==, 2816);
}

static void
test_unet_defaults (Fixture    *fixture,
                    const void *data)
{
  HdUnetConfig       config;
  g_autoptr (GError) error = NULL;

  write_text (fixture, "{}");
  g_assert_true (hd_unet_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  assert_ints (config.block_out_channels, 320, 640, 1280, 1280);
  assert_ints (config.heads, 8, 8, 8, 8);
  g_assert_cmpint (config.cross_attention_dim, ==, 1280);
  g_assert_cmpint (config.sample_size, ==, 64);
  g_assert_cmpint (config.down_blocks[2], ==, HD_BLOCK_CROSS_ATTENTION);
  g_assert_cmpint (config.up_blocks[0], ==, HD_BLOCK_PLAIN);
}

static void
test_vae (Fixture    *fixture,
          const void *data)
{
  HdVaeConfig        config;
  g_autoptr (GError) error = NULL;

  write_golden (fixture, "sd15-real", "vae/config.json");
  g_assert_true (hd_vae_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.n_levels, ==, 4);
  assert_ints (config.block_out_channels, 128, 256, 512, 512);
  g_assert_cmpint (config.latent_channels, ==, 4);
  g_assert_cmpint (config.layers_per_block, ==, 2);
  g_assert_cmpint (config.sample_size, ==, 512);
  g_assert_cmpfloat (config.scaling_factor, ==, 0.18215f);
  g_assert_cmpfloat (config.shift_factor, ==, 0.0f);
  g_assert_true (config.use_quant_conv);
  g_assert_true (config.use_post_quant_conv);
  g_assert_true (config.mid_block_attention);
}

static void
test_text (Fixture    *fixture,
           const void *data)
{
  HdTextConfig       config;
  g_autoptr (GError) error = NULL;

  write_golden (fixture, "sd15-hub", "text_encoder/config.json");
  g_assert_true (hd_text_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.vocab_size, ==, 49408);
  g_assert_cmpint (config.hidden_size, ==, 48);
  g_assert_cmpint (config.intermediate_size, ==, 192);
  g_assert_cmpint (config.layers, ==, 2);
  g_assert_cmpint (config.heads, ==, 4);
  g_assert_cmpint (config.max_positions, ==, 77);
  g_assert_cmpint (config.activation, ==, HD_ACTIVATION_QUICK_GELU);
  g_assert_cmpint (config.eos_token_id, ==, 2);

  write_text (fixture, "{\"model_type\":\"clip\",\"projection_dim\":7,\"text_config\":"
                       "{\"hidden_size\":1280,\"num_attention_heads\":20,\"hidden_act\":\"gelu\",\"projection_dim\":1280}}");
  g_assert_true (hd_text_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.hidden_size, ==, 1280);
  g_assert_cmpint (config.projection_dim, ==, 1280);
  g_assert_cmpint (config.activation, ==, HD_ACTIVATION_GELU);
}

static void
test_scheduler (Fixture    *fixture,
                const void *data)
{
  HdSchedulerConfig  config;
  HdSchedulerConfig  usual;
  g_autoptr (GError) error = NULL;

  write_golden (fixture, "sd15", "scheduler/scheduler_config.json");
  g_assert_true (hd_scheduler_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  hd_scheduler_config_default (&usual);
  g_assert_cmpint (config.train_steps, ==, usual.train_steps);
  g_assert_cmpfloat (config.beta_start, ==, usual.beta_start);
  g_assert_cmpfloat (config.beta_end, ==, usual.beta_end);
  g_assert_cmpint (config.beta_schedule, ==, usual.beta_schedule);
  g_assert_cmpint (config.prediction, ==, usual.prediction);
  g_assert_cmpint (config.steps_offset, ==, usual.steps_offset);
  g_assert_cmpint (config.set_alpha_to_one, ==, usual.set_alpha_to_one);

  write_text (fixture, "{\"prediction_type\":\"v_prediction\",\"timestep_spacing\":\"trailing\","
                       "\"rescale_betas_zero_snr\":true,\"trained_betas\":null}");
  g_assert_true (hd_scheduler_config_read (fixture->path, &config, &error));
  g_assert_no_error (error);
  g_assert_cmpint (config.prediction, ==, HD_PREDICTION_V);
  g_assert_cmpint (config.spacing, ==, HD_TIMESTEPS_TRAILING);
  g_assert_true (config.zero_terminal_snr);
  g_assert_true (config.set_alpha_to_one);
}

static void
test_ratios (Fixture    *fixture,
             const void *data)
{
  HdHiDiffusionRatios ratios;
  g_autoptr (GError)  error = NULL;

  write_text (fixture, "{\"schema_version\":1,\"normal\":{\"d4\":0.9,\"p2\":0},\"large\":{\"d4\":0.9,\"p2\":0.6}}");
  g_assert_true (hd_hidiffusion_ratios_read (fixture->path, &ratios, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (ratios.normal.d4, ==, 0.9);
  g_assert_cmpfloat (ratios.normal.p2, ==, 0.0);
  g_assert_cmpfloat (ratios.large.d4, ==, 0.9);
  g_assert_cmpfloat (ratios.large.p2, ==, 0.6);
}

/* --- damaged ones ------------------------------------------------------------- */

static gboolean
read_unet (const char *path, GError **error)
{
  HdUnetConfig config;

  return hd_unet_config_read (path, &config, error);
}

static gboolean
read_vae (const char *path, GError **error)
{
  HdVaeConfig config;

  return hd_vae_config_read (path, &config, error);
}

static gboolean
read_text (const char *path, GError **error)
{
  HdTextConfig config;

  return hd_text_config_read (path, &config, error);
}

static gboolean
read_scheduler (const char *path, GError **error)
{
  HdSchedulerConfig config;

  return hd_scheduler_config_read (path, &config, error);
}

static gboolean
read_ratios (const char *path, GError **error)
{
  HdHiDiffusionRatios ratios;

  return hd_hidiffusion_ratios_read (path, &ratios, error);
}

static const struct
{
  gboolean   (* read) (const char *path, GError **error);
  const char *text;
  const char *reason;
} damages[] = {
  { read_unet, "", "expected a JSON object" },
  { read_unet, "[]", "expected a JSON object, found []" },
  { read_unet, "{", "expected JSON" },
  { read_unet, "{\"in_channels\":\"4\"}", "expected an integer from 1 to 1024 as \"in_channels\", found \"4\"" },
  { read_unet, "{\"in_channels\":4.5}", "as \"in_channels\", found 4.5" },
  { read_unet, "{\"in_channels\":0}", "as \"in_channels\", found 0" },
  { read_unet, "{\"in_channels\":-4}", "as \"in_channels\", found -4" },
  { read_unet, "{\"in_channels\":99999999999999999999}", "as \"in_channels\"" },
  { read_unet, "{\"in_channels\":[4]}", "as \"in_channels\", found [4]" },
  { read_unet, "{\"in_channels\":{}}", "as \"in_channels\", found an object" },
  { read_unet, "{\"in_channels\":4,\"in_channels\":9}", "expected each name once" },
  { read_unet, "{\"block_out_channels\":[]}", "expected a list of 1 to 8 integers" },
  { read_unet, "{\"block_out_channels\":[32,32,32,32,32,32,32,32,32]}", "expected a list of 1 to 8 integers" },
  { read_unet, "{\"block_out_channels\":320}", "expected a list of 1 to 8 integers" },
  { read_unet, "{\"block_out_channels\":[320,640,1280,1000]}", "expected multiples of \"norm_num_groups\" (32)" },
  { read_unet, "{\"block_out_channels\":[320,null]}", "expected a list of 1 to 8 integers" },
  { read_unet, "{\"norm_num_groups\":0}", "as \"norm_num_groups\", found 0" },
  { read_unet, "{\"norm_eps\":0}", "as \"norm_eps\", found 0" },
  { read_unet, "{\"norm_eps\":1e400}", "as \"norm_eps\"" },
  { read_unet, "{\"down_block_types\":[\"DownBlock2D\"]}", "expected a list of 4 of: DownBlock2D, CrossAttnDownBlock2D" },
  { read_unet, "{\"down_block_types\":[\"DownBlock2D\",\"DownBlock2D\",\"DownBlock2D\",\"AttnDownBlock2D\"]}",
    "expected a list of 4 of" },
  { read_unet, "{\"up_block_types\":\"UpBlock2D\"}", "expected a list of 4 of" },
  { read_unet, "{\"attention_head_dim\":7}", "expected numbers of heads that divide" },
  { read_unet, "{\"attention_head_dim\":[8,8,8]}", "as \"attention_head_dim\", found [8,8,8]" },
  { read_unet, "{\"attention_head_dim\":[8,8,8,0]}", "as \"attention_head_dim\"" },
  { read_unet, "{\"attention_head_dim\":0}", "as \"attention_head_dim\", found 0" },
  { read_unet, "{\"addition_embed_type\":\"text_time\",\"projection_class_embeddings_input_dim\":1536}",
    "expected more than 6 times \"addition_time_embed_dim\" as \"projection_class_embeddings_input_dim\", found 1536" },
  { read_unet, "{\"transformer_layers_per_block\":[[1],[1],[1],[1]]}", "as \"transformer_layers_per_block\"" },
  { read_unet, "{\"layers_per_block\":[1,2,2,2]}", "expected the same number for all blocks as \"layers_per_block\"" },
  { read_unet, "{\"use_linear_projection\":1}", "expected true or false as \"use_linear_projection\", found 1" },
  { read_unet, "{\"_class_name\":\"SD3Transformer2DModel\"}", "as \"_class_name\", found \"SD3Transformer2DModel\"" },
  { read_unet, "{\"class_embed_type\":\"projection\"}", "expected null as \"class_embed_type\"" },
  { read_unet, "{\"mid_block_type\":null}", "as \"mid_block_type\", found null" },
  { read_unet, "{\"addition_embed_type\":\"image\"}", "as \"addition_embed_type\", found \"image\"" },
  { read_unet, "{\"only_cross_attention\":[true,false,false,false]}", "as \"only_cross_attention\"" },
  { read_unet, "{\"num_attention_heads\":8}", "expected null as \"num_attention_heads\", found 8" },
  { read_vae, "{\"_class_name\":\"AutoencoderTiny\"}", "as \"_class_name\"" },
  { read_vae, "{\"scaling_factor\":\"0.18\"}", "as \"scaling_factor\"" },
  { read_vae, "{\"scaling_factor\":0}", "as \"scaling_factor\", found 0" },
  { read_vae, "{\"latent_channels\":0}", "as \"latent_channels\"" },
  { read_vae, "{\"block_out_channels\":[48]}", "expected multiples of \"norm_num_groups\" (32)" },
  { read_vae, "{\"latents_mean\":[0,0,0,0]}", "expected null as \"latents_mean\"" },
  { read_text, "{\"hidden_size\":0}", "as \"hidden_size\"" },
  { read_text, "{\"num_attention_heads\":7}", "expected a divisor of \"hidden_size\" (512)" },
  { read_text, "{\"hidden_act\":\"relu\"}", "expected one of: quick_gelu, gelu as \"hidden_act\", found \"relu\"" },
  { read_text, "{\"text_config\":[]}", "expected an object as \"text_config\"" },
  { read_text, "{\"model_type\":\"t5\"}", "as \"model_type\", found \"t5\"" },
  { read_scheduler, "{\"beta_start\":0}", "as \"beta_start\"" },
  { read_scheduler, "{\"beta_start\":0.5,\"beta_end\":0.1}", "expected at least \"beta_start\" (0.5) as \"beta_end\"" },
  { read_scheduler, "{\"beta_schedule\":\"other\"}", "expected one of: linear, scaled_linear" },
  { read_scheduler, "{\"prediction_type\":1}", "as \"prediction_type\", found 1" },
  { read_scheduler, "{\"steps_offset\":1000}", "expected an integer from 0 to 999 as \"steps_offset\"" },
  { read_scheduler, "{\"trained_betas\":[0.1]}", "expected null as \"trained_betas\"" },
  { read_ratios, "{}", "expected 1 as \"schema_version\", found nothing" },
  { read_ratios, "{\"schema_version\":2}", "expected 1 as \"schema_version\", found 2" },
  { read_ratios, "{\"schema_version\":1}", "as \"normal\", found nothing" },
  { read_ratios, "{\"schema_version\":1,\"normal\":{\"d4\":0.4,\"p2\":0}}", "as \"large\", found nothing" },
  { read_ratios, "{\"schema_version\":1,\"normal\":{\"d4\":1.1,\"p2\":0}}", "expected a number from 0 to 1 as \"d4\"" },
  { read_ratios, "{\"schema_version\":1,\"normal\":{\"d4\":0.4}}", "as \"p2\", found nothing" },
  { read_ratios, "{\"schema_version\":1,\"normal\":0.4}", "expected an object as \"normal\", found 0.4" },
};

static void
test_damage (Fixture    *fixture,
             const void *data)
{
  guint              i = GPOINTER_TO_UINT (data);
  g_autoptr (GError) error = NULL;

  write_text (fixture, damages[i].text);
  g_assert_false (damages[i].read (fixture->path, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == HD_ENGINE_ERROR);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  if (strstr (error->message, damages[i].reason) == NULL)
    g_error ("expected \"%s\", found: %s", damages[i].reason, error->message);
}

static void
test_no_file (Fixture    *fixture,
              const void *data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (read_unet (fixture->path, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_clear_error (&error);
  g_assert_false (read_unet (fixture->folder, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "found a folder"));
}

#define ADD(path, test) g_test_add ("/config/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("unet/sd15", test_unet_sd15);
  ADD ("unet/sdxl", test_unet_sdxl);
  ADD ("unet/defaults", test_unet_defaults);
  ADD ("vae", test_vae);
  ADD ("text", test_text);
  ADD ("scheduler", test_scheduler);
  ADD ("ratios", test_ratios);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *name = g_strdup_printf ("/config/damage/%u", i);

      g_test_add (name, Fixture, GUINT_TO_POINTER (i), set_up, test_damage, tear_down);
    }
  ADD ("no-file", test_no_file);

  return g_test_run ();
}
