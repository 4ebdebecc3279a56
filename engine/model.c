/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model.h"

#include "engine/config_shapes.h"
#include "engine/data_file.h"
#include "engine/model_hints.h"
#include "engine/vae.h"
#include "kernels/i18n.h"

#define VOCABULARY         "clip/merges.txt.gz"
#define OPEN_CLIP_PADDING  "!"
#define SDXL_VAE_SCALING   0.13025f
#define SIZE_NUMBERS       6           /* SDXL's original size, crop and target size */

/* Stable Diffusion 2 reads the last layer but one of OpenCLIP's ViT-H, so folders hold 23 of its 24 layers. */
#define OPEN_CLIP_H        1024
#define OPEN_CLIP_H_LAYERS 24

/* @tokenizers are read when they are asked for first, under @mutex. */
typedef struct
{
  gatomicrefcount  ref_count;
  GMutex           mutex;
  HdTokenizer     *tokenizers[HD_MAX_TEXT_ENCODERS];
  HdModel          model;
} Box;

static Box *
box_of (HdModel *model)
{
  return (Box *) ((char *) model - G_STRUCT_OFFSET (Box, model));
}

HdModel *
hd_model_ref (HdModel *model)
{
  g_atomic_ref_count_inc (&box_of (model)->ref_count);

  return model;
}

void
hd_model_unref (HdModel *model)
{
  if (model == NULL || !g_atomic_ref_count_dec (&box_of (model)->ref_count))
    return;

  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    hd_tensor_source_unref (model->sources[i]);
  for (int i = 0; i < HD_MAX_TEXT_ENCODERS; i++)
    hd_tokenizer_unref (box_of (model)->tokenizers[i]);
  g_mutex_clear (&box_of (model)->mutex);
  hd_model_files_free (model->files);
  g_free (model->ratios);
  g_free (box_of (model));
}

static HdModel *
model_new (void)
{
  Box *box = g_new0 (Box, 1);

  g_atomic_ref_count_init (&box->ref_count);
  g_mutex_init (&box->mutex);

  return &box->model;
}

const char *
hd_model_part_name (HdModelPart part)
{
  static const char * const names[] = { "unet", "vae", "text_encoder", "text_encoder_2" };

  return names[part];
}

const char *
hd_distillation_name (HdDistillation distillation)
{
  return hd_distillation_words ()[distillation + 1];
}

const char *
hd_prediction_name (HdPrediction prediction)
{
  return hd_prediction_words ()[prediction + 1];
}

/* --- opening a folder ---------------------------------------------------------- */

static gboolean
open_component (HdModel                 *model,
                HdModelPart              part,
                const HdModelComponent  *component,
                GError                 **error)
{
  g_autoptr (GPtrArray) files = hd_model_component_open (component, error);

  if (files == NULL)
    return FALSE;

  model->sources[part] = hd_tensor_source_new ((HdSafetensors **) files->pdata, files->len, NULL);

  return TRUE;
}

static gboolean
open_folder (HdModel  *model,
             GError  **error)
{
  const HdModelFiles *files = model->files;

  if (!hd_unet_config_read (files->unet.config, &model->unet, error)
      || !hd_vae_config_read (files->vae.config, &model->vae, error)
      || !hd_text_config_read (files->text_encoder.config, &model->text[0], error)
      || !open_component (model, HD_MODEL_UNET, &files->unet, error)
      || !open_component (model, HD_MODEL_VAE, &files->vae, error)
      || !open_component (model, HD_MODEL_TEXT_ENCODER, &files->text_encoder, error))
    return FALSE;

  model->n_text = 1;
  if (*files->text_encoder_2.weights == NULL)
    return TRUE;

  model->n_text = 2;
  return hd_text_config_read (files->text_encoder_2.config, &model->text[1], error)
         && open_component (model, HD_MODEL_TEXT_ENCODER_2, &files->text_encoder_2, error);
}

/* --- opening a single file ----------------------------------------------------- */

