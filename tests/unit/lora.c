/* SPDX-License-Identifier: Apache-2.0 */

/* LoRA files of every naming are understood and found; damaged and foreign ones give an error that says what is
 * wrong. */

#include <unistd.h>

#include "tests/unit/lora_file.h"

#define STEM "lora_unet_up_blocks_0_resnets_0_conv1"
#define QUERY "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"

/* --- names --------------------------------------------------------------------- */

typedef struct
{
  const char *down;      /* names in the LoRA's file */
  const char *up;
  HdLoraPart  part;
  const char *weight;    /* name in the model */
} Naming;

#define KOHYA(stem) stem ".lora_down.weight", stem ".lora_up.weight"
#define PEFT(stem) stem ".lora_A.weight", stem ".lora_B.weight"

static const Naming namings[] = {
  { KOHYA ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"), HD_LORA_UNET,
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight" },
  { KOHYA ("lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj"), HD_LORA_UNET,
    "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight" },
  { KOHYA ("lora_te_text_model_encoder_layers_3_self_attn_q_proj"), HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.3.self_attn.q_proj.weight" },
  { KOHYA ("lora_te_text_model_encoder_layers_3_self_attn_q_proj"), HD_LORA_TEXT_ENCODER,
    "encoder.layers.3.self_attn.q_proj.weight" },
  { KOHYA ("lora_te1_text_model_encoder_layers_11_mlp_fc1"), HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.11.mlp.fc1.weight" },
  { KOHYA ("lora_te2_text_model_encoder_layers_31_mlp_fc2"), HD_LORA_TEXT_ENCODER_2,
    "text_model.encoder.layers.31.mlp.fc2.weight" },
  { KOHYA ("lora_te2_text_projection"), HD_LORA_TEXT_ENCODER_2, "text_projection.weight" },
  { KOHYA ("lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_out_0"), HD_LORA_UNET,
    "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_out.0.weight" },
  { KOHYA ("lora_unet_input_blocks_8_1_proj_in"), HD_LORA_UNET, "down_blocks.2.attentions.1.proj_in.weight" },
  { KOHYA ("lora_unet_input_blocks_0_0"), HD_LORA_UNET, "conv_in.weight" },
  { KOHYA ("lora_unet_input_blocks_1_0_in_layers_2"), HD_LORA_UNET, "down_blocks.0.resnets.0.conv1.weight" },
  { KOHYA ("lora_unet_input_blocks_5_0_out_layers_3"), HD_LORA_UNET, "down_blocks.1.resnets.1.conv2.weight" },
  { KOHYA ("lora_unet_input_blocks_4_0_skip_connection"), HD_LORA_UNET,
    "down_blocks.1.resnets.0.conv_shortcut.weight" },
  { KOHYA ("lora_unet_input_blocks_10_0_emb_layers_1"), HD_LORA_UNET, "down_blocks.3.resnets.0.time_emb_proj.weight" },
  { KOHYA ("lora_unet_input_blocks_6_0_op"), HD_LORA_UNET, "down_blocks.1.downsamplers.0.conv.weight" },
  { KOHYA ("lora_unet_middle_block_0_in_layers_2"), HD_LORA_UNET, "mid_block.resnets.0.conv1.weight" },
  { KOHYA ("lora_unet_middle_block_1_proj_out"), HD_LORA_UNET, "mid_block.attentions.0.proj_out.weight" },
  { KOHYA ("lora_unet_middle_block_2_out_layers_3"), HD_LORA_UNET, "mid_block.resnets.1.conv2.weight" },
  { KOHYA ("lora_unet_output_blocks_2_1_transformer_blocks_9_attn1_to_k"), HD_LORA_UNET,
    "up_blocks.0.attentions.2.transformer_blocks.9.attn1.to_k.weight" },
  { KOHYA ("lora_unet_output_blocks_2_1_conv"), HD_LORA_UNET, "up_blocks.0.upsamplers.0.conv.weight" },
  { KOHYA ("lora_unet_output_blocks_5_2_conv"), HD_LORA_UNET, "up_blocks.1.upsamplers.0.conv.weight" },
  { KOHYA ("lora_unet_output_blocks_7_0_skip_connection"), HD_LORA_UNET,
    "up_blocks.2.resnets.1.conv_shortcut.weight" },
  { KOHYA ("lora_unet_time_embed_2"), HD_LORA_UNET, "time_embedding.linear_2.weight" },
  { KOHYA ("lora_unet_label_emb_0_0"), HD_LORA_UNET, "add_embedding.linear_1.weight" },
  { KOHYA ("lora_unet_out_2"), HD_LORA_UNET, "conv_out.weight" },
  { PEFT ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"), HD_LORA_UNET,
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight" },
  { PEFT ("unet.up_blocks.1.resnets.0.conv_shortcut"), HD_LORA_UNET, "up_blocks.1.resnets.0.conv_shortcut.weight" },
  { PEFT ("text_encoder.text_model.encoder.layers.0.self_attn.out_proj"), HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.0.self_attn.out_proj.weight" },
  { PEFT ("text_encoder_2.text_model.encoder.layers.0.mlp.fc1"), HD_LORA_TEXT_ENCODER_2,
    "text_model.encoder.layers.0.mlp.fc1.weight" },
  { PEFT ("base_model.model.down_blocks.0.attentions.1.proj_in"), HD_LORA_UNET,
    "down_blocks.0.attentions.1.proj_in.weight" },
  { PEFT ("base_model.model.unet.mid_block.attentions.0.proj_in"), HD_LORA_UNET,
    "mid_block.attentions.0.proj_in.weight" },
  { PEFT ("base_model.model.text_model.encoder.layers.2.mlp.fc2"), HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.2.mlp.fc2.weight" },
  { PEFT ("diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_v"), HD_LORA_UNET,
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v.weight" },
  { "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.lora_A.default.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.lora_B.default.weight", HD_LORA_UNET,
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight" },
  { "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.lora.down.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.lora.up.weight", HD_LORA_UNET,
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight" },
  { "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.down.weight",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight", HD_LORA_UNET,
    "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.weight" },
  { "up_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_v_lora.down.weight",
    "up_blocks.1.attentions.0.transformer_blocks.0.attn2.processor.to_v_lora.up.weight", HD_LORA_UNET,
    "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v.weight" },
  { "text_encoder.text_model.encoder.layers.5.self_attn.k_proj.lora_linear_layer.down.weight",
    "text_encoder.text_model.encoder.layers.5.self_attn.k_proj.lora_linear_layer.up.weight", HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.5.self_attn.k_proj.weight" },
  { "text_encoder.text_model.encoder.layers.5.self_attn.to_out_lora.down.weight",
    "text_encoder.text_model.encoder.layers.5.self_attn.to_out_lora.up.weight", HD_LORA_TEXT_ENCODER,
    "text_model.encoder.layers.5.self_attn.out_proj.weight" },
};

static void
test_naming (Fixture    *fixture,
             const void *data)
{
  const Naming       *naming = data;
  const Weight        weight = { naming->weight, naming->part, 2, { 5, 7 } };
  const Weight        other = { naming->weight, (naming->part + 1) % HD_N_LORA_PARTS, 2, { 5, 7 } };
  g_autofree double  *change = g_new0 (double, 5 * 7);
  Tensor             *down = add (&fixture->file, HD_DTYPE_F16, naming->down, 3, 7);
  Tensor             *up = add (&fixture->file, HD_DTYPE_BF16, naming->up, 5, 3);
  g_autoptr (GError)  error = NULL;
  g_auto (GStrv)      unused = NULL;

  open_lora (fixture, 0.75, 0.75);
  unused = hd_weight_patches_get_unused (fixture->patches, 0);
  g_assert_cmpuint (g_strv_length (unused), ==, 1);
  g_assert_cmpstr (unused[0], ==, naming->down);

  assert_unchanged (fixture, &other);
  g_assert_false (hd_weight_patches_finish (fixture->patches, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  g_clear_error (&error);

  add_product (change, 0.75, up, down);
  assert_changed (fixture, &weight, change);
  g_assert_true (hd_weight_patches_finish (fixture->patches, &error));
  g_strfreev (unused);
  unused = hd_weight_patches_get_unused (fixture->patches, 0);
  g_assert_cmpuint (g_strv_length (unused), ==, 0);
}

/* --- what is refused ------------------------------------------------------------- */

static void
assert_refused (Fixture    *fixture,
                int         code,
                const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HdLora) lora = NULL;

  write_file (&fixture->file, fixture->path);
  lora = hd_lora_open (fixture->path, &error);
  g_assert_null (lora);
  g_assert_error (error, HD_ENGINE_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  if (strstr (error->message, reason) == NULL)
    g_error ("expected \"%s\", found: %s", reason, error->message);
}

static void
test_missing (Fixture    *fixture,
              const void *which)
{
  g_autofree char *name = g_strconcat (QUERY, which, NULL);

  add (&fixture->file, HD_DTYPE_F16, name, 4, 4);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected another of the same layer, as");
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, name);
}

static void
test_ranks (Fixture    *fixture,
            const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 3);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected 4 as its side 2");
}

static void
test_sides (Fixture    *fixture,
            const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected a shape of 2 to 4 sides, found 1");
}

static void
test_empty_side (Fixture    *fixture,
                 const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 0, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 0);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected sides from 1 to");
}

static void
test_kernel_of_up (Fixture    *fixture,
                   const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_down.weight", 4, 6, 3, 3);
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_up.weight", 50, 4, 3, 3);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected 1 as its side 3");
}

static void
test_core_sides (Fixture    *fixture,
                 const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_down.weight", 2, 6, 1, 1);
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_mid.weight", 4, 3, 3, 3);
  add (&fixture->file, HD_DTYPE_F16, STEM ".lora_up.weight", 50, 4, 1, 1);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected 2 as its side 2");
}

static void
test_loha_sides (Fixture    *fixture,
                 const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_a", 50, 4);
  add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w1_b", 4, 54);
  add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_a", 50, 4);
  add (&fixture->file, HD_DTYPE_F16, STEM ".hada_w2_b", 4, 53);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected a matrix of 50 x 54, as the first of LoHa's, found 50 x 53");
}

static void
test_two_kinds (Fixture    *fixture,
                const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".diff", 100, 41);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected one kind of change for its layer, found two");
}

static void
test_twice (Fixture    *fixture,
            const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
       4, 41);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected once, found the same as");
}

static void
test_alpha (Fixture    *fixture,
            const void *value)
{
  double              alpha = g_ascii_strtod (value, NULL);
  g_autofree char    *found = g_strdup_printf ("expected a number of at most 65504, found %g", alpha);
  Tensor             *tensor;

  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  tensor = add_sides (&fixture->file, HD_DTYPE_F32, QUERY ".alpha", 0, NULL);
  tensor->values[0] = (float) alpha;
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, found);
}

static void
test_metadata (Fixture    *fixture,
               const void *metadata)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  fixture->file.metadata = metadata;
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "lora_adapter_metadata");
}

static void
test_alpha_list (Fixture    *fixture,
                 const void *data)
{
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 4, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 4);
  add (&fixture->file, HD_DTYPE_F32, QUERY ".alpha", 1, 2);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected one number, found a tensor of 2 sides");
}

static void
test_alpha_alone (Fixture    *fixture,
                  const void *data)
{
  add_alpha (&fixture->file, QUERY ".alpha", 1.0f);
  assert_refused (fixture, HD_ENGINE_ERROR_FILE, "expected another of the same layer, as \".lora_down.weight\"");
}

typedef struct
{
  const char *tensor;
  const char *reason;
} Refusal;

static const Refusal refusals[] = {
  { QUERY ".dora_scale", "found the kind DoRA" },
  { "unet.mid_block.attentions.0.proj_in.lora_magnitude_vector", "found the kind DoRA" },
  { QUERY ".oft_blocks", "found the kind OFT" },
  { QUERY ".a1.weight", "found the kind GLoRA" },
  { "unet.conv_in.lora_B.bias", "found the kind LoRA with biases" },
  { "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", "found one for Flux" },
  { "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "found one for Flux" },
  { "lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight", "found one for Stable Diffusion 3" },
  { "transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "found one for another kind of network" },
  { "model.diffusion_model.input_blocks.0.0.weight", "found 1 tensors as \"model.diffusion_model.input_blocks.0.0" },
};

static void
test_refusal (Fixture    *fixture,
              const void *data)
{
  const Refusal *refusal = data;

  add (&fixture->file, HD_DTYPE_F16, refusal->tensor, 4, 4);
  assert_refused (fixture, HD_ENGINE_ERROR_MODEL, refusal->reason);
}

static void
test_no_tensor (Fixture    *fixture,
                const void *data)
{
  assert_refused (fixture, HD_ENGINE_ERROR_MODEL, "found none");
}

/* --- families -------------------------------------------------------------------- */

static void
assert_family (Fixture  *fixture,
               gboolean  known,
               HdFamily  expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HdLora) lora = NULL;
  HdFamily           family;

  write_file (&fixture->file, fixture->path);
  lora = hd_lora_open (fixture->path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (hd_lora_get_family (lora, &family), ==, known);
  if (known)
    g_assert_cmpint (family, ==, expected);
}

static void
test_family (Fixture    *fixture,
             const void *data)
{
  const char *stem = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v";
  const struct { int channels; HdFamily family; } families[] = {
    { 768, HD_FAMILY_SD1 }, { 1024, HD_FAMILY_SD2 }, { 2048, HD_FAMILY_SDXL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autofree char *down = g_strconcat (stem, ".lora_A.weight", NULL);
      g_autofree char *up = g_strconcat (stem, ".lora_B.weight", NULL);

      file_clear (&fixture->file);
      file_init (&fixture->file, 1);
      add (&fixture->file, HD_DTYPE_F16, down, 2, families[i].channels);
      add (&fixture->file, HD_DTYPE_F16, up, 10, 2);
      assert_family (fixture, TRUE, families[i].family);
    }

  file_clear (&fixture->file);
  file_init (&fixture->file, 1);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_down.weight", 2, 41);
  add (&fixture->file, HD_DTYPE_F16, QUERY ".lora_up.weight", 100, 2);
  assert_family (fixture, FALSE, HD_FAMILY_SD1);
  fixture->file.metadata = "{\"ss_base_model_version\":\"sd_v2_768_v\"}";
  assert_family (fixture, TRUE, HD_FAMILY_SD2);
  fixture->file.metadata = "{\"modelspec.architecture\":\"stable-diffusion-xl-v1-base/lora\"}";
  assert_family (fixture, TRUE, HD_FAMILY_SDXL);
}

/* --- finding --------------------------------------------------------------------- */

static char *
touch (const char *folder,
       const char *name)
{
  char            *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));

  return path;
}

static void
assert_found (const char         *name,
              const char * const *folders,
              const char         *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *path = hd_lora_find (name, folders, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, expected);
}

static void
test_find (Fixture    *fixture,
           const void *data)
{
  const char * const  folders[] = { "/nonexistent", fixture->folder, NULL };
  g_autofree char    *inner = g_build_filename (fixture->folder, "styles", NULL);
  g_autofree char    *more_detail = touch (fixture->folder, "more_detail.safetensors");
  g_autofree char    *ink = touch (fixture->folder, "styles/Ink.safetensors");
  g_autofree char    *loop = g_build_filename (inner, "loop", NULL);
  g_autoptr (GError)  error = NULL;

  g_assert_cmpint (symlink (fixture->folder, loop), ==, 0);
  assert_found ("more_detail", folders, more_detail);
  assert_found ("more_detail.safetensors", folders, more_detail);
  assert_found ("Ink", folders, ink);
  assert_found ("ink", folders, ink);
  assert_found ("styles/Ink", folders, ink);
  assert_found ("ink", (const char * const []) { more_detail, ink, NULL }, ink);

  g_assert_null (hd_lora_find ("more_detial", folders, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_nonnull (strstr (error->message, "more_detial"));
  g_assert_nonnull (strstr (error->message, "only similar names: more_detail"));
  g_clear_error (&error);
  g_assert_null (hd_lora_find ("detail\xff", folders, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);
  g_assert_null (hd_lora_find ("", folders, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);
  g_clear_error (&error);
  g_assert_null (hd_lora_find ("../style", folders, &error));
  g_assert_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST);

  g_unlink (loop);
  g_unlink (more_detail);
  g_unlink (ink);
  g_rmdir (inner);
}

/* --- all ------------------------------------------------------------------------- */

static void
add_tables (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (namings); i++)
    {
      g_autofree char *name = g_strdup_printf ("naming/%d/%s", (int) i, namings[i].weight);

      add_test (name, &namings[i], test_naming);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *name = g_strdup_printf ("refusal/%d/%s", (int) i, refusals[i].tensor);

      add_test (name, &refusals[i], test_refusal);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_tables ();
  add_test ("missing/up", ".lora_down.weight", test_missing);
  add_test ("missing/down", ".lora_up.weight", test_missing);
  add_test ("missing/core-alone", ".lora_mid.weight", test_missing);
  add_test ("missing/loha", ".hada_w1_a", test_missing);
  add_test ("missing/lokr", ".lokr_w1", test_missing);
  add_test ("ranks", NULL, test_ranks);
  add_test ("sides", NULL, test_sides);
  add_test ("empty-side", NULL, test_empty_side);
  add_test ("kernel-of-up", NULL, test_kernel_of_up);
  add_test ("core-sides", NULL, test_core_sides);
  add_test ("loha-sides", NULL, test_loha_sides);
  add_test ("two-kinds", NULL, test_two_kinds);
  add_test ("twice", NULL, test_twice);
  add_test ("alpha/nan", "nan", test_alpha);
  add_test ("alpha/infinite", "inf", test_alpha);
  add_test ("alpha/huge", "1e30", test_alpha);
  add_test ("alpha/huge-negative", "-70000", test_alpha);
  add_test ("alpha/list", NULL, test_alpha_list);
  add_test ("alpha/metadata/no-json", "{\"lora_adapter_metadata\":\"unet\"}", test_metadata);
  add_test ("alpha/metadata/huge", "{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\":1e40}\"}", test_metadata);
  add_test ("alpha/metadata/text", "{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\":\\\"\\\"}\"}",
            test_metadata);
  add_test ("alpha/alone", NULL, test_alpha_alone);
  add_test ("no-tensor", NULL, test_no_tensor);
  add_test ("family", NULL, test_family);
  add_test ("find", NULL, test_find);

  return g_test_run ();
}
