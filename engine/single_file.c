/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/single_file.h"

#include <string.h>

#include "engine/config_shapes.h"
#include "kernels/i18n.h"

/* Widths of the text's hidden states, which tell the families apart. */
#define WIDTH_SD1  768
#define WIDTH_SD2  1024
#define WIDTH_BIGG 1280
#define WIDTH_SDXL 2048

/* A textual inversion has a tensor for each text encoder, and some trainers add a few of their own. */
#define MAX_EMBEDDING_TENSORS 8

/* --- looking at names ---------------------------------------------------------- */

static gboolean
has (HdSafetensors *file,
     const char    *name)
{
  return hd_safetensors_lookup (file, name) != NULL;
}

/* Entries are in the order of their names. */
static gboolean
has_prefix (HdSafetensors *file,
            const char    *prefix)
{
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);
  guint                     low = 0;

  for (guint high = n; low < high;)
    {
      guint middle = low + (high - low) / 2;

      if (strcmp (entries[middle].name, prefix) < 0)
        low = middle + 1;
      else
        high = middle;
    }

  return low < n && g_str_has_prefix (entries[low].name, prefix);
}

typedef struct
{
  const char *mark;
  const char *description;
} Mark;

/* The description that goes with the first mark that a name begins with, or is; NULL if there is none. */
static const char *
find_mark (HdSafetensors *file,
           const Mark    *marks,
           guint          n_marks)
{
  for (guint i = 0; i < n_marks; i++)
    if (has_prefix (file, marks[i].mark))
      return marks[i].description;

  return NULL;
}

/* The same for marks that may stand anywhere in a name. */
static const char *
find_mark_inside (HdSafetensors *file,
                  const Mark    *marks,
                  guint          n_marks)
{
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);

  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < n_marks; j++)
      if (strstr (entries[i].name, marks[j].mark) != NULL)
        return marks[j].description;

  return NULL;
}

/* --- what is foreign, or an addition ------------------------------------------- */

static const Mark foreign_marks[] = {
  { "model.diffusion_model.joint_blocks.", N_("a Stable Diffusion 3 model") },
  { "joint_blocks.", N_("a Stable Diffusion 3 model") },
  { "transformer_blocks.0.attn.add_q_proj.", N_("a Stable Diffusion 3 or Flux model") },
  { "model.diffusion_model.double_blocks.", N_("a Flux model") },
  { "double_blocks.", N_("a Flux model") },
  { "single_transformer_blocks.", N_("a Flux model") },
  { "model.diffusion_model.double_layers.", N_("an AuraFlow model") },
  { "double_layers.", N_("an AuraFlow model") },
  { "model.diffusion_model.clip_txt_mapper.", N_("a Stable Cascade model") },
  { "clip_txt_mapper.", N_("a Stable Cascade model") },
  { "model.diffusion_model.input_blocks.1.0.time_stack.", N_("a Stable Video Diffusion model") },
  { "model.diffusion_model.transformer_blocks.", N_("a diffusion transformer") },
  { "model.diffusion_model.blocks.", N_("a diffusion transformer") },
  { "model.diffusion_model.layers.", N_("a diffusion transformer") },
  { "adaln_single.", N_("a PixArt model") },
  { "edm_mean", N_("a Playground model, which is trained with EDM's noise levels") },
  { "edm_vpred.sigma_max", N_("a Stable Diffusion XL model with EDM's noise levels") },
  { "ip_adapter.", N_("an IP-Adapter") },
  { "image_proj.", N_("an IP-Adapter") },
  { "lllite_", N_("a ControlNet-LLLite") },
  { "adapter.body.", N_("a T2I-Adapter") },
  { "body.0.block1.", N_("a T2I-Adapter") },
  { "taesd_", N_("a tiny VAE (TAESD)") },
  { "model.1.sub.0.", N_("an upscaling network") },
  { "conv_first.", N_("an upscaling network") },
  { "model_ema.diffusion_model", N_("a checkpoint that holds averaged weights (EMA) under their own names alone") },
};

static const Mark lora_marks[] = {
  { ".lora_down.", N_("a LoRA") },
  { ".lora_up.", N_("a LoRA") },
  { ".lora_A.", N_("a LoRA") },
  { ".lora_B.", N_("a LoRA") },
  { ".lora.down.", N_("a LoRA") },
  { ".lora.up.", N_("a LoRA") },
  { "_lora.down.", N_("a LoRA") },
  { ".hada_w1_", N_("a LoRA (LoHa)") },
  { ".lokr_w", N_("a LoRA (LoKr)") },
  { ".motion_modules.", N_("a motion module (AnimateDiff)") },
};

