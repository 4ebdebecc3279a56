/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model_hints.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/config_reader.h"
#include "engine/file.h"
#include "kernels/host.h"

#define MAX_TRAINING_BYTES (256 << 10)

/* Of Stable Diffusion 2's last norm bias: models that predict v lie above, those that predict noise below. */
#define V_SPREAD 0.09

/* Sides in pixels that a checkpoint's metadata may claim. */
#define MIN_RESOLUTION 128
#define MAX_RESOLUTION 4096

/* --- options ------------------------------------------------------------------- */

const char * const *
hd_prediction_words (void)
{
  static const char * const words[] = { "auto", "epsilon", "v", "sample", NULL };

  return words;
}

const char * const *
hd_distillation_words (void)
{
  static const char * const words[] = { "auto", "none", "turbo", "lcm", "lightning", NULL };

  return words;
}

/* The value that @word stands for; -1 for "auto". */
static gboolean
read_option (const char          *what,
             const char          *word,
             const char * const  *words,
             int                 *value,
             GError             **error)
{
  g_autofree char *list = NULL;

  *value = -1;
  if (word == NULL)
    return TRUE;
  for (int i = 0; words[i] != NULL; i++)
    if (strcmp (words[i], word) == 0)
      {
        *value = i - 1;
        return TRUE;
      }

  list = g_strjoinv (", ", (char **) words);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s: expected one of %s; found \"%s\"", what, list, word);
  return FALSE;
}

/* --- what a single file tells -------------------------------------------------- */

static HdSafetensors *
get_file (const HdModel *model)
{
  return hd_tensor_source_get_file (model->sources[HD_MODEL_UNET], 0);
}

/* Names of models, without what people put between words: "SDXL Turbo-v1" is "sdxlturbov1". */
static char *
squeeze (const char *text)
{
  GString *squeezed = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p++)
    if (strchr (" _-.", *p) == NULL)
      g_string_append_c (squeezed, g_ascii_tolower (*p));

  return g_string_free (squeezed, FALSE);
}

/* Whether @word stands in @text with no letter on either side. */
static gboolean
has_word (const char *text,
          const char *word)
{
  g_autofree char *lower = g_ascii_strdown (text, -1);

  for (const char *p = lower; (p = strstr (p, word)) != NULL; p++)
    if ((p == lower || !g_ascii_isalpha (p[-1])) && !g_ascii_isalpha (p[strlen (word)]))
      return TRUE;

  return FALSE;
}

/* A training's configuration is YAML; of it only the line  parameterization: "v"  is of interest. */
static gboolean
training_says_v (const char  *path,
                 gboolean    *says_v,
                 GError     **error)
{
  g_autofree char *text = hd_file_contents (path, MAX_TRAINING_BYTES, NULL, error);
  g_auto (GStrv)   lines = NULL;

  if (text == NULL)
    return FALSE;

  *says_v = FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      const char *value = g_strstrip (*line);

      if (!g_str_has_prefix (value, "parameterization:"))
        continue;
      value += strlen ("parameterization:");
      while (*value != '\0' && strchr (" \"'", *value) != NULL)
        value++;
      *says_v = *value == 'v';
    }

  return TRUE;
}

/* The standard deviation of the bias of the last self-attention's norm; -1 if there is no such tensor. */
static gboolean
measure_spread (const HdModel  *model,
                double         *spread,
                GError        **error)
{
  g_autofree char   *name = g_strdup_printf ("up_blocks.%d.attentions.%d.transformer_blocks.0.norm1.bias",
                                             model->unet.n_levels - 1, model->unet.layers_per_block);
  g_autoptr (GBytes) bytes = NULL;
  g_autofree float  *values = NULL;
  HdFoundTensor      found;
  double             sum = 0.0;
  double             squares = 0.0;
  gsize              count;

  *spread = -1.0;
  if (!hd_tensor_source_find (model->sources[HD_MODEL_UNET], name, &found)
      || !found.entry.supported || found.entry.n_dimensions != 1 || found.entry.shape[0] < 1)
    return TRUE;

  bytes = hd_found_tensor_read (&found, error);
  if (bytes == NULL)
    return FALSE;

  count = (gsize) found.entry.shape[0];
  values = g_new (float, count);
  hd_host_to_float (found.entry.dtype, g_bytes_get_data (bytes, NULL), count, values);
  for (gsize i = 0; i < count; i++)
    sum += values[i];
  for (gsize i = 0; i < count; i++)
    squares += (values[i] - sum / count) * (values[i] - sum / count);
  *spread = sqrt (squares / count);

  return TRUE;
}

