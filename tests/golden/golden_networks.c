/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/conditioning.h"
#include "engine/memory_plan.h"
#include "engine/model.h"
#include "engine/vae.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_PROMPTS 64
#define MAX_SIDE    1024
#define MAX_STRIDE  64

/* The weights of one component of the model at @folder, as @dtype. */
static HdWeights *
open_weights (HdContext              *context,
              HdDtype                 dtype,
              const HdModelComponent *component,
              GError                **error)
{
  g_autoptr (GPtrArray) files = hd_model_component_open (component, error);

  if (files == NULL)
    return NULL;

  return hd_weights_new (context, dtype, (HdSafetensors **) files->pdata, files->len);
}

/* --- text ---------------------------------------------------------------------- */

static gboolean
add_text_encoder (HdGoldenCase   *golden,
                  HdTextModels   *text,
                  HdContext      *context,
                  const HdModel  *model,
                  const char     *path,
                  int             i,
                  GError        **error)
{
  HdModelPart            part = HD_MODEL_TEXT_ENCODER + i;
  g_autoptr (HdWeights)  weights = hd_model_open_weights (model, part, context);
  HdTokenizer           *tokenizer;

  if (!hd_golden_patch (golden, path, weights, i == 0 ? HD_LORA_TEXT_ENCODER : HD_LORA_TEXT_ENCODER_2, error))
    return FALSE;

  tokenizer = hd_model_new_tokenizer (model, i, error);

  return tokenizer != NULL
         && hd_text_models_add (text, context, tokenizer, &model->text[i], weights,
                                hd_model_get_config_path (model, part), error);
}

static gboolean
load_text_models (HdGoldenCase  *golden,
                  HdTextModels  *text,
                  HdContext     *context,
                  const char    *path,
                  GError       **error)
{
  g_autoptr (HdModel) model = hd_model_open (path, NULL, error);

  if (model == NULL)
    return FALSE;

  for (int i = 0; i < model->n_text; i++)
    if (!add_text_encoder (golden, text, context, model, path, i, error))
      return FALSE;

  return TRUE;
}

/* The case's prompts: (transfer full) (array zero-terminated=1). */
static char **
read_prompts (HdGoldenCase  *golden,
              GError       **error)
{
  JsonNode  *node = json_object_get_member (golden->reader.object, "prompts");
  JsonArray *prompts = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint      n = prompts != NULL ? json_array_get_length (prompts) : 0;
  char     **strings;

  if (n < 1 || n > MAX_PROMPTS)
    {
      hd_config_fail (&golden->reader, "prompts", "a list of 1 to %d prompts", MAX_PROMPTS);
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return NULL;
    }

  strings = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    strings[i] = g_strdup (json_array_get_string_element (prompts, i));

  return strings;
}

/* The encoders' hidden states lie side by side in the channels. */
static gboolean
compare_hidden (HdGoldenCase        *golden,
                const HdTextModels  *text,
                const HdTensor      *hidden,
                GError             **error)
{
  static const char * const names[] = { "text_encoder.hidden", "text_encoder_2.hidden" };
  gsize                     tokens = (gsize) hd_tensor_pixels (hidden);
  gsize                     channels = hidden->channels;
  g_autofree float         *rows = g_new (float, tokens * channels);
  g_autofree float         *part = g_new (float, tokens * channels);
  gsize                     first = 0;

  hd_download_rows (text->context, hidden, rows);
  if (!hd_context_check (text->context, error))
    return FALSE;

  for (int e = 0; e < text->n; e++)
    {
      gsize width = text->encoders[e]->config.hidden_size;

      for (gsize t = 0; t < tokens; t++)
        memcpy (part + t * width, rows + t * channels + first, width * sizeof *part);
      if (!hd_golden_compare (golden, names[e], part, tokens * width, error))
        return FALSE;
      first += width;
    }

  return TRUE;
}

static gboolean
compare_pooled (HdGoldenCase    *golden,
                HdContext       *context,
                const HdTensor  *pooled,
                GError         **error)
{
  gsize             count = (gsize) hd_tensor_elements (pooled);
  g_autofree float *rows = g_new (float, count);

  hd_download_rows (context, pooled, rows);

  return hd_context_check (context, error) && hd_golden_compare (golden, "pooled", rows, count, error);
}

gboolean
hd_golden_text (HdGoldenCase  *golden,
                HdContext     *context,
                const char    *model,
                GError       **error)
{
  g_auto (HdTextModels)    text = { 0 };
  g_auto (HdConditioning)  conditioning = { 0 };
  g_auto (GStrv)           prompts = read_prompts (golden, error);

  if (prompts == NULL
      || !load_text_models (golden, &text, context, model, error)
      || !hd_conditioning_encode (&text, (const char * const *) prompts, (int) g_strv_length (prompts),
                                  &(HdConditioningOptions) { .plain = TRUE }, &conditioning, error))
    return FALSE;

  if (hd_context_is_dry (context))
    return TRUE;

  return compare_hidden (golden, &text, conditioning.hidden, error)
         && (conditioning.pooled == NULL || compare_pooled (golden, context, conditioning.pooled, error));
}

/* --- VAE ----------------------------------------------------------------------- */

