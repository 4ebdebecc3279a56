/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/control_net.h"

#include "engine/config_reader.h"
#include "engine/model_files.h"
#include "engine/single_file.h"
#include "kernels/i18n.h"

#define HINT         "controlnet_cond_embedding"
#define MAX_CHANNELS 65536

/* --- what the file holds ------------------------------------------------------ */

static gboolean
has (HdTensorSource *source,
     const char     *format,
     ...) G_GNUC_PRINTF (2, 3);

static gboolean
has (HdTensorSource *source,
     const char     *format,
     ...)
{
  g_autofree char *name = NULL;
  HdFoundTensor    found;
  va_list          args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);

  return hd_tensor_source_find (source, name, &found);
}

/* A side of the tensor @name, or 0. */
static int
side_of (HdTensorSource *source,
         const char     *name,
         int             side)
{
  HdFoundTensor found;

  if (!hd_tensor_source_find (source, name, &found) || side >= found.entry.n_dimensions
      || found.entry.shape[side] > MAX_CHANNELS)
    return 0;

  return (int) found.entry.shape[side];
}

/* Number of blocks in the transformer @name, 0 if there is none; one that has lost its blocks is asked for the first. */
static int
count_transformer_blocks (HdTensorSource *source,
                          const char     *name)
{
  int n = 0;

  while (has (source, "%s.transformer_blocks.%d.norm1.weight", name, n))
    n++;

  return n == 0 && has (source, "%s.norm.weight", name) ? 1 : n;
}

/* The ControlNet's configuration: its U-Net's, but smaller ones leave attentions out. */
static void
derive_config (HdTensorSource     *source,
               const HdUnetConfig *unet,
               HdUnetConfig       *config)
{
  int deepest = unet->n_levels - 1;

  *config = *unet;
  config->in_channels = unet->out_channels;
  config->time_cond_proj_dim = 0;
  config->text_time = has (source, "add_embedding.linear_1.weight");

  for (int i = 0; i < config->n_levels; i++)
    {
      g_autofree char *name = g_strdup_printf ("down_blocks.%d.attentions.0", i);

      config->transformer_layers[i] = count_transformer_blocks (source, name);
      config->down_blocks[i] = config->transformer_layers[i] > 0 ? HD_BLOCK_CROSS_ATTENTION : HD_BLOCK_PLAIN;
    }

  /* The deepest level shares its number of blocks with the middle; should they differ, one lacks tensors. */
  config->transformer_layers[deepest] = MAX (config->transformer_layers[deepest],
                                             count_transformer_blocks (source, "mid_block.attentions.0"));
}

/* --- whether it fits ---------------------------------------------------------- */

static HdFamily
family_of (const HdUnetConfig *unet)
{
  if (unet->text_time)
    return HD_FAMILY_SDXL;

  return unet->use_linear_projection ? HD_FAMILY_SD2 : HD_FAMILY_SD1;
}

/* Networks that look like a ControlNet and are evaluated in another way. */
static gboolean
check_kind (HdTensorSource  *source,
            GError         **error)
{
  static const struct { const char *name; const char *what; } others[] = {
    { "task_embedding", N_("a ControlNet Union") },
    { "lora_controlnet", N_("a Control-LoRA") },
    { "controlnet_mid_block.0.weight", N_("a SparseCtrl network") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (has (source, "%s", others[i].name))
      {
        g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, _("%s: expected a ControlNet, found %s"),
                     hd_tensor_source_get_path (source), _(others[i].what));
        return FALSE;
      }

  return TRUE;
}

/* The width of the text and of the first convolution tell the family. */
static gboolean
check_family (HdTensorSource      *source,
              const HdUnetConfig  *unet,
              const HdUnetConfig  *config,
              GError             **error)
{
  const char *family = hd_family_name (family_of (unet));
  int         channels = side_of (source, "conv_in.weight", 0);
  int         text = unet->cross_attention_dim;

  for (int i = 0; i <= config->n_levels; i++)
    {
      g_autofree char *name = i < config->n_levels
                              ? g_strdup_printf ("down_blocks.%d.attentions.0.transformer_blocks.0.attn2.to_k.weight", i)
                              : g_strdup ("mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight");

      if (has (source, "%s", name))
        text = side_of (source, name, 1);
    }

  if (text != unet->cross_attention_dim)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 _("%s: expected a ControlNet for %s, whose text has %d channels, found one for text of %d"),
                 hd_tensor_source_get_path (source), family, unet->cross_attention_dim, text);
  else if (channels != unet->block_out_channels[0])
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 _("%s: expected a ControlNet for %s, whose first block has %d channels, found one with %d"),
                 hd_tensor_source_get_path (source), family, unet->block_out_channels[0], channels);
  else if (config->text_time != unet->text_time)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                 "%s: expected a ControlNet for %s, %s an embedding of the picture's size, found one %s",
                 hd_tensor_source_get_path (source), family, unet->text_time ? "with" : "without",
                 unet->text_time ? "without" : "with");
  else
    return TRUE;

  return FALSE;
}

/* --- loading ------------------------------------------------------------------ */

