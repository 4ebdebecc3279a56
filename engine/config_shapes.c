/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/config_shapes.h"

#define MAX_SIDE      (1 << 24)
#define MAX_LAYERS    128
#define NORM_GROUPS   32
#define NORM_EPSILON  1e-5f
#define HEAD_CHANNELS 64
#define SD1_HEADS     8

/* Widths of CLIP's text encoders: ViT-L of OpenAI, with the older GELU; ViT-H and ViT-bigG of OpenCLIP. */
#define OPEN_CLIP_H    1024
#define OPEN_CLIP_BIGG 1280

/* --- asking, with sticky errors ------------------------------------------------ */

typedef struct
{
  HdTensorSource *source;
  GError         *error;
} Shapes;

static gboolean
has_v (Shapes     *shapes,
       const char *format,
       va_list     args)
{
  g_autofree char *name = g_strdup_vprintf (format, args);
  HdFoundTensor    found;

  return hd_tensor_source_find (shapes->source, name, &found);
}

G_GNUC_PRINTF (2, 3)
static gboolean
has (Shapes     *shapes,
     const char *format,
     ...)
{
  va_list  args;
  gboolean is_there;

  va_start (args, format);
  is_there = has_v (shapes, format, args);
  va_end (args);

  return is_there;
}

/* How many tensors there are whose names have 0, 1, 2, ... in the place of %d, up to @max. */
static int
count (Shapes     *shapes,
       int         max,
       const char *before,
       const char *after)
{
  int n = 0;

  while (n < max && has (shapes, "%s%d%s", before, n, after))
    n++;

  return n;
}

/* The side @axis of a tensor of at least @axis + 1 dimensions; 1 after an error. */
G_GNUC_PRINTF (3, 4)
static int
side (Shapes     *shapes,
      int         axis,
      const char *format,
      ...)
{
  g_autofree char *name = NULL;
  g_autofree char *described = NULL;
  HdFoundTensor    found;
  va_list          args;

  if (shapes->error != NULL)
    return 1;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  described = hd_tensor_source_describe (shapes->source, name);
  if (!hd_tensor_source_find (shapes->source, name, &found))
    g_set_error (&shapes->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 "%s: expected a tensor %s, found none of that name",
                 hd_tensor_source_get_path (shapes->source), described);
  else if (found.entry.n_dimensions <= axis)
    g_set_error (&shapes->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 "%s: tensor %s: expected at least %d dimensions, found %d",
                 hd_safetensors_get_path (found.file), described, axis + 1, found.entry.n_dimensions);
  else if (found.entry.shape[axis] < 1 || found.entry.shape[axis] > MAX_SIDE)
    g_set_error (&shapes->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 "%s: tensor %s: expected sides from 1 to %d, found %" G_GINT64_FORMAT,
                 hd_safetensors_get_path (found.file), described, MAX_SIDE, found.entry.shape[axis]);
  else
    return (int) found.entry.shape[axis];

  return 1;
}

G_GNUC_PRINTF (2, 3)
static void
fail (Shapes     *shapes,
      const char *format,
      ...)
{
  g_autofree char *message = NULL;
  va_list          args;

  if (shapes->error != NULL)
    return;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (&shapes->error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, "%s: %s",
               hd_tensor_source_get_path (shapes->source), message);
}

static gboolean
finish (Shapes  *shapes,
        GError **error)
{
  if (shapes->error == NULL)
    return TRUE;

  g_propagate_error (error, shapes->error);
  return FALSE;
}

/* --- counting in a file's own names -------------------------------------------- */

G_GNUC_PRINTF (3, 4)
static gboolean
file_has (HdSafetensors *file,
          const char    *prefix,
          const char    *format,
          ...)
{
  g_autofree char *rest = NULL;
  g_autofree char *name = NULL;
  va_list          args;

  va_start (args, format);
  rest = g_strdup_vprintf (format, args);
  va_end (args);
  name = g_strconcat (prefix != NULL ? prefix : "", rest, NULL);

  return hd_safetensors_lookup (file, name) != NULL;
}

/* Resnets and, after each level but the last, a resampling convolution lie in one row. */
static gboolean
count_unet (HdNames       *names,
            HdSafetensors *file)
{
  int n_samplers = 0;
  int first_sampler = 0;
  int k = 1;

  for (; k < MAX_LAYERS * HD_UNET_MAX_LEVELS; k++)
    {
      if (file_has (file, names->prefix, "input_blocks.%d.0.op.weight", k))
        {
          if (n_samplers++ == 0)
            first_sampler = k;
        }
      else if (!file_has (file, names->prefix, "input_blocks.%d.0.in_layers.2.weight", k))
        break;
    }

  names->n_levels = n_samplers + 1;
  names->layers_per_block = (n_samplers > 0 ? first_sampler : k) - 1;
  while (names->n_hint_blocks < MAX_LAYERS
         && file_has (file, names->prefix, "input_hint_block.%d.weight", 2 * (names->n_hint_blocks + 2)))
    names->n_hint_blocks++;

  return names->layers_per_block >= 1 && names->n_levels <= HD_UNET_MAX_LEVELS;
}

