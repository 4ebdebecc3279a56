/* SPDX-License-Identifier: Apache-2.0 */

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

/* What the case asks for. */
typedef struct
{
  int      height;
  int      width;
  int      batch;
  int      stride;
  gboolean hidiffusion;
  int      steps;
  int      timesteps[MAX_STEPS];
  int      n_timesteps;
  int      at[HD_GOLDEN_MAX_AT];
  int      n_at;
  int      calls_per_step;
} UnetCase;

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
  unet_case->steps = hd_config_int (reader, "steps", 1, 1, MAX_STEPS);
  unet_case->n_timesteps = hd_config_ints (reader, "timesteps", NULL, 0, 0, MAX_STEPS - 1, unet_case->timesteps, MAX_STEPS);
  unet_case->n_at = hd_config_ints (reader, "at", NULL, 0, 0, MAX_STEPS - 1, unet_case->at, HD_GOLDEN_MAX_AT);
  unet_case->calls_per_step = hd_config_int (reader, "attention_calls_per_step", 0, 0, MAX_CALLS);
  for (int i = 0; i < unet_case->n_at && unet_case->hidiffusion; i++)
    if (unet_case->at[i] >= MIN (unet_case->steps, unet_case->n_timesteps))
      hd_config_fail (reader, "at", "steps below %d", MIN (unet_case->steps, unet_case->n_timesteps));

  if (reader->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&reader->error));

  return FALSE;
}

static HdUnet *
load_unet (HdContext   *context,
           const char  *model,
           GError     **error)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (model, error);
  g_autoptr (GPtrArray)    opened = NULL;
  g_autoptr (HdWeights)    weights = NULL;
  HdUnetConfig             config;

  if (files == NULL || !hd_unet_config_read (files->unet.config, &config, error))
    return NULL;

  if (config.text_time)
    {
      hd_golden_refuse (error, "model:sdxl");
      return NULL;
    }

  opened = hd_model_component_open (&files->unet, error);
  if (opened == NULL)
    return NULL;

  weights = hd_weights_new (context, hd_context_get_dtype (context), (HdSafetensors **) opened->pdata, opened->len);

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

/* Evaluates the step @step and compares. */
static gboolean
compare_step (HdGoldenCase    *golden,
              HdUnet          *unet,
              const UnetCase  *unet_case,
              const HdTensor  *latent,
              GPtrArray       *text,
              const HdRauNet  *rau_net,
              HdMswMsa        *msw_msa,
              int              step,
              GError         **error)
{
  HdContext            *context = unet->context;
  HdRauNetTools         tools = hd_rau_net_at (rau_net, step);
  int                   timestep = unet_case->timesteps[unet_case->hidiffusion ? step : 0];
  int                   channels = unet->config.out_channels;
  g_autofree char      *tensor = g_strdup_printf ("out.%d", step);
  g_autofree float     *planes = NULL;
  g_autoptr (HdTensor)  y = NULL;

  planes = g_new (float, (gsize) unet_case->batch * channels * unet_case->height * unet_case->width);
  y = hd_unet (unet, latent, timestep, text, &tools, msw_msa);
  hd_download (context, y, planes);

  return hd_context_check (context, error)
         && (hd_context_is_dry (context)
             || hd_golden_compare_strided (golden, tensor, planes, unet_case->batch * channels, unet_case->height,
                                           unet_case->width, unet_case->stride, error));
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
                       .family = HD_FAMILY_SD1, .sample_size = unet->config.sample_size,
                       .latent_height = unet_case->height, .latent_width = unet_case->width,
                       .steps = unet_case->steps,
                     });
}

static gboolean
compare_steps (HdGoldenCase    *golden,
               HdUnet          *unet,
               const UnetCase  *unet_case,
               HdGoldenShifts  *shifts,
               GError         **error)
{
  HdContext            *context = unet->context;
  gboolean              windows = hd_golden_hidiffusion (golden, "msw_msa");
  g_autoptr (HdTensor)  latent = NULL;
  g_autoptr (HdTensor)  hidden = NULL;
  g_autoptr (GPtrArray) text = NULL;
  HdRauNet              rau_net;
  HdMswMsa              msw_msa;

  latent = upload_noise (golden, context, "latent", unet_case->batch, unet_case->height, unet_case->width,
                         unet->config.in_channels, FALSE);
  hidden = upload_noise (golden, context, "text", unet_case->batch, 1, HD_TOKENIZER_LENGTH,
                         unet->config.cross_attention_dim, TRUE);
  text = hd_unet_encode_text (unet, hidden);
  init_rau_net (golden, unet, unet_case, &rau_net);
  hd_msw_msa_init (&msw_msa, HD_FAMILY_SD1, unet->config.n_levels, hd_golden_shift, shifts);

  for (int i = 0; i < unet_case->n_at; i++)
    {
      /* Steps that nobody looks at are left out, but not their shifts. */
      msw_msa.call = (guint64) unet_case->at[i] * unet_case->calls_per_step;
      if (!compare_step (golden, unet, unet_case, latent, text, &rau_net, windows ? &msw_msa : NULL,
                         unet_case->at[i], error))
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
  g_autoptr (HdUnet)   unet = NULL;
  HdGoldenShifts       shifts;
  gboolean             success;

  if (!read_case (golden, unet_case, error))
    return FALSE;

  unet = load_unet (context, model, error);
  if (unet == NULL)
    return FALSE;

  hd_golden_shifts_init (&shifts, golden, (gsize) unet_case->steps * unet_case->calls_per_step);
  success = compare_steps (golden, unet, unet_case, &shifts, error);
  hd_golden_shifts_clear (&shifts);

  return success;
}
