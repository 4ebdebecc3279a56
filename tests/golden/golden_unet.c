/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/control_net.h"
#include "engine/model_files.h"
#include "engine/tokenizer.h"
#include "engine/unet.h"
#include "tests/golden/golden_networks.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_SIDE   1024
#define MAX_BATCH  16
#define MAX_STRIDE 64
#define MAX_STEPS  1000
#define MAX_CALLS  1000
#define MAX_SIZE   65536

#define MAX_STRENGTH   10.0
#define PICTURE_FACTOR 8     /* pixels of a ControlNet's picture to a latent pixel */

/* What the case asks for. */
typedef struct
{
  int      height;
  int      width;
  int      batch;
  int      stride;
  gboolean hidiffusion;
  HdFamily family;
  int      steps;
  int      timesteps[MAX_STEPS];
  int      n_timesteps;
  int      at[HD_GOLDEN_MAX_AT];
  int      n_at;
  int      calls_per_step;
  int      time_ids[HD_UNET_TIME_IDS];
  int      n_time_ids;
  double   strength;
} UnetCase;

/* The networks of a case, and what no step changes of their inputs. */
typedef struct
{
  HdUnet             *unet;
  HdControlNet       *control_net;  /* NULL if the case has none */
  HdTensor           *latent;
  HdUnetCondition    *condition;
  HdControlCondition *control;
} Networks;

static void
networks_clear (Networks *networks)
{
  g_clear_pointer (&networks->latent, hd_tensor_unref);
  g_clear_pointer (&networks->condition, hd_unet_condition_free);
  g_clear_pointer (&networks->control, hd_control_condition_free);
  g_clear_pointer (&networks->unet, hd_unet_free);
  g_clear_pointer (&networks->control_net, hd_control_net_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Networks, networks_clear)

static gboolean
read_case (HdGoldenCase  *golden,
           UnetCase      *unet_case,
           GError       **error)
{
  HdConfigReader *reader = &golden->reader;
  int             latent[2] = { 0 };

  if (hd_config_ints (reader, "latent", NULL, 0, 1, MAX_SIDE, latent, 2) != 2 && reader->error == NULL)
    hd_config_fail (reader, "latent", "height and width");
  unet_case->height = latent[0];
  unet_case->width = latent[1];
  unet_case->batch = hd_config_int (reader, "batch", 2, 1, MAX_BATCH);
  unet_case->stride = hd_config_int (reader, "stride", 1, 1, MAX_STRIDE);
  unet_case->hidiffusion = hd_config_has (reader, "hidiffusion");
  unet_case->family = hd_golden_family (golden, HD_FAMILY_SD1);
  unet_case->steps = hd_config_int (reader, "steps", 1, 1, MAX_STEPS);
  unet_case->n_timesteps = hd_config_ints (reader, "timesteps", NULL, 0, 0, MAX_STEPS - 1, unet_case->timesteps, MAX_STEPS);
  unet_case->n_at = hd_config_ints (reader, "at", NULL, 0, 0, MAX_STEPS - 1, unet_case->at, HD_GOLDEN_MAX_AT);
  unet_case->calls_per_step = hd_config_int (reader, "attention_calls_per_step", 0, 0, MAX_CALLS);
  unet_case->strength = hd_config_double (reader, "scale", 1.0, 0.0, MAX_STRENGTH);
  if (hd_config_has (reader, "time_ids"))
    unet_case->n_time_ids = hd_config_ints (reader, "time_ids", NULL, 0, 0, MAX_SIZE, unet_case->time_ids,
                                            HD_UNET_TIME_IDS);
  for (int i = 0; i < unet_case->n_at && unet_case->hidiffusion; i++)
    if (unet_case->at[i] >= MIN (unet_case->steps, unet_case->n_timesteps))
      hd_config_fail (reader, "at", "steps below %d", MIN (unet_case->steps, unet_case->n_timesteps));

  if (reader->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&reader->error));

  return FALSE;
}

static HdUnet *
load_unet (HdGoldenCase  *golden,
           HdContext     *context,
           const char    *model,
           GError       **error)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (model, error);
  g_autoptr (GPtrArray)    opened = NULL;
  g_autoptr (HdWeights)    weights = NULL;
  HdUnetConfig             config;

  if (files == NULL || !hd_unet_config_read (files->unet.config, &config, error))
    return NULL;

  opened = hd_model_component_open (&files->unet, error);
  if (opened == NULL)
    return NULL;

  weights = hd_weights_new (context, hd_context_get_dtype (context), (HdSafetensors **) opened->pdata, opened->len);
  if (!hd_golden_patch (golden, model, weights, HD_LORA_UNET, error))
    return NULL;

  return hd_unet_load (context, &config, weights, error);
}

