/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora_family.h"

#include <string.h>

/* Parts of layers' names that only one family has. */
static const struct { const char *mark; HdLoraFamily family; } layer_marks[] = {
  { "double_blocks_", HD_LORA_FAMILY_FLUX },
  { "single_transformer_blocks", HD_LORA_FAMILY_FLUX },
  { "single_blocks_", HD_LORA_FAMILY_FLUX },
  { "joint_blocks_", HD_LORA_FAMILY_SD3 },
};

/* Beginnings of names of networks that are none of ours. */
static const struct { const char *prefix; HdLoraFamily family; } foreign_prefixes[] = {
  { "lora_te3_", HD_LORA_FAMILY_SD3 },
  { "text_encoder_3.", HD_LORA_FAMILY_SD3 },
  { "transformer.single_transformer_blocks.", HD_LORA_FAMILY_FLUX },
  { "transformer.", HD_LORA_FAMILY_OTHER },
  { "lora_transformer_", HD_LORA_FAMILY_OTHER },
  { "lora_prior_", HD_LORA_FAMILY_OTHER },
};

/* "modelspec.architecture" (Stability AI's model metadata standard) and "ss_base_model_version" (kohya's). */
static const struct { const char *prefix; HdLoraFamily family; } metadata_prefixes[] = {
  { "stable-diffusion-xl", HD_LORA_FAMILY_SDXL },
  { "stable-diffusion-v1", HD_LORA_FAMILY_SD1 },
  { "stable-diffusion-v2", HD_LORA_FAMILY_SD2 },
  { "stable-diffusion-3", HD_LORA_FAMILY_SD3 },
  { "flux", HD_LORA_FAMILY_FLUX },
  { "sdxl", HD_LORA_FAMILY_SDXL },
  { "sd_v1", HD_LORA_FAMILY_SD1 },
  { "sd_v2", HD_LORA_FAMILY_SD2 },
  { "sd3", HD_LORA_FAMILY_SD3 },
};

static HdLoraFamily
family_of_metadata (HdLora *lora)
{
  static const char * const keys[] = { "modelspec.architecture", "ss_base_model_version" };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      const char *value = hd_safetensors_get_metadata (hd_lora_get_file (lora), keys[i]);

      for (gsize j = 0; value != NULL && j < G_N_ELEMENTS (metadata_prefixes); j++)
        if (g_str_has_prefix (value, metadata_prefixes[j].prefix))
          return metadata_prefixes[j].family;
    }

  return HD_LORA_FAMILY_UNKNOWN;
}

/* Keys and values of the cross-attention are made from the text encoders' channels, which every family has a number
 * of its own of. */
static HdLoraFamily
family_of_text_channels (const HdLoraLayer *layer)
{
  const HdSafetensorsEntry *down = layer->tensors[HD_LORA_DOWN];

  if (down == NULL)
    down = layer->tensors[HD_LORA_HADA_W1_B];
  if (layer->part != HD_LORA_UNET || down == NULL || down->n_dimensions < 2
      || !(g_str_has_suffix (layer->name, "_attn2_to_k") || g_str_has_suffix (layer->name, "_attn2_to_v")))
    return HD_LORA_FAMILY_UNKNOWN;

  switch (down->shape[1])
    {
    case 768:
      return HD_LORA_FAMILY_SD1;
    case 1024:
      return HD_LORA_FAMILY_SD2;
    case 2048:
      return HD_LORA_FAMILY_SDXL;
    default:
      return HD_LORA_FAMILY_UNKNOWN;
    }
}

static HdLoraFamily
family_of_layer (const HdLoraLayer *layer)
{
  if (layer->part == HD_LORA_TEXT_ENCODER_2 || g_str_has_prefix (layer->name, "add_embedding_"))
    return HD_LORA_FAMILY_SDXL;

  for (gsize i = 0; i < G_N_ELEMENTS (layer_marks); i++)
    if (strstr (layer->name, layer_marks[i].mark) != NULL)
      return layer_marks[i].family;

  return family_of_text_channels (layer);
}

HdLoraFamily
hd_lora_family_detect (HdLora *lora)
{
  GPtrArray    *layers = hd_lora_get_layers (lora);
  GPtrArray    *foreign = hd_lora_get_foreign (lora);
  HdLoraFamily  family = HD_LORA_FAMILY_UNKNOWN;

  for (guint i = 0; i < foreign->len; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (foreign_prefixes); j++)
      if (g_str_has_prefix (g_ptr_array_index (foreign, i), foreign_prefixes[j].prefix))
        return foreign_prefixes[j].family;

  /* A second text encoder says SDXL; a transformer's blocks, which may come with one, say more. */
  for (guint i = 0; i < layers->len; i++)
    family = MAX (family, family_of_layer (g_ptr_array_index (layers, i)));

  return family != HD_LORA_FAMILY_UNKNOWN ? family : family_of_metadata (lora);
}

gboolean
hd_lora_family_is_foreign (HdLoraFamily family)
{
  return family >= HD_LORA_FAMILY_SD3;
}

const char *
hd_lora_family_to_name (HdLoraFamily family)
{
  switch (family)
    {
    case HD_LORA_FAMILY_UNKNOWN:
      return NULL;
    case HD_LORA_FAMILY_SD1:
      return "Stable Diffusion 1";
    case HD_LORA_FAMILY_SD2:
      return "Stable Diffusion 2";
    case HD_LORA_FAMILY_SDXL:
      return "Stable Diffusion XL";
    case HD_LORA_FAMILY_SD3:
      return "Stable Diffusion 3";
    case HD_LORA_FAMILY_FLUX:
      return "Flux";
    case HD_LORA_FAMILY_OTHER:
      return "another kind of network";
    }

  g_return_val_if_reached (NULL);
}
