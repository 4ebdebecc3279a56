/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model_files.h"
#include "engine/text_encoder.h"
#include "engine/tokenizer.h"
#include "engine/vae.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_PROMPTS 64
#define MAX_SIDE    1024
#define MAX_STRIDE  64

/* The weights of one component of the model at @folder. */
static HdWeights *
open_weights (HdContext              *context,
              const HdModelComponent *component,
              GError                **error)
{
  g_autoptr (GPtrArray) files = hd_model_component_open (component, error);

  if (files == NULL)
    return NULL;

  return hd_weights_new (context, hd_context_get_dtype (context), (HdSafetensors **) files->pdata, files->len);
}

/* --- text ---------------------------------------------------------------------- */

static HdTextEncoder *
load_text_encoder (HdContext           *context,
                   const HdModelFiles  *files,
                   GError             **error)
{
  g_autoptr (HdWeights) weights = NULL;
  HdTextConfig          config;

  if (!hd_text_config_read (files->text_encoder.config, &config, error))
    return NULL;

  weights = open_weights (context, &files->text_encoder, error);

  return weights != NULL ? hd_text_encoder_load (context, &config, weights, error) : NULL;
}

/* The ids of the case's prompts; how many in *@n. */
static gint32 *
read_prompts (HdGoldenCase  *golden,
              HdTokenizer   *tokenizer,
              int           *n,
              GError       **error)
{
  JsonNode  *node = json_object_get_member (golden->reader.object, "prompts");
  JsonArray *prompts = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  gint32    *ids;

  *n = prompts != NULL ? (int) json_array_get_length (prompts) : 0;
  if (*n < 1 || *n > MAX_PROMPTS)
    {
      hd_config_fail (&golden->reader, "prompts", "a list of 1 to %d prompts", MAX_PROMPTS);
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return NULL;
    }

  ids = g_new (gint32, *n * HD_TOKENIZER_LENGTH);
  for (int i = 0; i < *n; i++)
    hd_tokenizer_encode (tokenizer, json_array_get_string_element (prompts, i), ids + i * HD_TOKENIZER_LENGTH);

  return ids;
}

gboolean
hd_golden_text (HdGoldenCase  *golden,
                HdContext     *context,
                const char    *model,
                GError       **error)
{
  g_autoptr (HdModelFiles)  files = hd_model_files_find (model, error);
  g_autoptr (HdTokenizer)   tokenizer = files != NULL ? hd_tokenizer_new (files->tokenizer, error) : NULL;
  g_autoptr (HdTextEncoder) encoder = tokenizer != NULL ? load_text_encoder (context, files, error) : NULL;
  g_autofree gint32        *ids = NULL;
  g_autofree float         *rows = NULL;
  g_autoptr (HdTensor)      hidden = NULL;
  gsize                     count;
  int                       n;

  if (encoder == NULL)
    return FALSE;

  ids = read_prompts (golden, tokenizer, &n, error);
  if (ids == NULL)
    return FALSE;

  count = (gsize) n * HD_TOKENIZER_LENGTH * encoder->config.hidden_size;
  rows = g_new (float, count);
  hidden = hd_text_encoder_encode (encoder, ids, n, HD_TOKENIZER_LENGTH);
  hd_download_rows (context, hidden, rows);

  return hd_context_check (context, error)
         && (hd_context_is_dry (context)
             || hd_golden_compare (golden, "text_encoder.hidden", rows, count, error));
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

  weights = open_weights (context, &files->vae, error);
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
  g_autoptr (HdTensor)  latent = NULL;
  g_autoptr (HdTensor)  image = NULL;

  hd_synth_normal (stream, count, noise);
  latent = hd_upload (context, vae->dtype, 1, vae_case->latent_height, vae_case->latent_width, channels, noise);
  image = hd_vae_decode (vae, latent);
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
  g_autoptr (HdTensor)  image = NULL;
  g_autoptr (HdTensor)  posterior = NULL;

  hd_synth_uniform (stream, pixels, planes);
  for (gsize i = 0; i < pixels; i++)
    planes[i] = 2.0f * planes[i] - 1.0f;
  image = hd_upload (context, vae->dtype, 1, height, width, 3, planes);
  posterior = hd_vae_encode (vae, image);
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

  return vae_case.encode ? compare_encoded (golden, vae, &vae_case, error)
                         : compare_decoded (golden, vae, &vae_case, error);
}