/* N(NAME/@what) as a tensor; @as_rows: in the order of the tensor, else as planes. */
static HdTensor *
upload_noise (HdGoldenCase *golden,
              HdContext    *context,
              const char   *what,
              int           batch,
              int           height,
              int           width,
              int           channels,
              gboolean      as_rows)
{
  gsize             count = (gsize) batch * height * width * channels;
  g_autofree char  *stream = hd_golden_stream (golden, "%s", what);
  g_autofree float *noise = g_new0 (float, count);
  HdDtype           dtype = hd_context_get_dtype (context);

  if (!hd_context_is_dry (context))
    hd_synth_normal (stream, count, noise);

  return as_rows ? hd_upload_rows (context, dtype, batch, height, width, channels, noise)
                 : hd_upload (context, dtype, batch, height, width, channels, noise);
}

/* Loads the case's ControlNet, if it has one. */
static gboolean
load_control_net (HdGoldenCase  *golden,
                  Networks      *networks,
                  const char    *model,
                  GError       **error)
{
  g_autofree char *name = hd_config_string (&golden->reader, "controlnet", NULL);
  g_autofree char *folder = NULL;
  g_autofree char *path = NULL;

  if (name == NULL)
    return TRUE;

  folder = hd_golden_make_addition (golden, "controlnet", name, model, error);
  if (folder == NULL)
    return FALSE;

  path = g_build_filename (folder, "controlnet", NULL);
  networks->control_net = hd_control_net_load (networks->unet->context, path, &networks->unet->config, PICTURE_FACTOR,
                                               error);

  return networks->control_net != NULL;
}

/* U(NAME/control), (3, H, W), for every image of the batch. */
static HdTensor *
upload_picture (HdGoldenCase   *golden,
                HdContext      *context,
                const UnetCase *unet_case)
{
  int               height = unet_case->height * PICTURE_FACTOR;
  int               width = unet_case->width * PICTURE_FACTOR;
  gsize             count = (gsize) 3 * height * width;
  g_autofree char  *stream = hd_golden_stream (golden, "control");
  g_autofree float *planes = g_new (float, unet_case->batch * count);

  hd_synth_uniform (stream, count, planes);
  for (int n = 1; n < unet_case->batch; n++)
    memcpy (planes + n * count, planes, count * sizeof *planes);

  return hd_upload (context, hd_context_get_dtype (context), unet_case->batch, height, width, 3, planes);
}

static gboolean
encode_condition (HdGoldenCase    *golden,
                  Networks        *networks,
                  const UnetCase  *unet_case,
                  GError         **error)
{
  HdUnet               *unet = networks->unet;
  HdContext            *context = unet->context;
  int                   pooled_channels = hd_unet_pooled_channels (&unet->config);
  g_autoptr (HdTensor)  text = NULL;
  g_autoptr (HdTensor)  pooled = NULL;
  double                time_ids[MAX_BATCH * HD_UNET_TIME_IDS];

  if (pooled_channels > 0 && unet_case->n_time_ids != HD_UNET_TIME_IDS)
    {
      hd_config_fail (&golden->reader, "time_ids", "%d numbers", HD_UNET_TIME_IDS);
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }

  for (int i = 0; i < unet_case->batch * HD_UNET_TIME_IDS; i++)
    time_ids[i] = unet_case->time_ids[i % HD_UNET_TIME_IDS];

  text = upload_noise (golden, context, "text", unet_case->batch, 1, HD_TOKENIZER_LENGTH,
                       unet->config.cross_attention_dim, TRUE);
  if (pooled_channels > 0)
    pooled = upload_noise (golden, context, "pooled", unet_case->batch, 1, 1, pooled_channels, TRUE);

  networks->condition = hd_unet_encode_condition (unet, text, pooled, time_ids, 1.0);
  if (networks->control_net != NULL)
    {
      g_autoptr (HdTensor) picture = upload_picture (golden, context, unet_case);

      networks->control = hd_control_net_encode (networks->control_net, picture, text, pooled, time_ids);
    }

  return TRUE;
}