/* --- parts of a checkpoint ----------------------------------------------------- */

/* Sets @names to the first of the spellings whose @probe is in the file. */
typedef struct
{
  HdNaming    naming;
  const char *prefix;
  const char *probe;
} Spelling;

static gboolean
find_spelling (HdSafetensors  *file,
               const Spelling *spellings,
               guint           n_spellings,
               HdNames        *names)
{
  for (guint i = 0; i < n_spellings; i++)
    {
      g_autofree char *probe = g_strconcat (spellings[i].prefix, spellings[i].probe, NULL);

      if (!has (file, probe))
        continue;

      *names = (HdNames) { .naming = spellings[i].naming, .prefix = spellings[i].prefix };
      return hd_names_count (names, file);
    }

  return FALSE;
}

static gboolean
find_unet (HdSafetensors *file,
           HdNames       *names)
{
  static const Spelling spellings[] = {
    { HD_NAMING_UNET, "model.diffusion_model.", "input_blocks.0.0.weight" },
    { HD_NAMING_UNET, "diffusion_model.", "input_blocks.0.0.weight" },
    { HD_NAMING_UNET, "", "input_blocks.0.0.weight" },
    { HD_NAMING_DIFFUSERS, "", "down_blocks.0.resnets.0.time_emb_proj.weight" },
  };

  return find_spelling (file, spellings, G_N_ELEMENTS (spellings), names);
}

static gboolean
find_control_net (HdSafetensors *file,
                  HdNames       *names)
{
  static const Spelling spellings[] = {
    { HD_NAMING_CONTROL_NET, "control_model.", "input_hint_block.0.weight" },
    { HD_NAMING_CONTROL_NET, "", "input_hint_block.0.weight" },
    { HD_NAMING_DIFFUSERS, "", "controlnet_cond_embedding.conv_in.weight" },
  };

  return find_spelling (file, spellings, G_N_ELEMENTS (spellings), names);
}

static gboolean
find_vae (HdSafetensors *file,
          HdNames       *names)
{
  static const Spelling spellings[] = {
    { HD_NAMING_VAE, "first_stage_model.", "decoder.mid.block_1.conv1.weight" },
    { HD_NAMING_VAE, "vae.", "decoder.mid.block_1.conv1.weight" },
    { HD_NAMING_VAE, "", "decoder.mid.block_1.conv1.weight" },
    { HD_NAMING_DIFFUSERS, "", "decoder.mid_block.resnets.0.conv1.weight" },
  };

  return find_spelling (file, spellings, G_N_ELEMENTS (spellings), names);
}

#define TOKEN_EMBEDDING "embeddings.token_embedding.weight"

/* The first text encoder, and the second of a model that has two. */
static int
find_text_encoders (HdSafetensors *file,
                    HdNames       *names)
{
  static const Spelling first[] = {
    { HD_NAMING_DIFFUSERS, "conditioner.embedders.0.transformer.", "text_model." TOKEN_EMBEDDING },
    { HD_NAMING_DIFFUSERS, "conditioner.embedders.0.transformer.", TOKEN_EMBEDDING },
    { HD_NAMING_DIFFUSERS, "cond_stage_model.transformer.", "text_model." TOKEN_EMBEDDING },
    { HD_NAMING_DIFFUSERS, "cond_stage_model.transformer.", TOKEN_EMBEDDING },
    { HD_NAMING_OPEN_CLIP, "cond_stage_model.model.", "token_embedding.weight" },
    { HD_NAMING_OPEN_CLIP, "conditioner.embedders.0.model.", "token_embedding.weight" },
    { HD_NAMING_DIFFUSERS, "", "text_model." TOKEN_EMBEDDING },
    { HD_NAMING_DIFFUSERS, "", TOKEN_EMBEDDING },
    { HD_NAMING_OPEN_CLIP, "", "token_embedding.weight" },
  };
  static const Spelling second[] = {
    { HD_NAMING_OPEN_CLIP, "conditioner.embedders.1.model.", "token_embedding.weight" },
    { HD_NAMING_DIFFUSERS, "conditioner.embedders.1.transformer.", "text_model." TOKEN_EMBEDDING },
  };

  if (!find_spelling (file, first, G_N_ELEMENTS (first), &names[0]))
    return 0;

  return find_spelling (file, second, G_N_ELEMENTS (second), &names[1]) ? 2 : 1;
}

/* --- the family ---------------------------------------------------------------- */

