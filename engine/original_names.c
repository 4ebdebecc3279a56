/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/original_names.h"

#include <string.h>

/* --- reading a name ------------------------------------------------------------ */

/* Whether the name goes on with @word; then it is read. */
static gboolean
take (const char **name,
      const char  *word)
{
  gsize length = strlen (word);

  if (strncmp (*name, word, length) != 0)
    return FALSE;

  *name += length;
  return TRUE;
}

/* A number up to three digits and the dot behind it. */
static gboolean
take_number (const char **name,
             int         *number)
{
  const char *p = *name;
  int         value = 0;

  for (int digits = 0; g_ascii_isdigit (*p) && digits < 3; digits++)
    value = 10 * value + (*p++ - '0');
  if (p == *name || *p != '.')
    return FALSE;

  *name = p + 1;
  *number = value;
  return TRUE;
}

typedef struct
{
  const char *today;
  const char *original;
} Word;

/* @prefix, and @name with its first word exchanged as @words say; the rest stays. NULL if it is none of them. */
static char *
exchange (const char *prefix,
          const char *name,
          const Word *words,
          guint       n_words)
{
  for (guint i = 0; i < n_words; i++)
    {
      const char *rest = name;

      if (take (&rest, words[i].today))
        return g_strconcat (prefix, words[i].original, rest, NULL);
    }

  return NULL;
}

/* --- UNet and ControlNet ------------------------------------------------------- */

/* The original code counts resnets (with the attention that follows each) and resampling convolutions in one row,
 * input_blocks, and calls what is in each by its place. */

static char *
translate_resnet (const char *block,
                  const char *name)
{
  static const Word words[] = {
    { "norm1.", ".in_layers.0." },
    { "conv1.", ".in_layers.2." },
    { "time_emb_proj.", ".emb_layers.1." },
    { "norm2.", ".out_layers.0." },
    { "conv2.", ".out_layers.3." },
    { "conv_shortcut.", ".skip_connection." },
  };

  return exchange (block, name, words, G_N_ELEMENTS (words));
}

static char *
translate_down_block (const HdNames *names,
                      const char    *name)
{
  int i;
  int j;

  if (!take_number (&name, &i) || i >= names->n_levels)
    return NULL;

  if (take (&name, "downsamplers.0.conv."))
    return g_strdup_printf ("input_blocks.%d.0.op.%s", (i + 1) * (names->layers_per_block + 1), name);

  if (take (&name, "resnets.") && take_number (&name, &j) && j < names->layers_per_block)
    {
      g_autofree char *block = g_strdup_printf ("input_blocks.%d.0", 1 + i * (names->layers_per_block + 1) + j);

      return translate_resnet (block, name);
    }

  if (take (&name, "attentions.") && take_number (&name, &j) && j < names->layers_per_block)
    return g_strdup_printf ("input_blocks.%d.1.%s", 1 + i * (names->layers_per_block + 1) + j, name);

  return NULL;
}

static char *
translate_middle (const char *name)
{
  if (take (&name, "resnets.0."))
    return translate_resnet ("middle_block.0", name);
  if (take (&name, "resnets.1."))
    return translate_resnet ("middle_block.2", name);
  if (take (&name, "attentions.0."))
    return g_strconcat ("middle_block.1.", name, NULL);

  return NULL;
}

/* @other: where the block has no attention, its upsampler moves up to that place. */
static char *
translate_up_block (const HdNames  *names,
                    const char     *name,
                    char          **other)
{
  int i;
  int j;

  if (!take_number (&name, &i) || i >= names->n_levels)
    return NULL;

  if (take (&name, "upsamplers.0.conv."))
    {
      int last = i * (names->layers_per_block + 1) + names->layers_per_block;

      *other = g_strdup_printf ("output_blocks.%d.1.conv.%s", last, name);
      return g_strdup_printf ("output_blocks.%d.2.conv.%s", last, name);
    }

  if (take (&name, "resnets.") && take_number (&name, &j) && j <= names->layers_per_block)
    {
      g_autofree char *block = g_strdup_printf ("output_blocks.%d.0", i * (names->layers_per_block + 1) + j);

      return translate_resnet (block, name);
    }

  if (take (&name, "attentions.") && take_number (&name, &j) && j <= names->layers_per_block)
    return g_strdup_printf ("output_blocks.%d.1.%s", i * (names->layers_per_block + 1) + j, name);

  return NULL;
}

