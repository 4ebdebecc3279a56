/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/lora_names.h"

/* --- roles --------------------------------------------------------------------- */

/* Ends of names. The first spelling of a role is the one for messages. */
static const struct { const char *suffix; HdLoraRole role; } role_suffixes[] = {
  { ".lora_down.weight", HD_LORA_DOWN },
  { ".lora_up.weight", HD_LORA_UP },
  { ".lora_mid.weight", HD_LORA_MID },
  { ".alpha", HD_LORA_ALPHA },
  { ".lora_A.weight", HD_LORA_DOWN },
  { ".lora_B.weight", HD_LORA_UP },
  { ".lora_A.default.weight", HD_LORA_DOWN },
  { ".lora_B.default.weight", HD_LORA_UP },
  { ".lora_linear_layer.down.weight", HD_LORA_DOWN },
  { ".lora_linear_layer.up.weight", HD_LORA_UP },
  { ".lora.down.weight", HD_LORA_DOWN },
  { ".lora.up.weight", HD_LORA_UP },
  { "_lora.down.weight", HD_LORA_DOWN },
  { "_lora.up.weight", HD_LORA_UP },
  { ".hada_w1_a", HD_LORA_HADA_W1_A },
  { ".hada_w1_b", HD_LORA_HADA_W1_B },
  { ".hada_t1", HD_LORA_HADA_T1 },
  { ".hada_w2_a", HD_LORA_HADA_W2_A },
  { ".hada_w2_b", HD_LORA_HADA_W2_B },
  { ".hada_t2", HD_LORA_HADA_T2 },
  { ".lokr_w1", HD_LORA_LOKR_W1 },
  { ".lokr_w1_a", HD_LORA_LOKR_W1_A },
  { ".lokr_w1_b", HD_LORA_LOKR_W1_B },
  { ".lokr_w2", HD_LORA_LOKR_W2 },
  { ".lokr_w2_a", HD_LORA_LOKR_W2_A },
  { ".lokr_w2_b", HD_LORA_LOKR_W2_B },
  { ".lokr_t2", HD_LORA_LOKR_T2 },
  { ".diff", HD_LORA_DIFF },
  { ".diff_b", HD_LORA_DIFF_BIAS },
  { ".w_norm", HD_LORA_DIFF },
  { ".b_norm", HD_LORA_DIFF_BIAS },
};

/* Parts of names that no other kind has. */
static const struct { const char *mark; const char *kind; } unsupported_marks[] = {
  { ".dora_scale", "DoRA" },
  { ".lora_magnitude_vector", "DoRA" },
  { ".lora_A.bias", "LoRA with biases" },
  { ".lora_B.bias", "LoRA with biases" },
  { ".lora_embedding_A", "LoRA of embeddings" },
  { ".lora_embedding_B", "LoRA of embeddings" },
  { ".oft_blocks", "OFT" },
  { ".oft_diag", "OFT" },
  { ".oft_r.", "OFT" },
  { ".boft_", "BOFT" },
  { ".on_input", "IA3" },
  { ".a1.weight", "GLoRA" },
  { ".b1.weight", "GLoRA" },
  { ".set_weight", "LoRA that replaces weights" },
  { ".reshape_weight", "LoRA that changes shapes" },
};

const char *
hd_lora_role_suffix (HdLoraRole role)
{
  for (gsize i = 0; i < G_N_ELEMENTS (role_suffixes); i++)
    if (role_suffixes[i].role == role)
      return role_suffixes[i].suffix;

  g_return_val_if_reached ("");
}

static const char *
find_unsupported (const char *tensor)
{
  for (gsize i = 0; i < G_N_ELEMENTS (unsupported_marks); i++)
    if (strstr (tensor, unsupported_marks[i].mark) != NULL)
      return unsupported_marks[i].kind;

  return NULL;
}

/* (transfer full): @tensor without the end that tells its role; NULL if none does. */
static char *
split_role (const char *tensor,
            HdLoraRole *role)
{
  for (gsize i = 0; i < G_N_ELEMENTS (role_suffixes); i++)
    if (g_str_has_suffix (tensor, role_suffixes[i].suffix))
      {
        *role = role_suffixes[i].role;
        return g_strndup (tensor, strlen (tensor) - strlen (role_suffixes[i].suffix));
      }

  return NULL;
}

/* --- networks ------------------------------------------------------------------ */