static HdVae *
load_vae (HdContext           *context,
          const HdModelFiles  *files,
          gboolean             encoder,
          GError             **error)
{
  g_autoptr (HdWeights) weights = NULL;
  g_autoptr (HdVae)     vae = NULL;
  HdVaeConfig           config;

  if (!hd_vae_config_read (files->vae.config, &config, error))
    return NULL;

  weights = open_weights (context, hd_vae_dtype (context, &config), &files->vae, error);
  vae = weights != NULL ? hd_vae_load (context, &config, weights, error) : NULL;
  if (vae == NULL || (encoder && !hd_vae_load_encoder (vae, weights, error)))
    return NULL;

  return g_steal_pointer (&vae);
}

/* What a VAE's case asks for. */
typedef struct
{
  gboolean encode;
  int      stride;
  int      latent_height;
  int      latent_width;
} VaeCase;

static gboolean
read_vae_case (HdGoldenCase  *golden,
               VaeCase       *vae_case,
               GError       **error)
{
  static const char * const directions[] = { "decode", "encode", NULL };
  int                       latent[2] = { 0 };
  int                       n;

  vae_case->encode = hd_config_enum (&golden->reader, "direction", 0, directions) == 1;
  vae_case->stride = hd_config_int (&golden->reader, "stride", 1, 1, MAX_STRIDE);
  n = hd_config_ints (&golden->reader, "latent", NULL, 0, 1, MAX_SIDE, latent, 2);
  if (golden->reader.error == NULL && n != 2)
    hd_config_fail (&golden->reader, "latent", "height and width");
  vae_case->latent_height = latent[0];
  vae_case->latent_width = latent[1];

  if (golden->reader.error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&golden->reader.error));

  return FALSE;
}

static gboolean
compare_decoded (HdGoldenCase   *golden,
                 HdVae          *vae,
                 const VaeCase  *vae_case,
                 GError        **error)
{
  HdContext            *context = vae->context;
  int                   channels = vae->config.latent_channels;
  int                   height = vae_case->latent_height * hd_vae_factor (&vae->config);
  int                   width = vae_case->latent_width * hd_vae_factor (&vae->config);
  gsize                 count = (gsize) channels * vae_case->latent_height * vae_case->latent_width;
  g_autofree char      *stream = hd_golden_stream (golden, "latent");
  g_autofree float     *noise = g_new (float, count);
  g_autofree float     *planes = g_new (float, (gsize) 3 * height * width);
  const HdBands         bands = { .again = (golden->splits & HD_SPLIT_VAE_AGAIN) != 0 };
  g_autoptr (HdTensor)  latent = NULL;
  g_autoptr (HdTensor)  image = NULL;

  hd_synth_normal (stream, count, noise);
  latent = hd_upload (context, vae->dtype, 1, vae_case->latent_height, vae_case->latent_width, channels, noise);
  image = (golden->splits & HD_SPLIT_VAE) != 0 ? hd_vae_decode_in_bands (vae, latent, &bands)
                                               : hd_vae_decode (vae, latent);
  hd_download (context, image, planes);

  return hd_context_check (context, error)
         && (hd_context_is_dry (context)
             || hd_golden_compare_strided (golden, "image", planes, 3, height, width, vae_case->stride, error));
}

/* The picture is 2 U(NAME/image) - 1. */
static gboolean
compare_encoded (HdGoldenCase   *golden,
                 HdVae          *vae,
                 const VaeCase  *vae_case,
                 GError        **error)
{
  HdContext            *context = vae->context;
  int                   height = vae_case->latent_height * hd_vae_factor (&vae->config);
  int                   width = vae_case->latent_width * hd_vae_factor (&vae->config);
  gsize                 pixels = (gsize) 3 * height * width;
  gsize                 count = (gsize) vae->config.latent_channels * vae_case->latent_height * vae_case->latent_width;
  g_autofree char      *stream = hd_golden_stream (golden, "image");
  g_autofree float     *planes = g_new (float, pixels);
  g_autofree float     *moments = g_new (float, 2 * count);
  const HdBands         bands = { .again = (golden->splits & HD_SPLIT_VAE_AGAIN) != 0 };
  g_autoptr (HdTensor)  image = NULL;
  g_autoptr (HdTensor)  posterior = NULL;

  hd_synth_uniform (stream, pixels, planes);
  for (gsize i = 0; i < pixels; i++)
    planes[i] = 2.0f * planes[i] - 1.0f;
  image = hd_upload (context, vae->dtype, 1, height, width, 3, planes);
  posterior = (golden->splits & HD_SPLIT_VAE) != 0 ? hd_vae_encode_in_bands (vae, image, &bands)
                                                   : hd_vae_encode (vae, image);
  hd_download (context, posterior, moments);
  if (!hd_context_check (context, error))
    return FALSE;
  if (hd_context_is_dry (context))
    return TRUE;

  for (gsize i = count; i < 2 * count; i++)
    moments[i] = hd_vae_clamp_log_variance (moments[i]);

  return hd_golden_compare (golden, "mean", moments, count, error)
         && hd_golden_compare (golden, "logvar", moments + count, count, error);
}

gboolean
hd_golden_vae (HdGoldenCase  *golden,
               HdContext     *context,
               const char    *model,
               GError       **error)
{
  g_autoptr (HdModelFiles)  files = NULL;
  g_autoptr (HdVae)         vae = NULL;
  VaeCase                   vae_case;

  if (!read_vae_case (golden, &vae_case, error))
    return FALSE;

  files = hd_model_files_find (model, error);
  vae = files != NULL ? load_vae (context, files, vae_case.encode, error) : NULL;
  if (vae == NULL)
    return FALSE;

  golden->dtype = vae->dtype;

  return vae_case.encode ? compare_encoded (golden, vae, &vae_case, error)
                         : compare_decoded (golden, vae, &vae_case, error);
}