gboolean
hd_names_count (HdNames       *names,
                HdSafetensors *file)
{
  names->n_levels = 0;
  names->layers_per_block = 0;
  names->n_hint_blocks = 0;

  switch (names->naming)
    {
    case HD_NAMING_UNET:
    case HD_NAMING_CONTROL_NET:
      return count_unet (names, file);

    case HD_NAMING_VAE:
      while (names->n_levels <= HD_VAE_MAX_LEVELS
             && file_has (file, names->prefix, "decoder.up.%d.block.0.conv1.weight", names->n_levels))
        names->n_levels++;
      return names->n_levels >= 1 && names->n_levels <= HD_VAE_MAX_LEVELS;

    case HD_NAMING_DIFFUSERS:
    case HD_NAMING_OPEN_CLIP:
      return TRUE;
    }

  g_return_val_if_reached (FALSE);
}

/* --- UNet ---------------------------------------------------------------------- */

/* Transformer blocks in the first attention of @block; 0 if it has none. */
static int
count_transformers (Shapes     *shapes,
                    const char *block)
{
  g_autofree char *before = g_strconcat (block, ".attentions.0.transformer_blocks.", NULL);

  return count (shapes, MAX_LAYERS, before, ".norm1.weight");
}

/* The depth of a level's transformers, which its down block, its up block and, at the bottom, the middle share. */
static void
read_level (Shapes       *shapes,
            HdUnetConfig *config,
            int           level)
{
  int              up = config->n_levels - 1 - level;
  g_autofree char *down_name = g_strdup_printf ("down_blocks.%d", level);
  g_autofree char *up_name = g_strdup_printf ("up_blocks.%d", up);
  int              depths[3] = { count_transformers (shapes, down_name), count_transformers (shapes, up_name), 0 };
  int              depth = 0;

  if (level == config->n_levels - 1)
    depths[2] = count_transformers (shapes, "mid_block");
  config->down_blocks[level] = depths[0] > 0 ? HD_BLOCK_CROSS_ATTENTION : HD_BLOCK_PLAIN;
  config->up_blocks[up] = depths[1] > 0 ? HD_BLOCK_CROSS_ATTENTION : HD_BLOCK_PLAIN;

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      if (depth > 0 && depths[i] > 0 && depths[i] != depth)
        fail (shapes, "expected transformers of the same depth down, up and in the middle of level %d, found %d and %d",
              level, depth, depths[i]);
      depth = MAX (depth, depths[i]);
    }
  config->transformer_layers[level] = MAX (depth, 1);
}

/* The name of a transformer, to ask for what is the same in all of them. */
static char *
find_transformer (const HdUnetConfig *config)
{
  for (int i = 0; i < config->n_levels; i++)
    if (config->down_blocks[i] == HD_BLOCK_CROSS_ATTENTION)
      return g_strdup_printf ("down_blocks.%d.attentions.0", i);

  return g_strdup ("mid_block.attentions.0");
}

static int
heads_of (int channels)
{
  return channels % HEAD_CHANNELS == 0 ? channels / HEAD_CHANNELS : 1;
}

static void
read_attention (Shapes       *shapes,
                HdUnetConfig *config)
{
  g_autofree char *transformer = find_transformer (config);
  g_autofree char *proj_in = g_strconcat (transformer, ".proj_in.weight", NULL);
  HdFoundTensor    found;

  config->cross_attention_dim = side (shapes, 1, "%s.transformer_blocks.0.attn2.to_k.weight", transformer);
  config->use_linear_projection = hd_tensor_source_find (shapes->source, proj_in, &found)
                                  && found.entry.n_dimensions == 2;

  for (int i = 0; i < config->n_levels; i++)
    {
      int channels = config->block_out_channels[i];

      /* Linear projections came with Stable Diffusion 2, and so did heads of a fixed size. */
      if (config->use_linear_projection || config->text_time)
        config->heads[i] = heads_of (channels);
      else
        config->heads[i] = channels % SD1_HEADS == 0 ? SD1_HEADS : 1;
    }
}