static gboolean
load_networks (HdGoldenCase    *golden,
               HdContext       *context,
               const char      *model,
               const UnetCase  *unet_case,
               Networks        *networks,
               GError         **error)
{
  networks->unet = load_unet (golden, context, model, error);
  if (networks->unet == NULL
      || !load_control_net (golden, networks, model, error)
      || !encode_condition (golden, networks, unet_case, error))
    return FALSE;

  networks->latent = upload_noise (golden, context, "latent", unet_case->batch, unet_case->height, unet_case->width,
                                   networks->unet->config.in_channels, FALSE);

  return TRUE;
}

/* Evaluates the step @step and compares. */
static gboolean
compare_step (HdGoldenCase         *golden,
              const Networks       *networks,
              const UnetCase       *unet_case,
              const HdRauNetTools  *tools,
              HdMswMsa             *msw_msa,
              int                   step,
              GError              **error)
{
  HdUnet               *unet = networks->unet;
  int                   timestep = unet_case->timesteps[unet_case->hidiffusion ? step : 0];
  int                   planes = unet_case->batch * unet->config.out_channels;
  g_autofree char      *tensor = g_strdup_printf ("out.%d", step);
  g_autofree float     *values = g_new (float, (gsize) planes * unet_case->height * unet_case->width);
  g_autoptr (HdTensor)  y = NULL;
  HdControlResiduals    residuals = { 0 };
  HdUnetInputs          inputs = {
    .condition = networks->condition, .rau_net = tools, .msw_msa = msw_msa, .splits = golden->splits,
  };

  if (networks->control_net != NULL)
    {
      hd_control_net (networks->control_net, networks->latent, timestep, networks->control, unet_case->strength,
                      golden->splits, &residuals);
      inputs.control = &residuals;
    }
  y = hd_unet (unet, networks->latent, timestep, &inputs);
  hd_control_residuals_clear (&residuals);
  hd_download (unet->context, y, values);

  return hd_context_check (unet->context, error)
         && (hd_context_is_dry (unet->context)
             || hd_golden_compare_strided (golden, tensor, values, planes, unet_case->height, unet_case->width,
                                           unet_case->stride, error));
}

static void
init_rau_net (HdGoldenCase   *golden,
              const HdUnet   *unet,
              const UnetCase *unet_case,
              HdRauNet       *rau_net)
{
  hd_rau_net_init_off (rau_net);
  if (hd_golden_hidiffusion (golden, "raunet"))
    hd_rau_net_init (rau_net, &(HdRauNetCase) {
                       .family = unet_case->family, .sample_size = unet->config.sample_size,
                       .inpainting = unet->config.in_channels != unet->config.out_channels,
                       .control_net = hd_config_has (&golden->reader, "controlnet"),
                       .latent_height = unet_case->height, .latent_width = unet_case->width,
                       .steps = unet_case->steps,
                     });
}

static gboolean
compare_steps (HdGoldenCase    *golden,
               const Networks  *networks,
               const UnetCase  *unet_case,
               HdGoldenShifts  *shifts,
               GError         **error)
{
  gboolean windows = hd_golden_hidiffusion (golden, "msw_msa");
  HdRauNet rau_net;
  HdMswMsa msw_msa;

  init_rau_net (golden, networks->unet, unet_case, &rau_net);
  hd_msw_msa_init (&msw_msa, unet_case->family, networks->unet->config.n_levels, hd_golden_shift, shifts);

  for (int i = 0; i < unet_case->n_at; i++)
    {
      HdRauNetTools tools = hd_rau_net_at (&rau_net, unet_case->at[i]);

      /* Steps that nobody looks at are left out, but not their shifts. */
      msw_msa.call = (guint64) unet_case->at[i] * unet_case->calls_per_step;
      if (!compare_step (golden, networks, unet_case, &tools, windows ? &msw_msa : NULL, unet_case->at[i], error))
        return FALSE;
    }

  return TRUE;
}

gboolean
hd_golden_unet (HdGoldenCase  *golden,
                HdContext     *context,
                const char    *model,
                GError       **error)
{
  g_autofree UnetCase *unet_case = g_new0 (UnetCase, 1);
  g_auto (Networks)    networks = { 0 };
  HdGoldenShifts       shifts;
  gboolean             success;

  if (!read_case (golden, unet_case, error) || !load_networks (golden, context, model, unet_case, &networks, error))
    return FALSE;

  hd_golden_shifts_init (&shifts, golden, (gsize) unet_case->steps * unet_case->calls_per_step);
  success = compare_steps (golden, &networks, unet_case, &shifts, error);
  hd_golden_shifts_clear (&shifts);

  return success;
}
