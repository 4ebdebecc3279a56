/* SPDX-License-Identifier: Apache-2.0 */

/* Model files that are damaged, or something else: each gives a message that names the file and says what was expected,
 * within a second.  To be run under the sanitizers, too. */

#include <sys/stat.h>
#include <unistd.h>

#include "engine/model.h"
#include "tests/unit/checkpoint.h"

static char *scratch;
static char *single_file;   /* a sound checkpoint */
static char *folder;        /* a sound model in diffusers' layout */
static char *folder_xl;

/* Opens and checks the model at @path; it must fail with a message about a file in it that says @reason. */
static void
assert_refused (const char *path,
                const char *about,
                const char *reason)
{
  g_autoptr (GError)  error = NULL;
  gint64              started = g_get_monotonic_time ();
  g_autoptr (HdModel) model = hd_model_open (path, NULL, &error);
  double              seconds;

  if (model != NULL)
    hd_model_check (model, &error);
  seconds = (g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC;

  if (error == NULL)
    {
      g_test_fail_printf ("%s: expected \"%s\", found no error", path, reason);
      return;
    }

  g_test_message ("%.3f s: %s", seconds, error->message);
  g_assert_true (error->domain == HD_ENGINE_ERROR);
  if (strstr (error->message, about) == NULL || strstr (error->message, reason) == NULL)
    g_test_fail_printf ("expected a message about %s that says \"%s\", found: %s", about, reason, error->message);
  if (strstr (error->message, "xpected") == NULL && strstr (error->message, "cannot be") == NULL)
    g_test_fail_printf ("expected a message that says what was expected, found: %s", error->message);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 2000);
  g_assert_cmpfloat (seconds, <, 1.0);
}

static void
test_sound (void)
{
  const char *paths[] = { single_file, folder, folder_xl };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GError)  error = NULL;
      g_autoptr (HdModel) model = hd_model_open (paths[i], NULL, &error);

      g_assert_no_error (error);
      g_assert_true (hd_model_check (model, &error));
      g_assert_no_error (error);
    }
}

/* --- a file's bytes --------------------------------------------------------------- */

typedef struct
{
  const char *name;
  gint64      length;     /* of the file; counted from its end if negative */
  gint64      header;     /* the length that it claims for its header; -1: its own */
  const char *reason;
} Bytes;

static const Bytes byte_cases[] = {
  { "empty", 0, -1, "expected a safetensors file, found 0 bytes" },
  { "one-byte", 1, -1, "found 1 bytes" },
  { "cut-in-length", 7, -1, "found 7 bytes" },
  { "cut-before-header", 8, -1, "expected a safetensors file with a header of at most 0 bytes" },
  { "cut-in-header", 1000, -1, "expected a safetensors file with a header of at most 992 bytes" },
  { "cut-in-tensors", 1000000, -1, "the file may have been copied or downloaded in part" },
  { "cut-in-last-tensor", -1, -1, "the file may have been copied or downloaded in part" },
  { "header-0", G_MAXINT64, 0, "expected" },
  { "header-1", G_MAXINT64, 1, "expected JSON" },
  { "header-shorter", G_MAXINT64, 500, "expected JSON" },
  { "header-longer-than-file", G_MAXINT64, 1 << 26, "found 67108864" },
  { "header-2^32", G_MAXINT64, (gint64) 1 << 32, "found 4294967296" },
  { "header-2^63", G_MAXINT64, G_MININT64, "found 9223372036854775808" },
  { "header-2^63-1", G_MAXINT64, G_MAXINT64, "found 9223372036854775807" },
};

static void
test_bytes (gconstpointer data)
{
  const Bytes     *bytes = data;
  g_autofree char *path = g_build_filename (scratch, "bytes.safetensors", NULL);
  g_autofree char *contents = NULL;
  guint64          header = GUINT64_TO_LE ((guint64) bytes->header);
  gsize            length;

  g_assert_true (g_file_get_contents (single_file, &contents, &length, NULL));
  if (bytes->header != -1)
    memcpy (contents, &header, sizeof header);
  if (bytes->length < 0)
    length -= (gsize) -bytes->length;
  else
    length = MIN (length, (gsize) bytes->length);
  g_assert_true (g_file_set_contents (path, contents, (gssize) length, NULL));
  assert_refused (path, path, bytes->reason);
  g_unlink (path);
}