static gboolean
check_kind (const HdModel       *model,
            const HdSingleFile  *contents,
            GError             **error)
{
  if (contents->kind == HD_FILE_CHECKPOINT)
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
               _("%s: expected a checkpoint of Stable Diffusion 1, 2 or XL with its UNet, VAE and text encoder, found %s"),
               model->files->single_file, _(contents->description));
  return FALSE;
}

static gboolean
read_shapes (HdModel             *model,
             const HdSingleFile  *contents,
             GError             **error)
{
  if (!hd_unet_config_from_tensors (model->sources[HD_MODEL_UNET], &model->unet, error)
      || !hd_vae_config_from_tensors (model->sources[HD_MODEL_VAE], &model->vae, error))
    return FALSE;

  for (int i = 0; i < contents->n_text; i++)
    if (!hd_text_config_from_tensors (model->sources[HD_MODEL_TEXT_ENCODER + i], &model->text[i], error))
      return FALSE;

  return TRUE;
}

/* What of a configuration is no shape. */
static gboolean
complete_shapes (HdModel             *model,
                 const HdSingleFile  *contents,
                 GError             **error)
{
  HdTextConfig *first = &model->text[0];
  int           left;

  if (contents->family == HD_FAMILY_SD2 && contents->text[0].naming == HD_NAMING_OPEN_CLIP && first->layers > 1
      && !(first->hidden_size == OPEN_CLIP_H && first->layers < OPEN_CLIP_H_LAYERS))
    first->layers--;

  if (!model->unet.text_time)
    return TRUE;

  model->vae.scaling_factor = SDXL_VAE_SCALING;
  left = model->unet.addition_input_dim - (model->n_text == 2 ? model->text[1].projection_dim : 0);
  if (left <= 0 || left % (2 * SIZE_NUMBERS) != 0)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                   "%s: expected a UNet that takes the pooled text of width %d and six numbers, found one that takes %d",
                   model->files->single_file, model->text[1].projection_dim, model->unet.addition_input_dim);
      return FALSE;
    }
  model->unet.addition_time_embed_dim = left / SIZE_NUMBERS;

  return TRUE;
}

static gboolean
open_single_file (HdModel  *model,
                  GError  **error)
{
  g_autoptr (HdSafetensors) file = hd_safetensors_open (model->files->single_file, error);
  HdSingleFile              contents;

  if (file == NULL)
    return FALSE;

  hd_single_file_recognise (file, &contents);
  if (!check_kind (model, &contents, error))
    return FALSE;

  model->sources[HD_MODEL_UNET] = hd_tensor_source_new (&file, 1, &contents.unet);
  model->sources[HD_MODEL_VAE] = hd_tensor_source_new (&file, 1, &contents.vae);
  model->n_text = contents.n_text;
  for (int i = 0; i < contents.n_text; i++)
    model->sources[HD_MODEL_TEXT_ENCODER + i] = hd_tensor_source_new (&file, 1, &contents.text[i]);

  return read_shapes (model, &contents, error) && complete_shapes (model, &contents, error);
}

const char *
hd_model_get_config_path (const HdModel *model,
                          HdModelPart    part)
{
  const HdModelFiles     *files = model->files;
  const HdModelComponent *components[] = { &files->unet, &files->vae, &files->text_encoder, &files->text_encoder_2 };

  return components[part]->config != NULL ? components[part]->config : files->folder;
}

/* --- whether the parts fit together -------------------------------------------- */

G_GNUC_PRINTF (4, 5)
static gboolean
fail (const HdModel  *model,
      HdModelPart     part,
      GError        **error,
      const char     *format,
      ...)
{
  g_autofree char *message = NULL;
  va_list          args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL, "%s: %s", hd_model_get_config_path (model, part), message);

  return FALSE;
}