static void
set_family_of_width (HdSingleFile *contents,
                     gint64        width)
{
  contents->family_known = TRUE;
  switch (width)
    {
    case WIDTH_SD1:
      contents->family = HD_FAMILY_SD1;
      break;
    case WIDTH_SD2:
      contents->family = HD_FAMILY_SD2;
      break;
    case WIDTH_SDXL:
      contents->family = HD_FAMILY_SDXL;
      break;
    default:
      contents->family_known = FALSE;
    }
}

/* What trainers write about the model that something was trained for. */
static void
read_family_from_metadata (HdSafetensors *file,
                           HdSingleFile  *contents)
{
  static const struct { const char *mark; HdFamily family; } marks[] = {
    { "stable-diffusion-xl", HD_FAMILY_SDXL }, { "sdxl", HD_FAMILY_SDXL },
    { "stable-diffusion-v2", HD_FAMILY_SD2 }, { "sd_v2", HD_FAMILY_SD2 },
    { "stable-diffusion-v1", HD_FAMILY_SD1 }, { "sd_v1", HD_FAMILY_SD1 }, { "sd_1", HD_FAMILY_SD1 },
  };
  static const char * const keys[] = { "modelspec.architecture", "ss_base_model_version" };

  for (guint i = 0; i < G_N_ELEMENTS (keys) && !contents->family_known; i++)
    {
      const char *value = hd_safetensors_get_metadata (file, keys[i]);

      for (guint j = 0; value != NULL && j < G_N_ELEMENTS (marks) && !contents->family_known; j++)
        if (strstr (value, marks[j].mark) != NULL)
          {
            contents->family_known = TRUE;
            contents->family = marks[j].family;
          }
    }
}

/* The width of the text that cross-attentions read: the inputs of their keys. */
static gint64
find_text_width (HdSafetensors *file)
{
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);

  for (guint i = 0; i < n; i++)
    {
      const char *name = entries[i].name;

      if (entries[i].n_dimensions < 2 || strstr (name, "attn2") == NULL || strstr (name, "to_k") == NULL)
        continue;
      /* Of a LoRA the half that reads. */
      if (g_str_has_suffix (name, "to_k.weight") || strstr (name, "lora_down") != NULL
          || strstr (name, "lora.down") != NULL || strstr (name, "lora_A") != NULL)
        return entries[i].shape[1];
    }

  return 0;
}

/* --- textual inversion --------------------------------------------------------- */

static gboolean
recognise_embedding (HdSafetensors *file,
                     HdSingleFile  *contents)
{
  guint                     n;
  const HdSafetensorsEntry *entries = hd_safetensors_get_entries (file, &n);
  gboolean                  found = FALSE;
  gint64                    widest = 0;

  if (n < 1 || n > MAX_EMBEDDING_TENSORS)
    return FALSE;

  for (guint i = 0; i < n; i++)
    {
      int    dimensions = entries[i].n_dimensions;
      gint64 width = dimensions == 1 || dimensions == 2 ? entries[i].shape[dimensions - 1] : 0;
      gint64 rows = dimensions == 2 ? entries[i].shape[0] : 1;

      if (g_str_equal (entries[i].name, "emb_params") || g_str_equal (entries[i].name, "clip_l")
          || g_str_equal (entries[i].name, "clip_g"))
        found = TRUE;
      if ((width == WIDTH_SD1 || width == WIDTH_SD2 || width == WIDTH_BIGG) && rows <= 256)
        found |= n == 1;
      widest = MAX (widest, width);
    }
  if (!found)
    return FALSE;

  contents->kind = HD_FILE_EMBEDDING;
  contents->description = N_("a textual inversion embedding");
  if (!contents->family_known)
    set_family_of_width (contents, widest == WIDTH_BIGG ? WIDTH_SDXL : widest);

  return TRUE;
}

/* --- all of it ----------------------------------------------------------------- */

/* UNet and text encoders tell a checkpoint's family without regard to sizes. */
static void
set_family_of_parts (HdSafetensors *file,
                     HdSingleFile  *contents)
{
  g_autofree char          *label = g_strconcat (contents->unet.prefix, "label_emb.0.0.weight", NULL);
  g_autofree char          *projection = g_strconcat (contents->unet.prefix, "middle_block.1.proj_in.weight", NULL);
  const HdSafetensorsEntry *entry = hd_safetensors_lookup (file, projection);
  gboolean                  text_time = has (file, label) || has (file, "add_embedding.linear_1.weight");
  gboolean                  linear = entry != NULL && entry->n_dimensions == 2;

  if (contents->unet.naming == HD_NAMING_DIFFUSERS)
    {
      entry = hd_safetensors_lookup (file, "mid_block.attentions.0.proj_in.weight");
      linear = entry != NULL && entry->n_dimensions == 2;
    }

  contents->family_known = TRUE;
  contents->family = text_time ? HD_FAMILY_SDXL : linear ? HD_FAMILY_SD2 : HD_FAMILY_SD1;
}