static void
test_longer (void)
{
  g_autofree char *path = g_build_filename (scratch, "longer.safetensors", NULL);
  g_autofree char *longer = NULL;
  g_autofree char *contents = NULL;
  gsize            length;

  g_assert_true (g_file_get_contents (single_file, &contents, &length, NULL));
  longer = g_malloc0 (length + 1);
  memcpy (longer, contents, length);
  g_assert_true (g_file_set_contents (path, longer, (gssize) length + 1, NULL));
  assert_refused (path, path, "bytes, as its header says");
  g_unlink (path);
}

/* --- a header's text -------------------------------------------------------------- */

#define UNET    "model.diffusion_model."
#define CONV_IN "\"" UNET "input_blocks.0.0.weight\":{\"dtype\":\"F16\",\"shape\":[32,4,3,3],\"data_offsets\":[0,2304]}"
#define CONV_IN_AS(dtype, shape, offsets) \
        "\"" UNET "input_blocks.0.0.weight\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define BYTES_OF_IT ",\"unused\":{\"dtype\":\"U8\",\"shape\":[2304],\"data_offsets\":[0,2304]}"

typedef struct
{
  const char *name;
  const char *from;
  const char *to;
  const char *reason;
} Edit;

static const Edit edits[] = {
  /* not what the format allows */
  { "not-json", "{", "}{", "expected JSON" },
  { "list", "{\"" UNET, "[\"" UNET, "expected JSON" },
  { "nan", CONV_IN, CONV_IN_AS ("\"F16\"", "[NaN,4,3,3]", "[0,2304]"), "expected JSON" },
  { "not-utf8", "\"dtype\"", "\"\xff\xfe\"", "not UTF-8" },
  { "comment", "{", "{/* */", "expected JSON" },
  { "deep", CONV_IN, "\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "expected JSON" },
  { "twice", CONV_IN, CONV_IN "," CONV_IN, "expected each name once" },
  { "metadata-number", "{", "{\"__metadata__\":{\"format\":1},", "expected strings" },
  { "metadata-list", "{", "{\"__metadata__\":[],", "expected an object" },
  { "no-object", CONV_IN, "\"" UNET "input_blocks.0.0.weight\":\"F16\"", "expected an object" },
  { "no-dtype", "{\"dtype\":\"F16\",\"shape\":[32,4", "{\"shape\":[32,4", "as \"dtype\", found nothing" },
  { "no-shape", ",\"shape\":[32,4,3,3]", "", "a \"shape\" of at most 8 sides, found nothing" },
  { "no-offsets", ",\"data_offsets\":[0,2304]", "", "\"data_offsets\", found nothing" },
  { "dtype-number", CONV_IN, CONV_IN_AS ("16", "[32,4,3,3]", "[0,2304]"), "expected a name as \"dtype\", found 16" },
  { "dtype-other-size", CONV_IN, CONV_IN_AS ("\"F32\"", "[32,4,3,3]", "[0,2304]"), "expected 1152 elements of F32, found 2304 bytes" },
  { "shape-number", CONV_IN, CONV_IN_AS ("\"F16\"", "1152", "[0,2304]"), "a \"shape\" of at most 8 sides, found 1152" },
  { "shape-negative", CONV_IN, CONV_IN_AS ("\"F16\"", "[-32,4,3,-3]", "[0,2304]"), "integers of at least 0 as \"shape\"" },
  { "shape-fraction", CONV_IN, CONV_IN_AS ("\"F16\"", "[32.5,4,3,3]", "[0,2304]"), "integers of at least 0 as \"shape\"" },
  { "shape-text", CONV_IN, CONV_IN_AS ("\"F16\"", "[\"32\",4,3,3]", "[0,2304]"), "integers of at least 0 as \"shape\"" },
  { "shape-overflow", CONV_IN, CONV_IN_AS ("\"F16\"", "[4294967296,4294967296,4294967296,3]", "[0,2304]"), "fits into a file" },
  { "shape-2^63", CONV_IN, CONV_IN_AS ("\"F16\"", "[9223372036854775808]", "[0,2304]"), "expected" },
  { "shape-bytes-overflow", CONV_IN, CONV_IN_AS ("\"F16\"", "[9223372036854775807]", "[0,2304]"), "expected" },
  { "shape-of-nine", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3,1,1,1,1,1]", "[0,2304]"), "at most 8 sides" },
  { "offsets-negative", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[-2304,0]"), "0 <= begin <= end" },
  { "offsets-reversed", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[2304,0]"), "0 <= begin <= end" },
  { "offsets-of-three", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[0,2304,1]"), "expected two integers" },
  { "offsets-text", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[\"0\",\"2304\"]"), "expected two integers" },
  { "offsets-outside", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[9223372036854773503,9223372036854775807]"), "where the file ends" },
  { "offsets-overlapping", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,4,3,3]", "[2304,4608]"), "expected its data at" },
  { "offsets-within-another", "[2304,2368]", "[0,64]", "expected its data at" },
  { "gap", CONV_IN ",", "", "expected its data at 0" },

  /* sound files whose tensors are not a model's */
  { "no-conv-in", CONV_IN, "\"elsewhere\":{\"dtype\":\"F16\",\"shape\":[1152],\"data_offsets\":[0,2304]}", "found a checkpoint without a UNet" },
  { "missing-in-unet", UNET "middle_block.2.in_layers.2.weight", UNET "middle_block.2.in_layers.9.weight",
    "expected a tensor " UNET "middle_block.2.in_layers.2.weight" },
  { "missing-bias", UNET "out.2.bias", UNET "out.3.bias", "expected a tensor " UNET "out.2.bias" },
  { "missing-in-vae", "first_stage_model.decoder.up.1.block.0.norm1.weight", "first_stage_model.decoder.up.1.block.0.norm7.weight",
    "expected a tensor first_stage_model.decoder.up.1.block.0.norm1.weight" },
  { "missing-in-encoder", "first_stage_model.encoder.conv_out.weight", "first_stage_model.encoder.conv_away.weight",
    "expected a tensor first_stage_model.encoder.conv_out.weight" },
  { "missing-in-text", "text_model.encoder.layers.1.mlp.fc2.weight", "text_model.encoder.layers.1.mlp.fc3.weight",
    "text_model.encoder.layers.1.mlp.fc2.weight" },
  { "transposed", "\"" UNET "time_embed.0.weight\":{\"dtype\":\"F16\",\"shape\":[128,32]", "\"" UNET "time_embed.0.weight\":{\"dtype\":\"F16\",\"shape\":[32,128]",
    "expected the shape (128, 32), found (32, 128)" },
  { "scalar", CONV_IN, CONV_IN_AS ("\"F16\"", "[]", "[0,2]") ",\"unused\":{\"dtype\":\"U8\",\"shape\":[2302],\"data_offsets\":[2,2304]}",
    "expected at least 2 dimensions, found 0" },
  { "flat", CONV_IN, CONV_IN_AS ("\"F16\"", "[1152]", "[0,2304]"), "expected at least 2 dimensions, found 1" },
  { "zero-length", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,0,3,3]", "[0,0]") BYTES_OF_IT, "expected sides from 1 to" },
  { "zero-length-bias", "\"" UNET "input_blocks.0.0.bias\":{\"dtype\":\"F16\",\"shape\":[32],\"data_offsets\":[2304,2368]}",
    "\"" UNET "input_blocks.0.0.bias\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[2304,2304]},"
    "\"unused\":{\"dtype\":\"U8\",\"shape\":[64],\"data_offsets\":[2304,2368]}", "expected the shape (32), found (0)" },
  { "integers", CONV_IN, CONV_IN_AS ("\"I16\"", "[32,4,3,3]", "[0,2304]"), "expected elements of F32, F16 or BF16, found \"I16\"" },
  { "eight-bits", CONV_IN, CONV_IN_AS ("\"F8_E4M3\"", "[32,4,3,3]", "[0,1152]") ",\"unused\":{\"dtype\":\"U8\",\"shape\":[1152],\"data_offsets\":[1152,2304]}",
    "expected elements of F32, F16 or BF16, found \"F8_E4M3\"" },
  { "unknown-type", CONV_IN, CONV_IN_AS ("\"F17\"", "[32,4,3,3]", "[0,2304]"), "expected elements of F32, F16 or BF16, found \"F17\"" },
  { "other-channels", CONV_IN, CONV_IN_AS ("\"F16\"", "[64,2,3,3]", "[0,2304]"), "expected" },
  { "five-channels", CONV_IN, CONV_IN_AS ("\"F16\"", "[32,36]", "[0,2304]"), "expected 4 input channels, or 9 of a model for inpainting, found 36" },
  { "no-vae", "first_stage_model.decoder.mid.block_1.conv1.weight", "second_stage_model.decoder.mid.block_1.conv1.weight", "found a checkpoint without a VAE" },
  { "no-text-encoder", "text_model.embeddings.token_embedding.weight", "text_model.embeddings.token.weight", "found a checkpoint without a text encoder" },
  { "no-levels", UNET "input_blocks.1.0.in_layers.2.weight", UNET "input_blocks.1.0.in_layers.8.weight", "expected" },
};

static void
test_edit (gconstpointer data)
{
  const Edit      *edit = data;
  g_autofree char *path = g_build_filename (scratch, "edited.safetensors", NULL);
  g_autofree char *header = NULL;
  HdTestFile       file;

  hd_test_file_read (&file, single_file);
  header = hd_test_replace (file.header, edit->from, edit->to);
  hd_test_write_tensors (path, header, file.data, file.data_length);
  hd_test_file_clear (&file);
  assert_refused (path, path, edit->reason);
  g_unlink (path);
}

/* --- other files ------------------------------------------------------------------- */

#define EMPTY(name) "{\"" name "\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}}"

/* Named tensors of files that are no checkpoint of ours. */
static const struct { const char *name; const char *header; const char *reason; } foreign[] = {
  { "sd3", EMPTY ("model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight"), "found a Stable Diffusion 3 model" },
  { "flux", EMPTY ("double_blocks.0.img_attn.qkv.weight"), "found a Flux model" },
  { "flux-diffusers", EMPTY ("single_transformer_blocks.0.attn.to_q.weight"), "found a Flux model" },
  { "video", EMPTY ("model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.weight"), "found a Stable Video Diffusion model" },
  { "cascade", EMPTY ("clip_txt_mapper.weight"), "found a Stable Cascade model" },
  { "lora", EMPTY ("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"), "found a LoRA" },
  { "loha", EMPTY ("lora_unet_mid_block_attentions_0_proj_in.hada_w1_a"), "found a LoRA (LoHa)" },
  { "control-net", "{\"controlnet_cond_embedding.conv_in.weight\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}}", "found a ControlNet" },
  { "ip-adapter", EMPTY ("ip_adapter.1.to_k_ip.weight"), "found an IP-Adapter" },
  { "embedding", "{\"emb_params\":{\"dtype\":\"F16\",\"shape\":[0,768],\"data_offsets\":[0,0]}}", "found a textual inversion embedding" },
  { "vae", EMPTY ("decoder.mid_block.resnets.0.conv1.weight"), "found a VAE alone" },
  { "unet", EMPTY ("down_blocks.0.resnets.0.time_emb_proj.weight"), "found a UNet alone" },
  { "text-encoder", EMPTY ("text_model.embeddings.token_embedding.weight"), "found a text encoder alone" },
  { "averaged", EMPTY ("model_ema.diffusion_modelinput_blocks00weight"), "averaged weights (EMA)" },
  { "upscaler", EMPTY ("conv_first.weight"), "found an upscaling network" },
  { "unknown", EMPTY ("weight"), "found tensors of no model that is known here" },
  { "no-tensors", "{}", "found tensors of no model that is known here" },
};

static void
test_foreign (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (foreign); i++)
    {
      g_autofree char *name = g_strconcat (foreign[i].name, ".safetensors", NULL);
      g_autofree char *path = g_build_filename (scratch, name, NULL);

      hd_test_write_tensors (path, foreign[i].header, "", 0);
      assert_refused (path, path, foreign[i].reason);
      g_unlink (path);
    }
}

static void
test_other_formats (void)
{
  static const struct { const char *start; const char *reason; } formats[] = {
    { "PK\3\4archive/data.pkl, as PyTorch writes it", "found a PyTorch file (pickle)" },
    { "\x80\x02}q\x01(X\x05, an older pickle", "found a PyTorch file (pickle)" },
    { "GGUF\3", "expected a safetensors file" },
    { "GGUF\3 and so on", "found a GGUF file" },
    { "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "found a Git LFS pointer" },
    { "<!DOCTYPE html><html><body>Please log in</body></html>", "found a web page" },
    { "This is a text about models.", "expected a safetensors file" },
    { "{\"_class_name\": \"StableDiffusionPipeline\"}", "expected a safetensors file" },
    { "\x89PNG\r\n\x1a\n, a picture", "expected a safetensors file" },
  };
  g_autofree char *path = g_build_filename (scratch, "other.safetensors", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_assert_true (g_file_set_contents (path, formats[i].start, -1, NULL));
      assert_refused (path, path, formats[i].reason);
    }
  g_unlink (path);
}

static void
test_no_files (void)
{
  g_autofree char *nothing = g_build_filename (scratch, "nothing", NULL);
  g_autofree char *empty = g_build_filename (scratch, "empty", NULL);
  g_autofree char *pipe_path = g_build_filename (scratch, "pipe", NULL);
  g_autofree char *loop = g_build_filename (scratch, "loop", NULL);

  assert_refused (nothing, nothing, "found nothing of that name");
  assert_refused ("", "", "found nothing of that name");
  g_assert_cmpint (g_mkdir (empty, 0700), ==, 0);
  assert_refused (empty, empty, "expected a folder \"unet\" in it");
  g_assert_cmpint (mkfifo (pipe_path, 0600), ==, 0);
  assert_refused (pipe_path, pipe_path, "expected a file, found a pipe");
  assert_refused ("/dev/null", "/dev/null", "expected a file, found a device");
  g_assert_cmpint (symlink (loop, loop), ==, 0);
  assert_refused (loop, loop, "found nothing of that name");
}

/* --- a folder's files --------------------------------------------------------------- */

/* What is in FOLDER/NAME in place of what belongs there, and which file the message is about. */
static const struct { const char *file; const char *text; const char *reason; } texts[] = {
  { "model_index.json", "{\"_class_name\":", "expected JSON" },
  { "model_index.json", "{\"_class_name\":[]}", "expected a string" },
  { "unet/config.json", "", "expected a JSON object" },
  { "unet/config.json", "[]", "expected a JSON object" },
  { "unet/config.json", "{\"block_out_channels\":[]}", "as \"block_out_channels\", found []" },
  { "unet/config.json", "{\"block_out_channels\":[32,32,64,-64]}", "as \"block_out_channels\"" },
  { "unet/config.json", "{\"block_out_channels\":[32,32,64,64,64,64,64,64,64,64]}", "as \"block_out_channels\"" },
  { "unet/config.json", "{\"block_out_channels\":[33,32,64,64],\"attention_head_dim\":1}", "multiples of" },
  { "unet/config.json", "{\"block_out_channels\":[1e99]}", "as \"block_out_channels\"" },
  { "unet/config.json", "{\"norm_num_groups\":0}", "as \"norm_num_groups\", found 0" },
  { "unet/config.json", "{\"attention_head_dim\":7}", "as \"attention_head_dim\"" },
  { "unet/config.json", "{\"layers_per_block\":1000000000}", "as \"layers_per_block\"" },
  { "unet/config.json", "{\"_class_name\":\"FluxTransformer2DModel\"}", "expected \"UNet2DConditionModel\"" },
  { "unet/config.json", "{\"down_block_types\":[\"AttnDownBlock2D\"]}", "as \"down_block_types\"" },
  { "unet/config.json", "{\"in_channels\":5,\"cross_attention_dim\":48}", "expected 4 input channels, or 9 of a model for inpainting" },
  { "unet/config.json", "{\"cross_attention_dim\":768}", "expected the text encoder's 48 channels for cross-attention, found 768" },
  { "unet/config.json", "{\"addition_embed_type\":\"text_time\"}", "expected 2 text encoders for this UNet, found 1" },
  { "unet/config.json", "{\"block_out_channels\":[64,64,64,64],\"cross_attention_dim\":48}", "expected" },
  { "vae/config.json", "{\"latent_channels\":16}", "expected 4 latent channels" },
  { "vae/config.json", "{\"scaling_factor\":\"NaN\"}", "as \"scaling_factor\"" },
  { "vae/config.json", "{\"block_out_channels\":[32,32]}", "expected" },
  { "vae/config.json", "{\"_class_name\":\"AutoencoderTiny\"}", "expected \"AutoencoderKL\"" },
  { "text_encoder/config.json", "{\"hidden_size\":0}", "as \"hidden_size\", found 0" },
  { "text_encoder/config.json", "{\"hidden_act\":\"relu\"}", "as \"hidden_act\", found \"relu\"" },
  { "text_encoder/config.json", "{\"model_type\":\"t5\"}", "as \"model_type\", found \"t5\"" },
  { "text_encoder/config.json", "{\"hidden_size\":48,\"max_position_embeddings\":8}", "expected at least 77 positions, found 8" },
  { "text_encoder/config.json", "{\"hidden_size\":48,\"num_attention_heads\":4,\"num_hidden_layers\":3,\"intermediate_size\":192}",
    "expected a tensor text_model.encoder.layers.2" },
  { "scheduler/scheduler_config.json", "{\"prediction_type\":\"flow\"}", "as \"prediction_type\", found \"flow\"" },
  { "scheduler/scheduler_config.json", "{\"beta_start\":0.5,\"beta_end\":0.1}", "at least \"beta_start\"" },
  { "scheduler/scheduler_config.json", "{\"num_train_timesteps\":-1}", "as \"num_train_timesteps\", found -1" },
  { "scheduler/scheduler_config.json", "null", "expected a JSON object" },
  { "hidiffusion.json", "{\"schema_version\":2}", "as \"schema_version\", found 2" },
  { "hidiffusion.json", "{\"schema_version\":1,\"normal\":{\"d4\":2,\"p2\":0}}", "as \"d4\", found 2" },
  { "tokenizer/vocab.json", "{}", "expected the file merges.txt, found none" },
};

static void
test_texts (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *path = g_build_filename (folder, texts[i].file, NULL);
      g_autofree char *before = NULL;

      g_file_get_contents (path, &before, NULL, NULL);
      hd_test_write_text (folder, texts[i].file, texts[i].text);
      assert_refused (folder, folder, texts[i].reason);
      if (before != NULL)
        hd_test_write_text (folder, texts[i].file, before);
      else
        g_unlink (path);
    }
}

static void
test_damaged_tokenizer (void)
{
  g_autofree char *tokenizer = g_build_filename (folder, "tokenizer", NULL);

  hd_test_write_text (folder, "tokenizer/merges.txt", "#version: 0.2\na b\n");
  hd_test_write_text (folder, "tokenizer/vocab.json", "{\"a\":1}");
  assert_refused (folder, "tokenizer/vocab.json", "expected the token \"<|startoftext|>\"");
  hd_test_write_text (folder, "tokenizer/vocab.json", "{\"<|startoftext|>\":999999,\"<|endoftext|>\":1}");
  assert_refused (folder, "text_encoder", "expected embeddings for the tokenizer's 1000000 tokens");
  hd_test_remove (tokenizer);
}

static void
test_damaged_weights (void)
{
  static const char * const names[] = {
    "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);
      g_autofree char *contents = NULL;
      gsize            length;

      g_assert_true (g_file_get_contents (path, &contents, &length, NULL));
      g_assert_true (g_file_set_contents (path, contents, (gssize) length / 2, NULL));
      assert_refused (folder, path, "downloaded in part");
      g_unlink (path);
      assert_refused (folder, folder, "expected the file");
      g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
      assert_refused (folder, folder, "expected the file");
      g_rmdir (path);
      g_assert_true (g_file_set_contents (path, contents, (gssize) length, NULL));
    }
}

static void
test_damaged_index (void)
{
  static const struct { const char *text; const char *reason; } indices[] = {
    { "{\"weight_map\":{\"conv_in.weight\":\"../vae/diffusion_pytorch_model.safetensors\"}}", "in the same folder, found" },
    { "{\"weight_map\":{\"conv_in.weight\":\"/etc/passwd.safetensors\"}}", "in the same folder, found" },
    { "{\"weight_map\":{\"conv_in.weight\":7}}", "in the same folder, found 7" },
    { "{\"weight_map\":{\"conv_in.weight\":\"a-1-of-2.safetensors\"}}", "which the index beside it lists, found none" },
    { "{\"weight_map\":[]}", "as \"weight_map\", found []" },
    { "{}", "as \"weight_map\", found nothing" },
  };
  g_autofree char *path = g_build_filename (folder, "unet/diffusion_pytorch_model.safetensors", NULL);
  g_autofree char *away = g_build_filename (folder, "unet/away", NULL);
  g_autofree char *index = g_build_filename (folder, "unet/diffusion_pytorch_model.safetensors.index.json", NULL);

  g_assert_cmpint (g_rename (path, away), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (indices); i++)
    {
      hd_test_write_text (folder, "unet/diffusion_pytorch_model.safetensors.index.json", indices[i].text);
      assert_refused (folder, folder, indices[i].reason);
    }
  g_unlink (index);
  g_assert_cmpint (g_rename (away, path), ==, 0);
}

/* The second text encoder and the sizes that SDXL is told. */
static void
test_sdxl (void)
{
  static const struct { const char *file; const char *text; const char *reason; } cases[] = {
    { "text_encoder_2/config.json", "{\"hidden_size\":96}", "expected the text encoders' 144 channels for cross-attention, found 128" },
    { "text_encoder_2/config.json", "{\"hidden_size\":80,\"num_attention_heads\":4,\"projection_dim\":64}", "expected a size embedding of the pooled text's 64 channels" },
    { "unet/config.json", "{\"addition_embed_type\":\"text_time\",\"addition_time_embed_dim\":-1}", "as \"addition_time_embed_dim\", found -1" },
    { "unet/config.json", "{\"cross_attention_dim\":128}", "expected 1 text encoder for this UNet, found 2" },
  };
  g_autofree char *second = g_build_filename (folder_xl, "text_encoder_2", NULL);
  g_autofree char *away = g_build_filename (folder_xl, "away", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_build_filename (folder_xl, cases[i].file, NULL);
      g_autofree char *before = NULL;

      g_assert_true (g_file_get_contents (path, &before, NULL, NULL));
      hd_test_write_text (folder_xl, cases[i].file, cases[i].text);
      assert_refused (folder_xl, folder_xl, cases[i].reason);
      hd_test_write_text (folder_xl, cases[i].file, before);
    }

  g_assert_cmpint (g_rename (second, away), ==, 0);
  assert_refused (folder_xl, folder_xl, "\"text_encoder_2\" is missing");
  g_assert_cmpint (g_rename (away, second), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *single_folder = NULL;
  int              status;

  g_test_init (&argc, &argv, NULL);
  scratch = g_dir_make_tmp ("hd-damaged-XXXXXX", NULL);
  single_folder = hd_test_make_model (scratch, "sd15-single-file");
  single_file = g_build_filename (single_folder, "sd15.safetensors", NULL);
  folder = hd_test_make_model (scratch, "sd15");
  folder_xl = hd_test_make_model (scratch, "sdxl");

  g_test_add_func ("/damaged-models/sound", test_sound);
  for (guint i = 0; i < G_N_ELEMENTS (byte_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/damaged-models/bytes/", byte_cases[i].name, NULL);

      g_test_add_data_func (path, &byte_cases[i], test_bytes);
    }
  g_test_add_func ("/damaged-models/bytes/longer", test_longer);
  for (guint i = 0; i < G_N_ELEMENTS (edits); i++)
    {
      g_autofree char *path = g_strconcat ("/damaged-models/header/", edits[i].name, NULL);

      g_test_add_data_func (path, &edits[i], test_edit);
    }
  g_test_add_func ("/damaged-models/foreign", test_foreign);
  g_test_add_func ("/damaged-models/other-formats", test_other_formats);
  g_test_add_func ("/damaged-models/no-files", test_no_files);
  g_test_add_func ("/damaged-models/texts", test_texts);
  g_test_add_func ("/damaged-models/tokenizer", test_damaged_tokenizer);
  g_test_add_func ("/damaged-models/weights", test_damaged_weights);
  g_test_add_func ("/damaged-models/index", test_damaged_index);
  g_test_add_func ("/damaged-models/sdxl", test_sdxl);
  /* the models are as they were */
  g_test_add_func ("/damaged-models/sound-again", test_sound);

  status = g_test_run ();
  hd_test_remove (scratch);
  g_free (scratch);
  g_free (single_file);
  g_free (folder);
  g_free (folder_xl);

  return status;
}
