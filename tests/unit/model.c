/* SPDX-License-Identifier: Apache-2.0 */

/* What a model is, is recognised from its files; what they do not tell, options do. */

#include <unistd.h>

#include "engine/json.h"
#include "engine/model.h"
#include "tests/unit/checkpoint.h"

static char *scratch;

static HdModel *
open_model (const char *path,
            const char *prediction,
            const char *distillation)
{
  g_autoptr (GError) error = NULL;
  HdModelOptions     options = { .prediction = prediction, .distillation = distillation };
  HdModel           *model = hd_model_open (path, &options, &error);

  g_assert_no_error (error);
  g_assert_nonnull (model);

  return model;
}

/* The synthetic single file FAMILY with other metadata and more tensors, as NAME.safetensors; its path. */
static char *
make_single_file (const char *family,
                  const char *name,
                  const char *addition)
{
  g_autofree char *manifest = g_strconcat (family, "-single-file", NULL);
  g_autofree char *folder = hd_test_make_model (scratch, manifest);
  g_autofree char *source_name = g_strconcat (family, ".safetensors", NULL);
  g_autofree char *source = g_build_filename (folder, source_name, NULL);
  g_autofree char *file_name = g_strconcat (name, ".safetensors", NULL);
  g_autofree char *header = NULL;
  char            *path = g_build_filename (scratch, "files", file_name, NULL);
  HdTestFile       file;

  hd_test_file_read (&file, source);
  header = g_strdup_printf ("{%s%s%s", addition != NULL ? addition : "", addition != NULL ? "," : "", file.header + 1);
  hd_test_write_tensors (path, header, file.data, file.data_length);
  hd_test_file_clear (&file);

  return path;
}

/* --- families ------------------------------------------------------------------- */