/* Stable Diffusion 2 came in both kinds, and nothing but the values of its weights is different. Its inpainting model
 * predicts noise. */
static gboolean
guess_sd2_prediction (HdModel  *model,
                      GError  **error)
{
  const char *architecture = hd_safetensors_get_metadata (get_file (model), "modelspec.architecture");
  double      spread;

  if (architecture != NULL && strstr (architecture, "stable-diffusion-v2") != NULL)
    {
      model->prediction_known = TRUE;
      if (strstr (architecture, "768-v") != NULL)
        model->scheduler.prediction = HD_PREDICTION_V;
      return TRUE;
    }

  model->prediction_known = model->inpainting;
  if (model->inpainting)
    return TRUE;

  if (!measure_spread (model, &spread, error))
    return FALSE;
  if (spread > V_SPREAD)
    model->scheduler.prediction = HD_PREDICTION_V;

  return TRUE;
}

static gboolean
recognise_prediction (HdModel  *model,
                      GError  **error)
{
  HdSafetensors   *file = get_file (model);
  const char      *type = hd_safetensors_get_metadata (file, "modelspec.prediction_type");
  g_autofree char *name = squeeze (model->files->name);
  gboolean         says_v = FALSE;

  model->prediction_known = TRUE;
  if (hd_safetensors_lookup (file, "v_pred") != NULL)
    {
      model->scheduler.prediction = HD_PREDICTION_V;
      if (hd_safetensors_lookup (file, "ztsnr") != NULL)
        {
          model->scheduler.zero_terminal_snr = TRUE;
          model->scheduler.spacing = HD_TIMESTEPS_TRAILING;
        }
      return TRUE;
    }
  if (type != NULL && (type[0] == 'v' || type[0] == 'e'))
    {
      model->scheduler.prediction = type[0] == 'v' ? HD_PREDICTION_V : HD_PREDICTION_EPSILON;
      return TRUE;
    }
  if (model->files->training != NULL)
    {
      if (!training_says_v (model->files->training, &says_v, error))
        return FALSE;
      model->scheduler.prediction = says_v ? HD_PREDICTION_V : HD_PREDICTION_EPSILON;
      return TRUE;
    }
  if (strstr (name, "vpred") != NULL)
    {
      model->prediction_known = FALSE;
      model->scheduler.prediction = HD_PREDICTION_V;
      return TRUE;
    }

  return model->family != HD_FAMILY_SD2 || guess_sd2_prediction (model, error);
}

int
hd_model_guess_sample_size (const HdModel *model)
{
  const char *resolution = hd_safetensors_get_metadata (get_file (model), "modelspec.resolution");
  char       *end = NULL;
  gint64      width = resolution != NULL ? g_ascii_strtoll (resolution, &end, 10) : 0;
  gint64      height = end != NULL && *end == 'x' ? g_ascii_strtoll (end + 1, NULL, 10) : 0;

  if (width == height && width >= MIN_RESOLUTION && width <= MAX_RESOLUTION && width % model->factor == 0)
    return (int) width / model->factor;

  if (model->distillation == HD_DISTILLATION_TURBO || model->family == HD_FAMILY_SD1)
    return 64;
  if (model->family == HD_FAMILY_SD2)
    return model->scheduler.prediction == HD_PREDICTION_V ? 96 : 64;

  return 128;
}

/* --- distillation -------------------------------------------------------------- */