static char *
translate_unet (const HdNames  *names,
                const char     *name,
                char          **other)
{
  static const Word words[] = {
    { "conv_in.", "input_blocks.0.0." },
    { "time_embedding.linear_1.", "time_embed.0." },
    { "time_embedding.linear_2.", "time_embed.2." },
    { "time_embedding.cond_proj.", "time_embed.cond_proj." },
    { "add_embedding.linear_1.", "label_emb.0.0." },
    { "add_embedding.linear_2.", "label_emb.0.2." },
    { "conv_norm_out.", "out.0." },
    { "conv_out.", "out.2." },
  };

  if (take (&name, "down_blocks."))
    return translate_down_block (names, name);
  if (take (&name, "mid_block."))
    return translate_middle (name);
  if (take (&name, "up_blocks."))
    return translate_up_block (names, name, other);

  return exchange ("", name, words, G_N_ELEMENTS (words));
}

/* The conditioning embedding's convolutions lie at every second place, activations between them. */
static char *
translate_control_net (const HdNames  *names,
                       const char     *name,
                       char          **other)
{
  const char *rest = name;
  int         i;

  if (take (&rest, "controlnet_cond_embedding."))
    {
      if (take (&rest, "conv_in."))
        return g_strconcat ("input_hint_block.0.", rest, NULL);
      if (take (&rest, "conv_out."))
        return g_strdup_printf ("input_hint_block.%d.%s", 2 * (names->n_hint_blocks + 1), rest);
      if (take (&rest, "blocks.") && take_number (&rest, &i) && i < names->n_hint_blocks)
        return g_strdup_printf ("input_hint_block.%d.%s", 2 * (i + 1), rest);
      return NULL;
    }
  if (take (&rest, "controlnet_down_blocks."))
    return take_number (&rest, &i) ? g_strdup_printf ("zero_convs.%d.0.%s", i, rest) : NULL;
  if (take (&rest, "controlnet_mid_block."))
    return g_strconcat ("middle_block_out.0.", rest, NULL);

  return translate_unet (names, name, other);
}

/* --- VAE ----------------------------------------------------------------------- */

static char *
translate_vae_resnet (const char *block,
                      const char *name)
{
  static const Word words[] = {
    { "norm1.", "norm1." },
    { "conv1.", "conv1." },
    { "norm2.", "norm2." },
    { "conv2.", "conv2." },
    { "conv_shortcut.", "nin_shortcut." },
  };

  return exchange (block, name, words, G_N_ELEMENTS (words));
}

static char *
translate_vae_middle (const char *half,
                      const char *name)
{
  static const Word words[] = {
    { "group_norm.", "mid.attn_1.norm." },
    { "to_q.", "mid.attn_1.q." },
    { "to_k.", "mid.attn_1.k." },
    { "to_v.", "mid.attn_1.v." },
    { "to_out.0.", "mid.attn_1.proj_out." },
  };
  g_autofree char *first = g_strconcat (half, "mid.block_1.", NULL);
  g_autofree char *second = g_strconcat (half, "mid.block_2.", NULL);

  if (take (&name, "resnets.0."))
    return translate_vae_resnet (first, name);
  if (take (&name, "resnets.1."))
    return translate_vae_resnet (second, name);
  if (take (&name, "attentions.0."))
    return exchange (half, name, words, G_N_ELEMENTS (words));

  return NULL;
}

/* A block of the encoder ("down") or of the decoder ("up", counted the other way round). */
static char *
translate_vae_block (const HdNames *names,
                     const char    *half,
                     const char    *way,
                     const char    *name)
{
  g_autofree char *block = NULL;
  int              i;
  int              j;

  if (!take_number (&name, &i) || i >= names->n_levels)
    return NULL;

  block = g_strdup_printf ("%s%s.%d", half, way, *way == 'u' ? names->n_levels - 1 - i : i);
  if (take (&name, "downsamplers.0."))
    return g_strconcat (block, ".downsample.", name, NULL);
  if (take (&name, "upsamplers.0."))
    return g_strconcat (block, ".upsample.", name, NULL);
  if (take (&name, "resnets.") && take_number (&name, &j))
    {
      g_autofree char *resnet = g_strdup_printf ("%s.block.%d.", block, j);

      return translate_vae_resnet (resnet, name);
    }

  return NULL;
}