/* Beginnings of names; a kept one belongs to the layer's name. */
static const struct { const char *prefix; HdLoraPart part; gboolean kept; } part_prefixes[] = {
  { "lora_unet_", HD_LORA_UNET },
  { "lora_te_", HD_LORA_TEXT_ENCODER },
  { "lora_te1_", HD_LORA_TEXT_ENCODER },
  { "lora_te2_", HD_LORA_TEXT_ENCODER_2 },
  { "lycoris_", HD_LORA_UNET },
  { "unet.", HD_LORA_UNET },
  { "text_encoder.", HD_LORA_TEXT_ENCODER },
  { "text_encoder_2.", HD_LORA_TEXT_ENCODER_2 },
  { "model.diffusion_model.", HD_LORA_UNET },
  { "diffusion_model.", HD_LORA_UNET },
  { "text_model.", HD_LORA_TEXT_ENCODER, TRUE },
  { "conv_in.", HD_LORA_UNET, TRUE },
  { "time_embedding.", HD_LORA_UNET, TRUE },
  { "add_embedding.", HD_LORA_UNET, TRUE },
  { "down_blocks.", HD_LORA_UNET, TRUE },
  { "mid_block.", HD_LORA_UNET, TRUE },
  { "up_blocks.", HD_LORA_UNET, TRUE },
  { "conv_out.", HD_LORA_UNET, TRUE },
};

static const char *
skip_prefix (const char *text,
             const char *prefix)
{
  return g_str_has_prefix (text, prefix) ? text + strlen (prefix) : NULL;
}

/* The layer's name behind what tells its network; NULL if that is none of ours. */
static const char *
split_part (const char *stem,
            HdLoraPart *part)
{
  const char *rest = skip_prefix (stem, "base_model.model.");

  stem = rest != NULL ? rest : stem;
  for (gsize i = 0; i < G_N_ELEMENTS (part_prefixes); i++)
    {
      rest = skip_prefix (stem, part_prefixes[i].prefix);
      if (rest != NULL)
        {
          *part = part_prefixes[i].part;
          return part_prefixes[i].kept ? stem : rest;
        }
    }

  return NULL;
}

/* --- the original blocks' names ------------------------------------------------ */

/* A number and the "_" behind it; -1 if there is none. */
static int
read_index (const char **text)
{
  int value = 0;
  int digits = 0;

  for (; g_ascii_isdigit (**text) && digits < 4; (*text)++, digits++)
    value = value * 10 + g_ascii_digit_value (**text);
  if (digits == 0 || **text != '_')
    return -1;
  (*text)++;

  return value;
}

static const char *
translate (const char          *name,
           const char * const (*table)[2],
           gsize                n)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (name, table[i][0]))
      return table[i][1];

  return NULL;
}

static char *
translate_resnet (const char *block,
                  int         index,
                  const char *rest)
{
  static const char * const layers[][2] = {
    { "in_layers_0", "norm1" }, { "in_layers_2", "conv1" }, { "emb_layers_1", "time_emb_proj" },
    { "out_layers_0", "norm2" }, { "out_layers_3", "conv2" }, { "skip_connection", "conv_shortcut" },
  };
  const char *layer = translate (rest, layers, G_N_ELEMENTS (layers));

  return layer != NULL ? g_strdup_printf ("%s_resnets_%d_%s", block, index, layer) : NULL;
}

/* input_blocks_I_J: 0 is the first convolution; of every three that follow two are a resnet (J = 0) with its
 * attention (J = 1), the third is the downsampler. */
static char *
translate_input_block (const char *rest)
{
  int              i = read_index (&rest);
  int              j = i >= 0 ? g_ascii_digit_value (rest[0]) : -1;
  g_autofree char *block = g_strdup_printf ("down_blocks_%d", (i - 1) / 3);

  if (i == 0 && g_str_equal (rest, "0"))
    return g_strdup ("conv_in");
  if (i < 1 || j < 0 || rest[1] != '_')
    return NULL;

  rest += 2;
  if ((i - 1) % 3 == 2)
    return j == 0 && g_str_equal (rest, "op") ? g_strdup_printf ("%s_downsamplers_0_conv", block) : NULL;
  if (j == 0)
    return translate_resnet (block, (i - 1) % 3, rest);

  return j == 1 ? g_strdup_printf ("%s_attentions_%d_%s", block, (i - 1) % 3, rest) : NULL;
}