static gboolean
check_text (const HdModel  *model,
            GError        **error)
{
  const HdUnetConfig *unet = &model->unet;
  int                 n_expected = unet->text_time ? 2 : 1;
  int                 width = 0;

  if (model->n_text != n_expected)
    return fail (model, HD_MODEL_UNET, error, "expected %d text encoder%s for this UNet, found %d%s", n_expected,
                 n_expected > 1 ? "s" : "", model->n_text, n_expected > 1 ? ": \"text_encoder_2\" is missing" : "");

  for (int i = 0; i < model->n_text; i++)
    {
      if (model->text[i].max_positions < HD_TOKENIZER_LENGTH)
        return fail (model, HD_MODEL_TEXT_ENCODER + i, error, "expected at least %d positions, found %d",
                     HD_TOKENIZER_LENGTH, model->text[i].max_positions);
      width += model->text[i].hidden_size;
    }
  if (unet->cross_attention_dim != width)
    return fail (model, HD_MODEL_UNET, error,
                 "expected the text encoder%s %d channels for cross-attention, found %d",
                 model->n_text > 1 ? "s'" : "'s", width, unet->cross_attention_dim);

  if (unet->text_time
      && unet->addition_input_dim != model->text[1].projection_dim + SIZE_NUMBERS * unet->addition_time_embed_dim)
    return fail (model, HD_MODEL_UNET, error,
                 "expected a size embedding of the pooled text's %d channels and six times %d, found %d",
                 model->text[1].projection_dim, unet->addition_time_embed_dim, unet->addition_input_dim);

  return TRUE;
}

static gboolean
check_parts (HdModel  *model,
             GError  **error)
{
  const HdUnetConfig *unet = &model->unet;
  const HdVaeConfig  *vae = &model->vae;

  if (!check_text (model, error))
    return FALSE;

  if (vae->latent_channels != unet->out_channels || vae->in_channels != 3 || vae->out_channels != 3)
    return fail (model, HD_MODEL_VAE, error,
                 "expected %d latent channels and 3 of the picture, found %d, and %d and %d", unet->out_channels,
                 vae->latent_channels, vae->in_channels, vae->out_channels);

  if (unet->in_channels != unet->out_channels && !model->inpainting)
    return fail (model, HD_MODEL_UNET, error,
                 "expected %d input channels, or %d of a model for inpainting, found %d",
                 unet->out_channels, 2 * unet->out_channels + 1, unet->in_channels);

  return TRUE;
}

/* --- all of it ----------------------------------------------------------------- */

static HdFamily
recognise_family (const HdUnetConfig *unet)
{
  if (unet->text_time)
    return HD_FAMILY_SDXL;

  return unet->use_linear_projection ? HD_FAMILY_SD2 : HD_FAMILY_SD1;
}

static const char *
find_dtype (const HdModel *model)
{
  HdFoundTensor found;

  return hd_tensor_source_find (model->sources[HD_MODEL_UNET], "conv_in.weight", &found) ? found.entry.dtype_name : "";
}

static gboolean
read_ratios (HdModel  *model,
             GError  **error)
{
  if (model->files->hidiffusion == NULL)
    return TRUE;

  model->ratios = g_new0 (HdHiDiffusionRatios, 1);

  return hd_hidiffusion_ratios_read (model->files->hidiffusion, model->ratios, error);
}

HdModel *
hd_model_open (const char            *path,
               const HdModelOptions  *options,
               GError               **error)
{
  g_autoptr (HdModel) model = model_new ();

  model->files = hd_model_files_find (path, error);
  if (model->files == NULL)
    return NULL;

  if (!(model->files->single_file != NULL ? open_single_file (model, error) : open_folder (model, error)))
    return NULL;

  model->family = recognise_family (&model->unet);
  model->inpainting = model->unet.in_channels == 2 * model->unet.out_channels + 1;
  model->dtype_name = find_dtype (model);
  model->factor = 1 << (model->vae.n_levels - 1);
  if (!check_parts (model, error) || !hd_model_read_scheduler (model, options, error) || !read_ratios (model, error))
    return NULL;

  if (model->family == HD_FAMILY_SDXL && model->distillation == HD_DISTILLATION_TURBO)
    model->family = HD_FAMILY_SDXL_TURBO;
  if (model->unet.sample_size == 0)
    model->unet.sample_size = hd_model_guess_sample_size (model);
  model->native_size = model->unet.sample_size * model->factor;

  return g_steal_pointer (&model);
}