HdDistillation
hd_model_name_distillation (const char *name)
{
  g_autofree char *squeezed = squeeze (name);

  if (strstr (squeezed, "turbo") != NULL)
    return HD_DISTILLATION_TURBO;
  if (strstr (squeezed, "lightning") != NULL || has_word (name, "hyper") || strstr (squeezed, "hypersd") != NULL)
    return HD_DISTILLATION_LIGHTNING;
  if (has_word (name, "lcm"))
    return HD_DISTILLATION_LCM;

  return HD_DISTILLATION_NONE;
}

static HdDistillation
recognise_distillation (const HdModel *model,
                        const char    *scheduler_class)
{
  const char     *title = hd_safetensors_get_metadata (get_file (model), "modelspec.title");
  const char     *pipeline_class = model->files->class_name != NULL ? model->files->class_name : "";
  HdDistillation  distillation;

  if (model->unet.time_cond_proj_dim > 0 || strcmp (scheduler_class, "LCMScheduler") == 0
      || g_str_has_prefix (pipeline_class, "LatentConsistencyModel"))
    return HD_DISTILLATION_LCM;
  if (strcmp (scheduler_class, "EulerAncestralDiscreteScheduler") == 0
      && model->scheduler.spacing == HD_TIMESTEPS_TRAILING && model->scheduler.prediction == HD_PREDICTION_EPSILON)
    return HD_DISTILLATION_TURBO;

  distillation = title != NULL ? hd_model_name_distillation (title) : HD_DISTILLATION_NONE;

  return distillation != HD_DISTILLATION_NONE ? distillation : hd_model_name_distillation (model->files->name);
}

int
hd_model_name_steps (const char *name)
{
  g_autofree char *squeezed = squeeze (name);

  for (const char *p = squeezed; (p = strstr (p, "step")) != NULL; p++)
    {
      const char *digits = p;

      while (digits > squeezed && g_ascii_isdigit (digits[-1]))
        digits--;
      if (p - digits >= 1 && p - digits <= 2)
        return atoi (digits);
    }

  return 0;
}

/* --- all of it ----------------------------------------------------------------- */

static gboolean
read_class (const char  *path,
            char       **class_name,
            GError     **error)
{
  HdConfigReader reader;

  if (!hd_config_reader_open (&reader, path, error))
    return FALSE;

  *class_name = hd_config_string (&reader, "_class_name", "");
  return hd_config_reader_close (&reader, error);
}

gboolean
hd_model_read_scheduler (HdModel               *model,
                         const HdModelOptions  *options,
                         GError               **error)
{
  g_autofree char *class_name = NULL;
  int              prediction = -1;
  int              distillation = -1;

  if (options != NULL
      && (!read_option ("prediction", options->prediction, hd_prediction_words (), &prediction, error)
          || !read_option ("distillation", options->distillation, hd_distillation_words (), &distillation, error)))
    return FALSE;

  hd_scheduler_config_default (&model->scheduler);
  model->prediction_known = TRUE;
  if (model->files->scheduler != NULL)
    {
      if (!hd_scheduler_config_read (model->files->scheduler, &model->scheduler, error)
          || !read_class (model->files->scheduler, &class_name, error))
        return FALSE;
    }
  else if (model->files->single_file == NULL)
    model->prediction_known = FALSE;
  else if (prediction < 0 && !recognise_prediction (model, error))
    return FALSE;

  model->distillation = distillation >= 0 ? (HdDistillation) distillation
                                          : recognise_distillation (model, class_name != NULL ? class_name : "");
  if (prediction >= 0)
    {
      model->scheduler.prediction = (HdPrediction) prediction;
      model->prediction_known = TRUE;
    }
  /* Turbo and its kin are distilled from SD 2 to predict noise, whatever their teacher did. */
  else if (!model->prediction_known && model->distillation == HD_DISTILLATION_TURBO)
    model->scheduler.prediction = HD_PREDICTION_EPSILON;

  return TRUE;
}