static void
recognise_checkpoint (HdSafetensors *file,
                      HdSingleFile  *contents)
{
  gboolean refiner = contents->n_text == 1 && has (file, "conditioner.embedders.0.model.token_embedding.weight");
  gboolean half = contents->n_text == 1 && !refiner && contents->family == HD_FAMILY_SDXL;

  contents->kind = HD_FILE_OTHER;
  if (refiner)
    contents->description = N_("the refiner of Stable Diffusion XL, which continues another model's pictures");
  else if (half && has_prefix (file, "conditioner."))
    contents->description = N_("a Stable Diffusion XL checkpoint without its second text encoder");
  else if (half)
    contents->description = N_("a Stable Diffusion model that is conditioned on pictures (unCLIP)");
  else if (!contents->has_vae)
    contents->description = N_("a checkpoint without a VAE");
  else if (contents->n_text == 0)
    contents->description = N_("a checkpoint without a text encoder");
  else
    {
      contents->kind = HD_FILE_CHECKPOINT;
      contents->description = N_("a Stable Diffusion checkpoint");
    }
}

static void
recognise_part (HdSafetensors *file,
                HdSingleFile  *contents)
{
  if (contents->has_unet)
    {
      contents->kind = HD_FILE_UNET;
      contents->description = N_("a UNet alone, without VAE and text encoder");
      set_family_of_parts (file, contents);
      if (contents->has_vae || contents->n_text > 0)
        recognise_checkpoint (file, contents);
    }
  else if (contents->has_vae && contents->n_text > 0)
    contents->description = N_("a checkpoint without a UNet");
  else if (contents->has_vae)
    {
      contents->kind = HD_FILE_VAE;
      contents->description = N_("a VAE alone");
    }
  else if (contents->n_text > 0)
    {
      contents->kind = HD_FILE_TEXT_ENCODER;
      contents->description = N_("a text encoder alone");
    }
}

void
hd_single_file_recognise (HdSafetensors *file,
                          HdSingleFile  *contents)
{
  const char *mark;

  *contents = (HdSingleFile) { .kind = HD_FILE_OTHER, .description = N_("tensors of no model that is known here") };

  mark = find_mark_inside (file, lora_marks, G_N_ELEMENTS (lora_marks));
  if (mark != NULL)
    {
      contents->kind = g_str_has_prefix (mark, "a LoRA") ? HD_FILE_LORA : HD_FILE_OTHER;
      contents->description = mark;
      read_family_from_metadata (file, contents);
      if (!contents->family_known)
        set_family_of_width (contents, find_text_width (file));
      if (!contents->family_known && (has_prefix (file, "lora_te2_") || has_prefix (file, "text_encoder_2.")))
        set_family_of_width (contents, WIDTH_SDXL);
      return;
    }

  mark = find_mark (file, foreign_marks, G_N_ELEMENTS (foreign_marks));
  if (mark != NULL && !(has (file, "model.diffusion_model.input_blocks.0.0.weight")
                        && g_str_has_prefix (mark, "a checkpoint")))
    {
      contents->description = mark;
      return;
    }

  if (find_control_net (file, &contents->unet))
    {
      contents->kind = HD_FILE_CONTROL_NET;
      contents->description = N_("a ControlNet");
      contents->has_unet = TRUE;
      set_family_of_width (contents, find_text_width (file));
      return;
    }

  contents->has_unet = find_unet (file, &contents->unet);
  contents->has_vae = find_vae (file, &contents->vae);
  contents->n_text = find_text_encoders (file, contents->text);
  recognise_part (file, contents);
  if (!contents->has_unet && !contents->has_vae && contents->n_text == 0)
    {
      read_family_from_metadata (file, contents);
      recognise_embedding (file, contents);
    }
}

const char *
hd_family_name (HdFamily family)
{
  switch (family)
    {
    case HD_FAMILY_SD1:
      return "Stable Diffusion 1";
    case HD_FAMILY_SD2:
      return "Stable Diffusion 2";
    case HD_FAMILY_SDXL:
      return "Stable Diffusion XL";
    case HD_FAMILY_SDXL_TURBO:
      return "Stable Diffusion XL Turbo";
    }

  g_return_val_if_reached ("");
}