/* The channels of the hint's convolutions are the file's own affair; what is fixed is the size that they lead to. */
static gboolean
load_hint (HdControlNet    *net,
           HdWeights       *weights,
           int              factor,
           GError         **error)
{
  int channels = side_of (net->source, HINT ".conv_in.weight", 0);
  int picture = 3;

  while (net->n_hint_blocks < HD_CONTROL_NET_MAX_HINT_BLOCKS && has (net->source, HINT ".blocks.%d.weight", net->n_hint_blocks))
    net->n_hint_blocks++;

  if (channels < 1 || net->n_hint_blocks % 2 != 0 || 1 << net->n_hint_blocks / 2 != factor)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected a ControlNet that reads a picture %d times the latents' size, found %d convolutions in "
                   HINT ".blocks", hd_tensor_source_get_path (net->source), factor, net->n_hint_blocks);
      return FALSE;
    }

  hd_weights_conv (weights, &net->hint_in, channels, picture, 3, TRUE, HINT ".conv_in");
  for (int i = 0; i < net->n_hint_blocks; i++)
    {
      g_autofree char *name = g_strdup_printf (HINT ".blocks.%d.weight", i);
      int              out = MAX (side_of (net->source, name, 0), 1);

      hd_weights_conv (weights, &net->hint_blocks[i], out, channels, 3, TRUE, HINT ".blocks.%d", i);
      channels = out;
    }
  hd_weights_conv (weights, &net->hint_out, net->config.block_out_channels[0], channels, 3, TRUE, HINT ".conv_out");

  return TRUE;
}

/* One convolution for each skip, in their order: of the first convolution, of every layer, of every downsampler. */
static void
load_outputs (HdControlNet *net,
              HdWeights    *weights)
{
  const HdUnetConfig *config = &net->config;
  int                 deepest = config->block_out_channels[config->n_levels - 1];
  int                 skip = 0;

  net->n_skips = config->n_levels * (config->layers_per_block + 1);
  net->skips_out = g_new0 (HdLinear, net->n_skips);
  for (int i = 0; i < config->n_levels; i++)
    {
      int here = config->block_out_channels[i];
      int above = config->block_out_channels[MAX (i - 1, 0)];

      for (int j = 0; j <= config->layers_per_block; j++, skip++)
        {
          int c = j == 0 ? above : here;

          hd_weights_linear (weights, &net->skips_out[skip], c, c, TRUE, "controlnet_down_blocks.%d", skip);
        }
    }

  hd_weights_linear (weights, &net->middle_out, deepest, deepest, TRUE, "controlnet_mid_block");
}

static HdControlNet *
load (HdContext           *context,
      HdTensorSource      *source,
      const HdUnetConfig  *unet,
      int                  factor,
      GError             **error)
{
  g_autoptr (HdControlNet) net = g_new0 (HdControlNet, 1);
  g_autoptr (HdWeights)    weights = NULL;

  net->context = hd_context_ref (context);
  net->source = hd_tensor_source_ref (source);
  derive_config (source, unet, &net->config);
  if (!check_kind (source, error) || !check_family (source, unet, &net->config, error))
    return NULL;

  weights = hd_weights_new_from (context, hd_context_get_dtype (context), source);
  hd_unet_encoder_load (&net->encoder, weights, &net->config);
  if (!load_hint (net, weights, factor, error))
    return NULL;
  load_outputs (net, weights);
  if (!hd_weights_finish (weights, error))
    return NULL;

  return g_steal_pointer (&net);
}

/* --- its files ---------------------------------------------------------------- */

/* What would make another network of a ControlNetModel than the engine computes; its sizes are read off the tensors. */
static gboolean
check_config (const char  *path,
              GError     **error)
{
  HdConfigReader reader;

  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  hd_config_expect (&reader, "_class_name", "\"ControlNetModel\"");
  hd_config_expect (&reader, "act_fn", "\"silu\"|\"swish\"");
  hd_config_expect (&reader, "class_embed_type", "null");
  hd_config_expect (&reader, "conditioning_channels", "3");
  hd_config_expect (&reader, "controlnet_conditioning_channel_order", "\"rgb\"");
  hd_config_expect (&reader, "encoder_hid_dim", "null");
  hd_config_expect (&reader, "global_pool_conditions", "false|null");

  return hd_config_reader_close (&reader, error);
}

static HdTensorSource *
open_folder (const char  *path,
             GError     **error)
{
  g_autoptr (HdModelComponent) component = hd_model_component_find (path, "controlnet", "diffusion_pytorch_model",
                                                                     error);
  g_autoptr (GPtrArray)        files = NULL;

  if (component == NULL || !check_config (component->config, error))
    return NULL;

  files = hd_model_component_open (component, error);

  return files != NULL ? hd_tensor_source_new ((HdSafetensors **) files->pdata, files->len, NULL) : NULL;
}

static HdTensorSource *
open_file (const char  *path,
           GError     **error)
{
  g_autoptr (HdSafetensors) file = hd_safetensors_open (path, error);
  HdSingleFile              contents;

  if (file == NULL)
    return NULL;

  hd_single_file_recognise (file, &contents);
  if (contents.kind != HD_FILE_CONTROL_NET)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, _("%s: expected a ControlNet, found %s"), path,
                   _(contents.description));
      return NULL;
    }

  return hd_tensor_source_new (&file, 1, &contents.unet);
}

HdControlNet *
hd_control_net_load (HdContext           *context,
                     const char          *path,
                     const HdUnetConfig  *unet,
                     int                  factor,
                     GError             **error)
{
  g_autoptr (HdTensorSource) source = NULL;

  source = g_file_test (path, G_FILE_TEST_IS_DIR) ? open_folder (path, error) : open_file (path, error);

  return source != NULL ? load (context, source, unet, factor, error) : NULL;
}