static char *
translate_vae (const HdNames *names,
               const char    *name)
{
  static const Word words[] = {
    { "conv_in.", "conv_in." },
    { "conv_norm_out.", "norm_out." },
    { "conv_out.", "conv_out." },
  };
  const char *half = NULL;

  if (g_str_has_prefix (name, "quant_conv.") || g_str_has_prefix (name, "post_quant_conv."))
    return g_strdup (name);
  if (take (&name, "encoder."))
    half = "encoder.";
  else if (take (&name, "decoder."))
    half = "decoder.";
  else
    return NULL;

  if (take (&name, "mid_block."))
    return translate_vae_middle (half, name);
  if (take (&name, "down_blocks."))
    return translate_vae_block (names, half, "down", name);
  if (take (&name, "up_blocks."))
    return translate_vae_block (names, half, "up", name);

  return exchange (half, name, words, G_N_ELEMENTS (words));
}

/* --- OpenCLIP ------------------------------------------------------------------ */

/* q, k and v are thirds of one matrix, without a dot before "weight" and "bias". */
static char *
translate_open_clip_attention (int               layer,
                               const char       *name,
                               HdOriginalTensor *tensor)
{
  static const char * const projections[] = { "q_proj.", "k_proj.", "v_proj." };

  for (guint i = 0; i < G_N_ELEMENTS (projections); i++)
    if (take (&name, projections[i]))
      {
        tensor->part = (int) i;
        tensor->n_parts = G_N_ELEMENTS (projections);
        return g_strdup_printf ("transformer.resblocks.%d.attn.in_proj_%s", layer, name);
      }

  return g_strdup_printf ("transformer.resblocks.%d.attn.%s", layer, name);
}

static char *
translate_open_clip (const char       *name,
                     HdOriginalTensor *tensor,
                     char            **other)
{
  static const Word in_layer[] = {
    { "layer_norm1.", ".ln_1." },
    { "layer_norm2.", ".ln_2." },
    { "mlp.fc1.", ".mlp.c_fc." },
    { "mlp.fc2.", ".mlp.c_proj." },
  };
  static const Word words[] = {
    { "embeddings.token_embedding.", "token_embedding." },
    { "embeddings.position_embedding.weight", "positional_embedding" },
    { "final_layer_norm.", "ln_final." },
  };
  g_autofree char *block = NULL;
  int              i;

  if (strcmp (name, "text_projection.weight") == 0)
    {
      /* OpenCLIP multiplies from the left; some converters have made a linear layer of it. */
      *other = g_strdup (name);
      tensor->transposed = TRUE;
      return g_strdup ("text_projection");
    }

  if (!take (&name, "text_model."))
    return NULL;
  if (!take (&name, "encoder.layers."))
    return exchange ("", name, words, G_N_ELEMENTS (words));

  if (!take_number (&name, &i))
    return NULL;
  if (take (&name, "self_attn."))
    return translate_open_clip_attention (i, name, tensor);
  block = g_strdup_printf ("transformer.resblocks.%d", i);

  return exchange (block, name, in_layer, G_N_ELEMENTS (in_layer));
}

/* --- all of them --------------------------------------------------------------- */

/* Adds a prefix to @name, which is consumed. */
static char *
with_prefix (const HdNames *names,
             char          *name)
{
  g_autofree char *rest = name;

  return g_strconcat (names->prefix != NULL ? names->prefix : "", rest, NULL);
}

int
hd_names_translate (const HdNames    *names,
                    const char       *name,
                    HdOriginalTensor  tensors[HD_ORIGINAL_TENSOR_MAX])
{
  char *usual = NULL;
  char *other = NULL;
  int   n = 0;

  tensors[0] = (HdOriginalTensor) { .n_parts = 1 };
  tensors[1] = (HdOriginalTensor) { .n_parts = 1 };
  switch (names->naming)
    {
    case HD_NAMING_DIFFUSERS:
      usual = g_strdup (name);
      break;
    case HD_NAMING_UNET:
      usual = translate_unet (names, name, &other);
      break;
    case HD_NAMING_CONTROL_NET:
      usual = translate_control_net (names, name, &other);
      break;
    case HD_NAMING_VAE:
      usual = translate_vae (names, name);
      break;
    case HD_NAMING_OPEN_CLIP:
      usual = translate_open_clip (name, &tensors[0], &other);
      break;
    }

  if (usual != NULL)
    tensors[n++].name = with_prefix (names, usual);
  if (other != NULL)
    tensors[n++].name = with_prefix (names, other);

  return n;
}

void
hd_original_tensor_clear (HdOriginalTensor *tensor)
{
  g_clear_pointer (&tensor->name, g_free);
}