gboolean
hd_unet_config_from_tensors (HdTensorSource  *source,
                             HdUnetConfig    *config,
                             GError         **error)
{
  Shapes shapes = { .source = source };

  *config = (HdUnetConfig) { .norm_groups = NORM_GROUPS, .norm_eps = NORM_EPSILON };
  config->n_levels = MAX (count (&shapes, HD_UNET_MAX_LEVELS, "down_blocks.", ".resnets.0.conv1.weight"), 1);
  config->layers_per_block = MAX (count (&shapes, MAX_LAYERS, "down_blocks.0.resnets.", ".conv1.weight"), 1);
  config->in_channels = side (&shapes, 1, "conv_in.weight");
  config->out_channels = has (&shapes, "conv_out.weight") ? side (&shapes, 0, "conv_out.weight") : 4;

  for (int i = 0; i < config->n_levels; i++)
    {
      config->block_out_channels[i] = side (&shapes, 0, "down_blocks.%d.resnets.0.conv1.weight", i);
      if (config->block_out_channels[i] % NORM_GROUPS != 0)
        fail (&shapes, "expected a UNet whose channels are multiples of %d, found %d in level %d",
              NORM_GROUPS, config->block_out_channels[i], i);
      read_level (&shapes, config, i);
    }

  config->text_time = has (&shapes, "add_embedding.linear_1.weight");
  if (config->text_time)
    config->addition_input_dim = side (&shapes, 1, "add_embedding.linear_1.weight");
  if (has (&shapes, "time_embedding.cond_proj.weight"))
    config->time_cond_proj_dim = side (&shapes, 1, "time_embedding.cond_proj.weight");
  read_attention (&shapes, config);

  return finish (&shapes, error);
}

/* --- VAE ----------------------------------------------------------------------- */

gboolean
hd_vae_config_from_tensors (HdTensorSource  *source,
                            HdVaeConfig     *config,
                            GError         **error)
{
  Shapes shapes = { .source = source };
  int    n = MAX (count (&shapes, HD_VAE_MAX_LEVELS, "decoder.up_blocks.", ".resnets.0.conv1.weight"), 1);

  *config = (HdVaeConfig) {
    .in_channels = 3, .norm_groups = NORM_GROUPS, .scaling_factor = 0.18215f, .force_upcast = TRUE, .n_levels = n,
  };
  config->out_channels = side (&shapes, 0, "decoder.conv_out.weight");
  config->latent_channels = side (&shapes, 1, "decoder.conv_in.weight");
  if (has (&shapes, "encoder.conv_in.weight"))
    config->in_channels = side (&shapes, 1, "encoder.conv_in.weight");

  for (int i = 0; i < n; i++)
    {
      config->block_out_channels[i] = side (&shapes, 0, "decoder.up_blocks.%d.resnets.0.conv1.weight", n - 1 - i);
      if (config->block_out_channels[i] % NORM_GROUPS != 0)
        fail (&shapes, "expected a VAE whose channels are multiples of %d, found %d",
              NORM_GROUPS, config->block_out_channels[i]);
    }
  config->layers_per_block = MAX (count (&shapes, MAX_LAYERS, "decoder.up_blocks.0.resnets.", ".conv1.weight") - 1, 1);
  config->sample_size = 64 << (n - 1);
  config->use_quant_conv = has (&shapes, "quant_conv.weight");
  config->use_post_quant_conv = has (&shapes, "post_quant_conv.weight");
  config->mid_block_attention = has (&shapes, "decoder.mid_block.attentions.0.group_norm.weight");

  return finish (&shapes, error);
}

/* --- text encoder -------------------------------------------------------------- */

gboolean
hd_text_config_from_tensors (HdTensorSource  *source,
                             HdTextConfig    *config,
                             GError         **error)
{
  Shapes   shapes = { .source = source };
  int      width = side (&shapes, 1, "text_model.embeddings.token_embedding.weight");
  gboolean open_clip = hd_tensor_source_get_names (source)->naming == HD_NAMING_OPEN_CLIP
                       || width == OPEN_CLIP_H || width == OPEN_CLIP_BIGG;

  *config = (HdTextConfig) { .hidden_size = width, .norm_eps = NORM_EPSILON, .eos_token_id = 49407 };
  config->vocab_size = side (&shapes, 0, "text_model.embeddings.token_embedding.weight");
  config->max_positions = side (&shapes, 0, "text_model.embeddings.position_embedding.weight");
  config->layers = count (&shapes, MAX_LAYERS, "text_model.encoder.layers.", ".layer_norm1.weight");
  if (config->layers < 1)
    fail (&shapes, "expected a text encoder with layers, found none");
  config->intermediate_size = side (&shapes, 0, "text_model.encoder.layers.0.mlp.fc1.weight");
  config->heads = heads_of (width);
  config->activation = open_clip ? HD_ACTIVATION_GELU : HD_ACTIVATION_QUICK_GELU;
  config->projection_dim = has (&shapes, "text_projection.weight") ? side (&shapes, 0, "text_projection.weight") : width;

  return finish (&shapes, error);
}