static char *
translate_middle_block (const char *rest)
{
  int i = read_index (&rest);

  if (i == 1)
    return g_strdup_printf ("mid_block_attentions_0_%s", rest);

  return i == 0 || i == 2 ? translate_resnet ("mid_block", i / 2, rest) : NULL;
}

/* output_blocks_I_J: three to a block, a resnet each, and then its attention, the upsampler, or both. */
static char *
translate_output_block (const char *rest)
{
  int              i = read_index (&rest);
  int              j = i >= 0 ? read_index (&rest) : -1;
  g_autofree char *block = g_strdup_printf ("up_blocks_%d", i / 3);

  if (j < 0)
    return NULL;
  if (j == 0)
    return translate_resnet (block, i % 3, rest);
  if (g_str_equal (rest, "conv"))
    return g_strdup_printf ("%s_upsamplers_0_conv", block);

  return j == 1 ? g_strdup_printf ("%s_attentions_%d_%s", block, i % 3, rest) : NULL;
}

/* (transfer full): diffusers' name of the UNet's layer @name; NULL if it is not an original name. */
static char *
translate_original (const char *name)
{
  static const char * const others[][2] = {
    { "time_embed_0", "time_embedding_linear_1" }, { "time_embed_2", "time_embedding_linear_2" },
    { "label_emb_0_0", "add_embedding_linear_1" }, { "label_emb_0_2", "add_embedding_linear_2" },
    { "out_0", "conv_norm_out" }, { "out_2", "conv_out" },
  };
  const char *rest;

  if ((rest = skip_prefix (name, "input_blocks_")) != NULL)
    return translate_input_block (rest);
  if ((rest = skip_prefix (name, "middle_block_")) != NULL)
    return translate_middle_block (rest);
  if ((rest = skip_prefix (name, "output_blocks_")) != NULL)
    return translate_output_block (rest);

  return g_strdup (translate (name, others, G_N_ELEMENTS (others)));
}

/* --- layers -------------------------------------------------------------------- */

char *
hd_lora_layer_name (HdLoraPart  part,
                    const char *name)
{
  char       *layer = g_strdelimit (g_strdup (name), ".", '_');
  const char *rest = part != HD_LORA_UNET ? skip_prefix (layer, "text_model_") : NULL;

  if (rest != NULL)
    memmove (layer, rest, strlen (rest) + 1);

  return layer;
}

/* Old names had the attention's processor in them, and called a text encoder's layers as the UNet's. */
static char *
modernise (HdLoraPart  part,
           const char *layer)
{
  static const char * const text_layers[][2] = {
    { "to_q", "q_proj" }, { "to_k", "k_proj" }, { "to_v", "v_proj" }, { "to_out", "out_proj" },
  };
  g_autoptr (GString) name = g_string_new (layer);
  char               *last;

  g_string_replace (name, "_processor_to_", "_to_", 1);
  last = g_strrstr (name->str, "_to_");
  if (last == NULL)
    return g_strdup (name->str);

  if (part != HD_LORA_UNET)
    {
      const char *modern = translate (last + 1, text_layers, G_N_ELEMENTS (text_layers));

      if (modern != NULL)
        return g_strdup_printf ("%.*s_%s", (int) (last - name->str), name->str, modern);
    }
  else if (g_str_equal (last, "_to_out"))
    g_string_append (name, "_0");

  return g_strdup (name->str);
}

HdLoraNameKind
hd_lora_name_parse (const char  *tensor,
                    HdLoraName  *name,
                    const char **unsupported)
{
  g_autofree char *stem = NULL;
  g_autofree char *layer = NULL;
  const char      *rest;

  *unsupported = find_unsupported (tensor);
  if (*unsupported != NULL)
    return HD_LORA_NAME_UNSUPPORTED;

  stem = split_role (tensor, &name->role);
  rest = stem != NULL ? split_part (stem, &name->part) : NULL;
  if (rest == NULL || rest[0] == '\0')
    return HD_LORA_NAME_FOREIGN;

  layer = hd_lora_layer_name (name->part, rest);
  name->layer = name->part == HD_LORA_UNET ? translate_original (layer) : NULL;
  if (name->layer == NULL)
    name->layer = modernise (name->part, layer);

  return HD_LORA_NAME_KNOWN;
}