gboolean
hd_model_has_part (const HdModel *model,
                   HdModelPart    part)
{
  return model->sources[part] != NULL;
}

HdTensorSource *
hd_model_get_source (const HdModel *model,
                     HdModelPart    part)
{
  return model->sources[part];
}

HdWeights *
hd_model_open_weights (const HdModel *model,
                       HdModelPart    part,
                       HdContext     *context)
{
  HdDtype dtype = part == HD_MODEL_VAE ? hd_vae_dtype (context, &model->vae) : hd_context_get_dtype (context);

  return hd_weights_new_from (context, dtype, model->sources[part]);
}

static HdTokenizer *
read_tokenizer (const HdModel  *model,
                int             index,
                GError        **error)
{
  const char      *own = index == 0 ? model->files->tokenizer : model->files->tokenizer_2;
  gboolean         open_clip = model->text[index].activation == HD_ACTIVATION_GELU;
  g_autofree char *merges = NULL;

  if (own != NULL)
    return hd_tokenizer_new (own, error);

  merges = hd_data_file_find (VOCABULARY, error);
  if (merges == NULL)
    return NULL;

  return hd_tokenizer_new_clip (merges, open_clip ? OPEN_CLIP_PADDING : NULL, error);
}

HdTokenizer *
hd_model_new_tokenizer (const HdModel  *model,
                        int             index,
                        GError        **error)
{
  Box         *box = box_of ((HdModel *) model);
  HdTokenizer *tokenizer;

  g_mutex_lock (&box->mutex);
  if (box->tokenizers[index] == NULL)
    box->tokenizers[index] = read_tokenizer (model, index, error);
  tokenizer = box->tokenizers[index] != NULL ? hd_tokenizer_ref (box->tokenizers[index]) : NULL;
  g_mutex_unlock (&box->mutex);

  return tokenizer;
}

gboolean
hd_model_check_files (const HdModel  *model,
                      GError        **error)
{
  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    for (guint j = 0; model->sources[i] != NULL && j < hd_tensor_source_get_n_files (model->sources[i]); j++)
      if (!hd_safetensors_check (hd_tensor_source_get_file (model->sources[i], j), error))
        return FALSE;

  return TRUE;
}

/* --- defaults ------------------------------------------------------------------ */

void
hd_model_get_defaults (const HdModel   *model,
                       HdModelDefaults *defaults)
{
  int named_steps = hd_model_name_steps (model->files->name);

  *defaults = (HdModelDefaults) {
    .size = model->native_size, .steps = 25, .guidance_scale = 7.5, .sampler = "dpmpp_2m", .schedule = "karras",
  };
  if (model->family == HD_FAMILY_SDXL)
    {
      defaults->steps = 30;
      defaults->guidance_scale = 6.0;
    }
  /* Such a schedule begins where there is no signal: Karras sigmas, which need a finite one, are not for it. */
  if (model->scheduler.zero_terminal_snr)
    {
      defaults->sampler = "ddim";
      defaults->schedule = "trailing";
    }

  switch (model->distillation)
    {
    case HD_DISTILLATION_NONE:
      break;
    case HD_DISTILLATION_TURBO:
      defaults->sampler = "euler_a";
      defaults->schedule = "trailing";
      defaults->steps = 4;
      defaults->guidance_scale = 1.0;
      break;
    case HD_DISTILLATION_LCM:
      defaults->sampler = "lcm";
      defaults->schedule = "auto";
      defaults->steps = 6;
      /* With a guidance embedding the scale is told to the UNet and costs nothing. */
      defaults->guidance_scale = model->unet.time_cond_proj_dim > 0 ? 8.0 : 1.0;
      break;
    case HD_DISTILLATION_LIGHTNING:
      defaults->sampler = "euler";
      defaults->schedule = "trailing";
      defaults->steps = named_steps > 0 ? named_steps : 4;
      defaults->guidance_scale = 1.0;
      break;
    }
}
