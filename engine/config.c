/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/config.h"
#include "engine/config_reader.h"

#define MAX_CHANNELS 65536
#define MAX_LAYERS   128

/* Each level's channels must fall into whole groups. */
static void
check_groups (HdConfigReader *reader,
              const int      *channels,
              int             n,
              int             groups)
{
  for (int i = 0; i < n; i++)
    if (channels[i] % groups != 0)
      hd_config_fail (reader, "block_out_channels", "multiples of \"norm_num_groups\" (%d)", groups);
}

/* What would make another network of a UNet2DConditionModel than the engine computes. */
static void
expect_plain_unet (HdConfigReader *reader)
{
  static const struct { const char *name; const char *allowed; } plain[] = {
    { "_class_name",              "\"UNet2DConditionModel\"" },
    { "act_fn",                   "\"silu\"|\"swish\"" },
    { "attention_type",           "\"default\"" },
    { "center_input_sample",      "false" },
    { "class_embed_type",         "null" },
    { "class_embeddings_concat",  "false|null" },
    { "conv_in_kernel",           "3" },
    { "conv_out_kernel",          "3" },
    { "cross_attention_norm",     "null" },
    { "downsample_padding",       "1" },
    { "dual_cross_attention",     "false|null" },
    { "encoder_hid_dim",          "null" },
    { "encoder_hid_dim_type",     "null" },
    { "flip_sin_to_cos",          "true" },
    { "freq_shift",               "0" },
    { "mid_block_scale_factor",   "1|1.0" },
    { "mid_block_type",           "\"UNetMidBlock2DCrossAttn\"" },
    { "num_attention_heads",      "null" },
    { "num_class_embeds",         "null" },
    { "resnet_out_scale_factor",  "1|1.0|null" },
    { "resnet_skip_time_act",     "false|null" },
    { "resnet_time_scale_shift",  "\"default\"" },
    { "reverse_transformer_layers_per_block", "null" },
    { "time_embedding_act_fn",    "null" },
    { "time_embedding_dim",       "null" },
    { "time_embedding_type",      "\"positional\"" },
    { "timestep_post_act",        "null" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (plain); i++)
    hd_config_expect (reader, plain[i].name, plain[i].allowed);
}

/* "only_cross_attention" is false, or a list of false. */
static void
expect_self_attention (HdConfigReader *reader,
                       int             n_levels)
{
  g_autoptr (GString) list = g_string_new ("null|false|[false");

  for (int i = 1; i < n_levels; i++)
    g_string_append (list, ",false");
  g_string_append_c (list, ']');
  hd_config_expect (reader, "only_cross_attention", list->str);
}

static void
read_unet_levels (HdConfigReader *reader,
                  HdUnetConfig   *config)
{
  static const int          channels[] = { 320, 640, 1280, 1280 };
  static const char * const down_names[] = { "DownBlock2D", "CrossAttnDownBlock2D", NULL };
  static const char * const up_names[] = { "UpBlock2D", "CrossAttnUpBlock2D", NULL };
  int                       down[HD_UNET_MAX_LEVELS] = { 0 };
  int                       up[HD_UNET_MAX_LEVELS] = { 0 };
  int                       n;

  n = hd_config_ints (reader, "block_out_channels", channels, G_N_ELEMENTS (channels), 1, MAX_CHANNELS,
                      config->block_out_channels, HD_UNET_MAX_LEVELS);
  config->n_levels = n;

  /* Attention everywhere but at the bottom, if the file does not say. */
  for (int i = 0; i < n; i++)
    {
      down[i] = i < n - 1;
      up[i] = i > 0;
    }
  hd_config_enums (reader, "down_block_types", down_names, down, n);
  hd_config_enums (reader, "up_block_types", up_names, up, n);
  for (int i = 0; i < n; i++)
    {
      config->down_blocks[i] = down[i] ? HD_BLOCK_CROSS_ATTENTION : HD_BLOCK_PLAIN;
      config->up_blocks[i] = up[i] ? HD_BLOCK_CROSS_ATTENTION : HD_BLOCK_PLAIN;
    }

  hd_config_int_or_ints (reader, "attention_head_dim", 8, 1, 1024, config->heads, n);
  hd_config_int_or_ints (reader, "transformer_layers_per_block", 1, 1, MAX_LAYERS, config->transformer_layers, n);
  expect_self_attention (reader, n);
}

/* Whether a level's transformers exist: in its down block, its up block or, at the bottom, the middle. */
static gboolean
unet_level_has_attention (const HdUnetConfig *config,
                          int                 level)
{
  return config->down_blocks[level] == HD_BLOCK_CROSS_ATTENTION
         || config->up_blocks[config->n_levels - 1 - level] == HD_BLOCK_CROSS_ATTENTION
         || level == config->n_levels - 1;
}

static void
read_unet_additions (HdConfigReader *reader,
                     HdUnetConfig   *config)
{
  hd_config_expect (reader, "addition_embed_type", "null|\"text_time\"");
  config->text_time = hd_config_has (reader, "addition_embed_type");
  if (config->text_time)
    {
      config->addition_time_embed_dim = hd_config_int (reader, "addition_time_embed_dim", 256, 2, MAX_CHANNELS);
      config->addition_input_dim = hd_config_int (reader, "projection_class_embeddings_input_dim", 2816, 1, MAX_CHANNELS);
      if (config->addition_input_dim <= HD_UNET_TIME_IDS * config->addition_time_embed_dim)
        hd_config_fail (reader, "projection_class_embeddings_input_dim", "more than %d times \"addition_time_embed_dim\"",
                        HD_UNET_TIME_IDS);
    }
  config->time_cond_proj_dim = hd_config_int (reader, "time_cond_proj_dim", 0, 1, MAX_CHANNELS);
}

gboolean
hd_unet_config_read (const char    *path,
                     HdUnetConfig  *config,
                     GError       **error)
{
  HdConfigReader reader;
  int            layers[HD_UNET_MAX_LEVELS] = { 0 };

  *config = (HdUnetConfig) { 0 };
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  expect_plain_unet (&reader);
  read_unet_levels (&reader, config);
  read_unet_additions (&reader, config);
  config->sample_size = hd_config_int (&reader, "sample_size", config->text_time ? 128 : 64, 1, 4096);
  config->in_channels = hd_config_int (&reader, "in_channels", 4, 1, 1024);
  config->out_channels = hd_config_int (&reader, "out_channels", 4, 1, 1024);
  config->cross_attention_dim = hd_config_int (&reader, "cross_attention_dim", 1280, 1, MAX_CHANNELS);
  config->norm_groups = hd_config_int (&reader, "norm_num_groups", 32, 1, MAX_CHANNELS);
  config->norm_eps = (float) hd_config_double (&reader, "norm_eps", 1e-5, 1e-12, 0.1);
  config->use_linear_projection = hd_config_boolean (&reader, "use_linear_projection", FALSE);
  config->upcast_attention = hd_config_boolean (&reader, "upcast_attention", FALSE);

  hd_config_int_or_ints (&reader, "layers_per_block", 2, 1, MAX_LAYERS, layers, config->n_levels);
  config->layers_per_block = layers[0];
  for (int i = 0; i < config->n_levels; i++)
    {
      if (layers[i] != layers[0])
        hd_config_fail (&reader, "layers_per_block", "the same number for all blocks");
      if (unet_level_has_attention (config, i) && config->block_out_channels[i] % config->heads[i] != 0)
        hd_config_fail (&reader, "attention_head_dim", "numbers of heads that divide \"block_out_channels\"");
    }
  check_groups (&reader, config->block_out_channels, config->n_levels, config->norm_groups);

  return hd_config_reader_close (&reader, error);
}

gboolean
hd_vae_config_read (const char   *path,
                    HdVaeConfig  *config,
                    GError      **error)
{
  static const int          channels[] = { 64 };
  static const char * const down_names[] = { "DownEncoderBlock2D", NULL };
  static const char * const up_names[] = { "UpDecoderBlock2D", NULL };
  int                       blocks[HD_VAE_MAX_LEVELS] = { 0 };
  HdConfigReader            reader;

  *config = (HdVaeConfig) { 0 };
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  hd_config_expect (&reader, "_class_name", "\"AutoencoderKL\"");
  hd_config_expect (&reader, "act_fn", "\"silu\"|\"swish\"");
  hd_config_expect (&reader, "latents_mean", "null");
  hd_config_expect (&reader, "latents_std", "null");
  config->n_levels = hd_config_ints (&reader, "block_out_channels", channels, G_N_ELEMENTS (channels), 1, MAX_CHANNELS,
                                     config->block_out_channels, HD_VAE_MAX_LEVELS);
  hd_config_enums (&reader, "down_block_types", down_names, blocks, config->n_levels);
  hd_config_enums (&reader, "up_block_types", up_names, blocks, config->n_levels);
  config->sample_size = hd_config_int (&reader, "sample_size", 32, 1, 65536);
  config->in_channels = hd_config_int (&reader, "in_channels", 3, 1, 64);
  config->out_channels = hd_config_int (&reader, "out_channels", 3, 1, 64);
  config->latent_channels = hd_config_int (&reader, "latent_channels", 4, 1, 1024);
  config->layers_per_block = hd_config_int (&reader, "layers_per_block", 1, 1, MAX_LAYERS);
  config->norm_groups = hd_config_int (&reader, "norm_num_groups", 32, 1, MAX_CHANNELS);
  config->scaling_factor = (float) hd_config_double (&reader, "scaling_factor", 0.18215, 1e-6, 1e6);
  config->shift_factor = (float) hd_config_double (&reader, "shift_factor", 0.0, -1e6, 1e6);
  config->force_upcast = hd_config_boolean (&reader, "force_upcast", TRUE);
  config->use_quant_conv = hd_config_boolean (&reader, "use_quant_conv", TRUE);
  config->use_post_quant_conv = hd_config_boolean (&reader, "use_post_quant_conv", TRUE);
  config->mid_block_attention = hd_config_boolean (&reader, "mid_block_add_attention", TRUE);
  check_groups (&reader, config->block_out_channels, config->n_levels, config->norm_groups);

  return hd_config_reader_close (&reader, error);
}

gboolean
hd_text_config_read (const char    *path,
                     HdTextConfig  *config,
                     GError       **error)
{
  static const char * const names[] = { "quick_gelu", "gelu", NULL };
  static const HdActivation activations[] = { HD_ACTIVATION_QUICK_GELU, HD_ACTIVATION_GELU };
  HdConfigReader            reader;

  *config = (HdTextConfig) { 0 };
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  /* The configuration of a whole CLIP holds that of its text half. */
  hd_config_expect (&reader, "model_type", "\"clip_text_model\"|\"clip\"");
  hd_config_enter (&reader, "text_config");
  config->vocab_size = hd_config_int (&reader, "vocab_size", 49408, 1, 1 << 24);
  config->hidden_size = hd_config_int (&reader, "hidden_size", 512, 1, MAX_CHANNELS);
  config->intermediate_size = hd_config_int (&reader, "intermediate_size", 2048, 1, 8 * MAX_CHANNELS);
  config->layers = hd_config_int (&reader, "num_hidden_layers", 12, 1, MAX_LAYERS);
  config->heads = hd_config_int (&reader, "num_attention_heads", 8, 1, 1024);
  config->max_positions = hd_config_int (&reader, "max_position_embeddings", 77, 1, 65536);
  config->activation = activations[hd_config_enum (&reader, "hidden_act", 0, names)];
  config->norm_eps = (float) hd_config_double (&reader, "layer_norm_eps", 1e-5, 1e-12, 0.1);
  config->projection_dim = hd_config_int (&reader, "projection_dim", 512, 1, MAX_CHANNELS);
  config->eos_token_id = hd_config_int (&reader, "eos_token_id", 49407, 0, 1 << 24);
  if (config->hidden_size % config->heads != 0)
    hd_config_fail (&reader, "num_attention_heads", "a divisor of \"hidden_size\" (%d)", config->hidden_size);

  return hd_config_reader_close (&reader, error);
}

void
hd_scheduler_config_default (HdSchedulerConfig *config)
{
  *config = (HdSchedulerConfig) {
    .train_steps   = 1000,
    .beta_start    = 0.00085,
    .beta_end      = 0.012,
    .beta_schedule = HD_BETA_SCHEDULE_SCALED_LINEAR,
    .prediction    = HD_PREDICTION_EPSILON,
    .spacing       = HD_TIMESTEPS_LEADING,
    .steps_offset  = 1,
  };
}

gboolean
hd_scheduler_config_read (const char         *path,
                          HdSchedulerConfig  *config,
                          GError            **error)
{
  static const char * const schedules[] = { "linear", "scaled_linear", "squaredcos_cap_v2", NULL };
  static const char * const predictions[] = { "epsilon", "v_prediction", "sample", NULL };
  static const char * const spacings[] = { "leading", "linspace", "trailing", NULL };
  HdConfigReader            reader;

  *config = (HdSchedulerConfig) { 0 };
  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  hd_config_expect (&reader, "trained_betas", "null");
  config->train_steps = hd_config_int (&reader, "num_train_timesteps", 1000, 1, 100000);
  config->beta_start = hd_config_double (&reader, "beta_start", 0.0001, 1e-9, 0.999);
  config->beta_end = hd_config_double (&reader, "beta_end", 0.02, 1e-9, 0.999);
  config->beta_schedule = (HdBetaSchedule) hd_config_enum (&reader, "beta_schedule", HD_BETA_SCHEDULE_LINEAR, schedules);
  config->prediction = (HdPrediction) hd_config_enum (&reader, "prediction_type", HD_PREDICTION_EPSILON, predictions);
  config->spacing = (HdTimestepSpacing) hd_config_enum (&reader, "timestep_spacing", HD_TIMESTEPS_LEADING, spacings);
  config->steps_offset = hd_config_int (&reader, "steps_offset", 0, 0, config->train_steps - 1);
  config->set_alpha_to_one = hd_config_boolean (&reader, "set_alpha_to_one", TRUE);
  config->zero_terminal_snr = hd_config_boolean (&reader, "rescale_betas_zero_snr", FALSE);
  if (config->beta_end < config->beta_start)
    hd_config_fail (&reader, "beta_end", "at least \"beta_start\" (%g)", config->beta_start);

  return hd_config_reader_close (&reader, error);
}

static gboolean
read_ratio (const char          *path,
            const char          *name,
            HdHiDiffusionRatio  *ratio,
            GError             **error)
{
  HdConfigReader reader;

  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  hd_config_expect (&reader, "schema_version", "1");
  if (!hd_config_has (&reader, "schema_version"))
    hd_config_fail (&reader, "schema_version", "1");
  if (!hd_config_has (&reader, name))
    hd_config_fail (&reader, name, "an object with \"d4\" and \"p2\"");
  hd_config_enter (&reader, name);
  if (!hd_config_has (&reader, "d4"))
    hd_config_fail (&reader, "d4", "a number from 0 to 1");
  if (!hd_config_has (&reader, "p2"))
    hd_config_fail (&reader, "p2", "a number from 0 to 1");
  ratio->d4 = hd_config_double (&reader, "d4", 0.0, 0.0, 1.0);
  ratio->p2 = hd_config_double (&reader, "p2", 0.0, 0.0, 1.0);

  return hd_config_reader_close (&reader, error);
}

gboolean
hd_hidiffusion_ratios_read (const char           *path,
                            HdHiDiffusionRatios  *ratios,
                            GError              **error)
{
  *ratios = (HdHiDiffusionRatios) { 0 };

  return read_ratio (path, "normal", &ratios->normal, error)
         && read_ratio (path, "large", &ratios->large, error);
}