static void
test_families (void)
{
  static const struct
  {
    const char   *manifest;
    HdFamily      family;
    HdPrediction  prediction;
    int           native_size;
    int           n_text;
    gboolean      inpainting;
  } models[] = {
    { "sd15", HD_FAMILY_SD1, HD_PREDICTION_EPSILON, 512, 1, FALSE },
    { "sd15-hub", HD_FAMILY_SD1, HD_PREDICTION_EPSILON, 512, 1, FALSE },
    { "sd15-inpaint", HD_FAMILY_SD1, HD_PREDICTION_EPSILON, 512, 1, TRUE },
    { "sd21", HD_FAMILY_SD2, HD_PREDICTION_V, 768, 1, FALSE },
    { "sdxl", HD_FAMILY_SDXL, HD_PREDICTION_EPSILON, 1024, 2, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autofree char    *folder = hd_test_make_model (scratch, models[i].manifest);
      g_autoptr (HdModel) model = open_model (folder, NULL, NULL);

      g_assert_cmpint (model->family, ==, models[i].family);
      g_assert_cmpint (model->scheduler.prediction, ==, models[i].prediction);
      g_assert_true (model->prediction_known);
      g_assert_cmpint (model->native_size, ==, models[i].native_size);
      g_assert_cmpint (model->factor, ==, 8);
      g_assert_cmpint (model->n_text, ==, models[i].n_text);
      g_assert_cmpint (hd_model_has_part (model, HD_MODEL_TEXT_ENCODER_2), ==, models[i].n_text == 2);
      g_assert_cmpint (model->inpainting, ==, models[i].inpainting);
      g_assert_cmpint (model->distillation, ==, HD_DISTILLATION_NONE);
      g_assert_cmpstr (model->dtype_name, ==, "F16");
    }
}

static void
test_single_files (void)
{
  static const struct
  {
    const char   *family_name;
    const char   *name;
    const char   *addition;
    HdFamily      family;
    HdPrediction  prediction;
    gboolean      known;
    int           native_size;
  } files[] = {
    { "sd15", "a", NULL, HD_FAMILY_SD1, HD_PREDICTION_EPSILON, TRUE, 512 },
    { "sdxl", "b", NULL, HD_FAMILY_SDXL, HD_PREDICTION_EPSILON, TRUE, 1024 },
    { "sd21", "c", NULL, HD_FAMILY_SD2, HD_PREDICTION_EPSILON, FALSE, 512 },
    { "sd21", "d", "\"__metadata__\":{\"modelspec.architecture\":\"stable-diffusion-v2-768-v\"}",
      HD_FAMILY_SD2, HD_PREDICTION_V, TRUE, 768 },
    { "sd21", "e", "\"__metadata__\":{\"modelspec.architecture\":\"stable-diffusion-v2-512\"}",
      HD_FAMILY_SD2, HD_PREDICTION_EPSILON, TRUE, 512 },
    { "sd21", "f", "\"__metadata__\":{\"modelspec.prediction_type\":\"v\"}", HD_FAMILY_SD2, HD_PREDICTION_V, TRUE, 768 },
    { "sd15", "g", "\"__metadata__\":{\"modelspec.prediction_type\":\"epsilon\",\"modelspec.resolution\":\"768x768\"}",
      HD_FAMILY_SD1, HD_PREDICTION_EPSILON, TRUE, 768 },
    { "sd15", "h", "\"__metadata__\":{\"modelspec.resolution\":\"99999999999x2\"}",
      HD_FAMILY_SD1, HD_PREDICTION_EPSILON, TRUE, 512 },
    { "sdxl", "i", "\"v_pred\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
      HD_FAMILY_SDXL, HD_PREDICTION_V, TRUE, 1024 },
    { "sdxl", "Something XL V-Pred 0.9", NULL, HD_FAMILY_SDXL, HD_PREDICTION_V, FALSE, 1024 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char    *path = make_single_file (files[i].family_name, files[i].name, files[i].addition);
      g_autoptr (HdModel) model = open_model (path, NULL, NULL);

      g_assert_cmpint (model->family, ==, files[i].family);
      g_assert_cmpint (model->scheduler.prediction, ==, files[i].prediction);
      g_assert_cmpint (model->prediction_known, ==, files[i].known);
      g_assert_cmpint (model->native_size, ==, files[i].native_size);
      g_assert_false (model->scheduler.zero_terminal_snr);
      g_assert_cmpstr (model->files->name, ==, files[i].name);
      g_unlink (path);
    }
}

static void
test_zero_terminal_snr (void)
{
  g_autofree char     *path = make_single_file ("sdxl", "z", "\"v_pred\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
                                                "\"ztsnr\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}");
  g_autoptr (HdModel)  model = open_model (path, NULL, NULL);
  HdModelDefaults      defaults;

  g_assert_cmpint (model->scheduler.prediction, ==, HD_PREDICTION_V);
  g_assert_true (model->scheduler.zero_terminal_snr);
  hd_model_get_defaults (model, &defaults);
  g_assert_cmpstr (defaults.schedule, ==, "trailing");
  g_unlink (path);
}

/* NAME.yaml beside a file is what its training was configured with. */
static void
test_training (void)
{
  g_autofree char     *path = make_single_file ("sd21", "trained", NULL);
  g_autofree char     *folder = g_path_get_dirname (path);
  g_autoptr (HdModel)  model = NULL;
  g_autoptr (HdModel)  other = NULL;

  hd_test_write_text (folder, "trained.yaml", "model:\n  params:\n    parameterization: \"v\"\n    linear_start: 0.00085\n");
  model = open_model (path, NULL, NULL);
  g_assert_cmpint (model->scheduler.prediction, ==, HD_PREDICTION_V);
  g_assert_true (model->prediction_known);
  g_assert_cmpint (model->native_size, ==, 768);

  hd_test_write_text (folder, "trained.yaml", "model:\n  params:\n    linear_start: 0.00085\n");
  other = open_model (path, NULL, NULL);
  g_assert_cmpint (other->scheduler.prediction, ==, HD_PREDICTION_EPSILON);
  g_unlink (path);
}

/* Stable Diffusion 2 that says nothing is told by the spread of one norm's biases. */
static void
test_spread (void)
{
  static const char name[] = "\"model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias\":";
  static const struct { guint16 half; HdPrediction prediction; } cases[] = {
    { 0x3266, HD_PREDICTION_V },        /* 0.2 and -0.2 */
    { 0x2a66, HD_PREDICTION_EPSILON },  /* 0.05 and -0.05 */
    { 0x7e00, HD_PREDICTION_EPSILON },  /* not a number */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char    *path = make_single_file ("sd21", "spread", NULL);
      g_autoptr (HdModel) model = NULL;
      const char         *entry;
      HdTestFile          file;
      gint64              begin;
      gint64              end;

      hd_test_file_read (&file, path);
      entry = strstr (strstr (file.header, name), "\"data_offsets\":[") + strlen ("\"data_offsets\":[");
      begin = g_ascii_strtoll (entry, (char **) &entry, 10);
      end = g_ascii_strtoll (entry + 1, NULL, 10);
      for (gint64 at = begin; at < end; at += 2)
        {
          guint16 half = cases[i].half | (at % 4 == 0 ? 0x8000 : 0);

          half = GUINT16_TO_LE (half);
          memcpy (file.data + at, &half, sizeof half);
        }
      hd_test_write_tensors (path, file.header, file.data, file.data_length);
      hd_test_file_clear (&file);

      model = open_model (path, NULL, NULL);
      g_assert_cmpint (model->scheduler.prediction, ==, cases[i].prediction);
      g_assert_false (model->prediction_known);
      g_unlink (path);
    }
}

/* --- distillation ---------------------------------------------------------------- */

static void
test_names (void)
{
  static const struct
  {
    const char     *family_name;
    const char     *name;
    const char     *addition;
    HdFamily        family;
    HdDistillation  distillation;
    int             native_size;
    int             steps;
  } files[] = {
    { "sdxl", "sd_xl_turbo_1.0_fp16", NULL, HD_FAMILY_SDXL_TURBO, HD_DISTILLATION_TURBO, 512, 4 },
    { "sd21", "sd_turbo", NULL, HD_FAMILY_SD2, HD_DISTILLATION_TURBO, 512, 4 },
    { "sdxl", "sdxl_lightning_8step", NULL, HD_FAMILY_SDXL, HD_DISTILLATION_LIGHTNING, 1024, 8 },
    { "sdxl", "something-Lightning", NULL, HD_FAMILY_SDXL, HD_DISTILLATION_LIGHTNING, 1024, 4 },
    { "sdxl", "Hyper-SDXL-2steps", NULL, HD_FAMILY_SDXL, HD_DISTILLATION_LIGHTNING, 1024, 2 },
    { "sd15", "hyperrealism_v3", NULL, HD_FAMILY_SD1, HD_DISTILLATION_NONE, 512, 25 },
    { "sd15", "dreams_LCM", NULL, HD_FAMILY_SD1, HD_DISTILLATION_LCM, 512, 6 },
    { "sd15", "calcmodel", NULL, HD_FAMILY_SD1, HD_DISTILLATION_NONE, 512, 25 },
    { "sdxl", "plain", "\"__metadata__\":{\"modelspec.title\":\"SDXL Turbo\"}",
      HD_FAMILY_SDXL_TURBO, HD_DISTILLATION_TURBO, 512, 4 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char    *path = make_single_file (files[i].family_name, files[i].name, files[i].addition);
      g_autoptr (HdModel) model = open_model (path, NULL, NULL);
      HdModelDefaults     defaults;

      hd_model_get_defaults (model, &defaults);
      g_assert_cmpint (model->family, ==, files[i].family);
      g_assert_cmpint (model->distillation, ==, files[i].distillation);
      g_assert_cmpint (model->native_size, ==, files[i].native_size);
      g_assert_cmpint (defaults.size, ==, files[i].native_size);
      g_assert_cmpint (defaults.steps, ==, files[i].steps);
      if (files[i].distillation != HD_DISTILLATION_NONE)
        g_assert_cmpfloat (defaults.guidance_scale, ==, 1.0);
      g_unlink (path);
    }
}

static void
test_schedulers (void)
{
  static const struct { const char *text; HdDistillation distillation; const char *sampler; const char *schedule; } schedulers[] = {
    { "{\"_class_name\":\"EulerAncestralDiscreteScheduler\",\"timestep_spacing\":\"trailing\",\"beta_start\":0.00085,"
      "\"beta_end\":0.012,\"beta_schedule\":\"scaled_linear\"}", HD_DISTILLATION_TURBO, "euler_a", "trailing" },
    { "{\"_class_name\":\"EulerAncestralDiscreteScheduler\",\"timestep_spacing\":\"leading\"}",
      HD_DISTILLATION_NONE, "dpmpp_2m", "karras" },
    { "{\"_class_name\":\"LCMScheduler\"}", HD_DISTILLATION_LCM, "lcm", "auto" },
    { "{\"_class_name\":\"DDIMScheduler\",\"rescale_betas_zero_snr\":true,\"timestep_spacing\":\"trailing\","
      "\"prediction_type\":\"v_prediction\"}", HD_DISTILLATION_NONE, "ddim", "trailing" },
  };
  g_autofree char *folder = hd_test_make_model (scratch, "sdxl");
  g_autofree char *path = g_build_filename (folder, "scheduler", "scheduler_config.json", NULL);
  g_autofree char *before = NULL;

  g_assert_true (g_file_get_contents (path, &before, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (schedulers); i++)
    {
      g_autoptr (HdModel) model = NULL;
      HdModelDefaults     defaults;

      hd_test_write_text (folder, "scheduler/scheduler_config.json", schedulers[i].text);
      model = open_model (folder, NULL, NULL);
      hd_model_get_defaults (model, &defaults);
      g_assert_cmpint (model->distillation, ==, schedulers[i].distillation);
      g_assert_cmpint (model->family, ==, schedulers[i].distillation == HD_DISTILLATION_TURBO ? HD_FAMILY_SDXL_TURBO
                                                                                              : HD_FAMILY_SDXL);
      g_assert_cmpstr (defaults.sampler, ==, schedulers[i].sampler);
      g_assert_cmpstr (defaults.schedule, ==, schedulers[i].schedule);
    }
  hd_test_write_text (folder, "scheduler/scheduler_config.json", before);
}

static void
test_options (void)
{
  g_autofree char     *path = make_single_file ("sdxl", "sdxl_turbo", NULL);
  g_autoptr (HdModel)  model = open_model (path, "v", "lightning");
  g_autoptr (HdModel)  automatic = open_model (path, "auto", "auto");
  g_autoptr (HdModel)  plain = open_model (path, "sample", "none");
  g_autoptr (GError)   error = NULL;
  HdModelOptions       wrong = { .prediction = "x0" };
  HdModelOptions       wrong_too = { .distillation = "fast" };

  g_assert_cmpint (model->scheduler.prediction, ==, HD_PREDICTION_V);
  g_assert_true (model->prediction_known);
  g_assert_cmpint (model->distillation, ==, HD_DISTILLATION_LIGHTNING);
  g_assert_cmpint (model->family, ==, HD_FAMILY_SDXL);
  g_assert_cmpint (automatic->family, ==, HD_FAMILY_SDXL_TURBO);
  g_assert_cmpint (plain->family, ==, HD_FAMILY_SDXL);
  g_assert_cmpint (plain->scheduler.prediction, ==, HD_PREDICTION_SAMPLE);

  g_assert_null (hd_model_open (path, &wrong, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_clear_error (&error);
  g_assert_null (hd_model_open (path, &wrong_too, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_unlink (path);
}

/* --- the rest --------------------------------------------------------------------- */

/* Models without tokenizer files have CLIP's vocabulary; OpenCLIP's are padded with "!", which is token 0. */
static void
test_tokenizers (void)
{
  static const struct { const char *manifest; int index; gint32 pad; } encoders[] = {
    { "sd15", 0, 49407 }, { "sd21", 0, 0 }, { "sdxl", 0, 49407 }, { "sdxl", 1, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (encoders); i++)
    {
      g_autoptr (GError)      error = NULL;
      g_autofree char        *folder = hd_test_make_model (scratch, encoders[i].manifest);
      g_autoptr (HdModel)     model = open_model (folder, NULL, NULL);
      g_autoptr (HdTokenizer) tokenizer = hd_model_new_tokenizer (model, encoders[i].index, &error);
      gint32                  ids[HD_TOKENIZER_LENGTH];

      g_assert_no_error (error);
      g_assert_cmpint (hd_tokenizer_get_vocabulary_size (tokenizer), ==, 49408);
      g_assert_cmpint (hd_tokenizer_encode (tokenizer, "a cat", ids), ==, 4);
      g_assert_cmpint (ids[0], ==, 49406);
      g_assert_cmpint (ids[1], ==, 320);
      g_assert_cmpint (ids[2], ==, 2368);
      g_assert_cmpint (ids[3], ==, 49407);
      g_assert_cmpint (ids[4], ==, encoders[i].pad);
      g_assert_cmpint (ids[HD_TOKENIZER_LENGTH - 1], ==, encoders[i].pad);
    }
}

/* --- true sizes -------------------------------------------------------------------- */

typedef struct
{
  GString *header;
  guint64  end;
} Header;

static void
add_tensor (Header     *header,
            const char *name,
            JsonArray  *shape,
            guint       n_parts)
{
  guint64 bytes = 2 * n_parts;

  g_string_append_printf (header->header, "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[", header->end > 0 ? "," : "", name);
  for (guint i = 0; i < json_array_get_length (shape); i++)
    {
      gint64 side = json_array_get_int_element (shape, i) * (i == 0 ? n_parts : 1);

      bytes *= (guint64) json_array_get_int_element (shape, i);
      g_string_append_printf (header->header, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", side);
    }
  g_string_append_printf (header->header, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
                          header->end, header->end + bytes);
  header->end += bytes;
}

/* Adds the network that the manifest has in @file, under its original names. */
static void
add_network (Header        *header,
             JsonObject    *files,
             const char    *file,
             const HdNames *names)
{
  JsonObject    *tensors = json_object_get_object_member (json_object_get_object_member (files, file), "tensors");
  JsonObjectIter iter;
  const char    *name;
  JsonNode      *node;

  json_object_iter_init (&iter, tensors);
  while (json_object_iter_next (&iter, &name, &node))
    {
      JsonArray        *shape = json_object_get_array_member (json_node_get_object (node), "shape");
      HdOriginalTensor  found[HD_ORIGINAL_TENSOR_MAX];
      int               n = hd_names_translate (names, name, found);
      /* without an attention before it, an upsampler is one place further up */
      gboolean          is_up = n == 2 && strstr (name, "upsamplers") != NULL;
      g_autofree char  *attention = g_strndup (name, strlen ("up_blocks.0."));
      g_autofree char  *probe = g_strconcat (attention, "attentions.0.norm.weight", NULL);
      int               chosen = is_up && !json_object_has_member (tensors, probe) ? 1 : 0;

      g_assert_cmpint (n, >, 0);
      if (found[chosen].part == 0)
        add_tensor (header, found[chosen].name, shape, (guint) found[chosen].n_parts);
      for (int i = 0; i < n; i++)
        hd_original_tensor_clear (&found[i]);
    }
}

/* The networks of the manifest NAME in one file with their true shapes, and no bytes of its own on the disk. */
static char *
make_true_size (const char *name,
                gboolean    xl)
{
  static const HdNames    unet = { HD_NAMING_UNET, "model.diffusion_model.", 4, 2, 0 };
  static const HdNames    unet_xl = { HD_NAMING_UNET, "model.diffusion_model.", 3, 2, 0 };
  static const HdNames    vae = { HD_NAMING_VAE, "first_stage_model.", 4, 0, 0 };
  static const HdNames    text = { HD_NAMING_DIFFUSERS, "cond_stage_model.transformer.", 0, 0, 0 };
  static const HdNames    text_xl = { HD_NAMING_DIFFUSERS, "conditioner.embedders.0.transformer.", 0, 0, 0 };
  static const HdNames    text_2 = { HD_NAMING_OPEN_CLIP, "conditioner.embedders.1.model.", 0, 0, 0 };
  g_autoptr (GError)      error = NULL;
  g_autofree char        *manifest_name = g_strconcat (name, ".json", NULL);
  g_autofree char        *manifest = g_test_build_filename (G_TEST_DIST, "..", "golden", "models", manifest_name, NULL);
  g_autofree char        *file_name = g_strconcat (name, ".safetensors", NULL);
  g_autoptr (JsonObject)  object = hd_json_read_file (manifest, 64 << 20, &error);
  char                   *path = g_build_filename (scratch, file_name, NULL);
  Header                  header = { .header = g_string_new ("{") };
  JsonObject             *files;

  g_assert_no_error (error);
  files = json_object_get_object_member (object, "files");
  add_network (&header, files, "unet/diffusion_pytorch_model.safetensors", xl ? &unet_xl : &unet);
  add_network (&header, files, "vae/diffusion_pytorch_model.safetensors", &vae);
  add_network (&header, files, "text_encoder/model.safetensors", xl ? &text_xl : &text);
  if (xl)
    add_network (&header, files, "text_encoder_2/model.safetensors", &text_2);
  g_string_append_c (header.header, '}');

  hd_test_write_tensors (path, header.header->str, "", 0);
  g_assert_cmpint (truncate (path, (off_t) (8 + header.header->len + header.end)), ==, 0);
  g_string_free (header.header, TRUE);

  return path;
}

/* The rules for what shapes do not tell give the configurations that the true models have. */
static void
test_true_size (void)
{
  static const struct { const char *manifest; int text[2]; } models[] = {
    { "sd15-real", { 12, 0 } }, { "sdxl-real", { 12, 32 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autoptr (GError)  error = NULL;
      gboolean            xl = i == 1;
      g_autofree char    *path = make_true_size (models[i].manifest, xl);
      g_autoptr (HdModel) model = open_model (path, NULL, NULL);
      static const int    heads[][4] = { { 8, 8, 8, 8 }, { 5, 10, 20 } };
      static const int    layers[][4] = { { 1, 1, 1, 1 }, { 1, 2, 10 } };

      g_assert_cmpint (model->family, ==, xl ? HD_FAMILY_SDXL : HD_FAMILY_SD1);
      g_assert_cmpint (model->native_size, ==, xl ? 1024 : 512);
      g_assert_cmpint (model->unet.n_levels, ==, xl ? 3 : 4);
      for (int j = 0; j < model->unet.n_levels; j++)
        {
          g_assert_cmpint (model->unet.heads[j], ==, heads[i][j]);
          g_assert_cmpint (model->unet.transformer_layers[j], ==, layers[i][j]);
        }
      g_assert_cmpint (model->unet.cross_attention_dim, ==, xl ? 2048 : 768);
      g_assert_cmpint (model->unet.addition_time_embed_dim, ==, xl ? 256 : 0);
      g_assert_cmpint (model->text[0].layers, ==, models[i].text[0]);
      g_assert_cmpint (model->text[0].heads, ==, 12);
      g_assert_cmpint (model->text[0].activation, ==, HD_ACTIVATION_QUICK_GELU);
      if (xl)
        {
          g_assert_cmpint (model->text[1].layers, ==, models[i].text[1]);
          g_assert_cmpint (model->text[1].heads, ==, 20);
          g_assert_cmpint (model->text[1].projection_dim, ==, 1280);
          g_assert_cmpint (model->text[1].activation, ==, HD_ACTIVATION_GELU);
        }
      g_assert_true (hd_model_check (model, &error));
      g_assert_no_error (error);
      g_unlink (path);
    }
}

/* Of plain and averaged weights the plain ones are taken, as all programs do. */
static void
test_averaged_weights (void)
{
  g_autofree char     *path = make_single_file ("sd15", "both", "\"model_ema.diffusion_modelinput_blocks00weight\":"
                                                "{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}");
  g_autoptr (HdModel)  model = open_model (path, NULL, NULL);
  HdFoundTensor        found;

  g_assert_true (hd_tensor_source_find (hd_model_get_source (model, HD_MODEL_UNET), "conv_in.weight", &found));
  g_assert_cmpstr (found.entry.name, ==, "model.diffusion_model.input_blocks.0.0.weight");
  g_unlink (path);
}

static void
test_shrinking (void)
{
  g_autofree char     *path = make_single_file ("sd15", "shrinking", NULL);
  g_autoptr (HdModel)  model = open_model (path, NULL, NULL);
  g_autoptr (GError)   error = NULL;

  g_assert_true (hd_model_check_files (model, &error));
  g_assert_no_error (error);
  g_assert_cmpint (truncate (path, 1000), ==, 0);
  g_assert_false (hd_model_check_files (model, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE);
  g_unlink (path);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-model-XXXXXX", NULL);

  g_test_add_func ("/model/families", test_families);
  g_test_add_func ("/model/single-files", test_single_files);
  g_test_add_func ("/model/zero-terminal-snr", test_zero_terminal_snr);
  g_test_add_func ("/model/training", test_training);
  g_test_add_func ("/model/spread", test_spread);
  g_test_add_func ("/model/names", test_names);
  g_test_add_func ("/model/schedulers", test_schedulers);
  g_test_add_func ("/model/options", test_options);
  g_test_add_func ("/model/tokenizers", test_tokenizers);
  g_test_add_func ("/model/true-size", test_true_size);
  g_test_add_func ("/model/averaged-weights", test_averaged_weights);
  g_test_add_func ("/model/shrinking", test_shrinking);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);

  return status;
}
