/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/bench_measure.h"

#include <string.h>

#include "engine/device.h"
#include "engine/engine_private.h"
#include "engine/noise.h"
#include "kernels/dry/dry.h"

#define TIMESTEP 500.0  /* what is computed does not depend on it */

static int
on_shift (guint64  call,
          gpointer user_data)
{
  return hd_noise_shift (0, call);
}

/* --- one evaluation ------------------------------------------------------------ */

static HdTensor *
upload_noise (HdContext *context,
              int        batch,
              int        height,
              int        width,
              int        channels)
{
  gsize             count = (gsize) batch * height * width * channels;
  g_autofree float *values = g_new (float, count);

  hd_noise_fill (0, 0, values, count);

  return hd_upload (context, hd_context_get_dtype (context), batch, height, width, channels, values);
}

static gboolean
evaluate_unet (HdPipeline          *pipeline,
               const HdBench       *bench,
               const HdUnetInputs  *inputs,
               GError             **error)
{
  HdContext            *context = pipeline->context;
  int                   channels = pipeline->unet->config.in_channels;
  g_autoptr (HdTensor)  x = upload_noise (context, bench->batch, bench->latent_height, bench->latent_width, channels);
  g_autofree float     *planes = NULL;
  g_autoptr (HdTensor)  y = NULL;

  planes = g_new (float, (gsize) bench->batch * bench->latent_height * bench->latent_width
                         * pipeline->unet->config.out_channels);
  y = hd_unet (pipeline->unet, x, TIMESTEP, inputs);
  hd_download (context, y, planes);

  return hd_context_check (context, error);
}

static gboolean
evaluate_decoder (HdPipeline     *pipeline,
                  const HdBench  *bench,
                  GError        **error)
{
  HdContext            *context = pipeline->context;
  gsize                 pixels = (gsize) bench->latent_height * bench->latent_width * pipeline->factor * pipeline->factor;
  g_autofree float     *planes = g_new (float, 3 * pixels);
  g_autoptr (HdTensor)  x = NULL;
  g_autoptr (HdTensor)  y = NULL;

  x = upload_noise (context, 1, bench->latent_height, bench->latent_width, pipeline->vae->config.latent_channels);
  y = hd_vae_decode (pipeline->vae, x);
  hd_download (context, y, planes);

  return hd_context_check (context, error);
}

/* --- measuring ----------------------------------------------------------------- */

static int
compare_seconds (gconstpointer a,
                 gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
add_repetition (HdBenchPart *part,
                HdContext   *context,
                double       seconds,
                int          repetitions)
{
  g_array_append_val (part->seconds, seconds);
  g_array_sort (part->seconds, compare_seconds);
  for (int kind = 0; kind < HD_N_OPS; kind++)
    {
      HdOpStatistics statistics = hd_context_get_statistics (context, kind);

      part->operators[kind].calls = statistics.calls;
      part->operators[kind].flops = statistics.flops;
      part->operators[kind].bytes = statistics.bytes;
      part->operators[kind].seconds += statistics.seconds / repetitions;
    }
}

/* Evaluates @part: the UNet with @inputs, the decoder without. */
static gboolean
measure_part (HdPipeline          *pipeline,
              const HdBench       *bench,
              HdBenchPart         *part,
              const HdUnetInputs  *inputs,
              GError             **error)
{
  HdContext *context = pipeline->context;
  int        repetitions = hd_context_is_dry (context) ? 0 : bench->repetitions;

  for (int i = 0; i <= repetitions; i++)
    {
      gint64   started = g_get_monotonic_time ();
      gboolean success;

      hd_context_reset_statistics (context);
      success = inputs != NULL ? evaluate_unet (pipeline, bench, inputs, error)
                               : evaluate_decoder (pipeline, bench, error);
      if (!success)
        return FALSE;

      /* The first one packs weights and makes kernels. */
      if (i > 0)
        add_repetition (part, context, (g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC, repetitions);
    }

  return TRUE;
}

/* Text and sizes do not change what is computed either. */
static HdUnetCondition *
encode_condition (HdPipeline    *pipeline,
                  const HdBench *bench)
{
  HdContext            *context = pipeline->context;
  const HdUnetConfig   *config = &pipeline->unet->config;
  int                   pooled_channels = hd_unet_pooled_channels (config);
  g_autofree double    *time_ids = g_new0 (double, bench->batch * HD_UNET_TIME_IDS);
  g_autoptr (HdTensor)  text = NULL;
  g_autoptr (HdTensor)  pooled = NULL;

  text = upload_noise (context, bench->batch, 1, HD_TOKENIZER_LENGTH, config->cross_attention_dim);
  if (pooled_channels > 0)
    pooled = upload_noise (context, bench->batch, 1, 1, pooled_channels);

  return hd_unet_encode_condition (pipeline->unet, text, pooled, time_ids, bench->job->run.guidance_scale);
}

static gboolean
measure_unet (HdPipeline     *pipeline,
              HdBench        *bench,
              gboolean        windows,
              GError        **error)
{
  g_autoptr (HdUnetCondition) condition = encode_condition (pipeline, bench);
  HdMswMsa                    msw_msa;

  hd_msw_msa_init (&msw_msa, pipeline->family, pipeline->unet->config.n_levels, on_shift, NULL);
  for (guint i = 0; i < bench->steps->len; i++)
    {
      HdBenchPart  *part = &g_array_index (bench->steps, HdBenchPart, i);
      HdUnetInputs  inputs = {
        .condition = condition, .rau_net = &part->tools, .msw_msa = windows ? &msw_msa : NULL,
      };

      if (!measure_part (pipeline, bench, part, &inputs, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
measure (HdPipeline  *pipeline,
         HdBench     *bench,
         gboolean     windows,
         GError     **error)
{
  return (!bench->unet || measure_unet (pipeline, bench, windows, error))
         && (!bench->vae || measure_part (pipeline, bench, &bench->decoder, NULL, error));
}

/* --- the run ------------------------------------------------------------------- */

static void
find_phases (const HdPipeline *pipeline,
             const HdRun      *settings,
             HdBench          *bench)
{
  HdRauNet rau_net;
  int      steps = settings->sampler.steps;

  hd_rau_net_init_off (&rau_net);
  if (settings->rau_net)
    hd_rau_net_init (&rau_net, &(HdRauNetCase) {
                       .family = pipeline->family, .sample_size = pipeline->unet->config.sample_size,
                       .latent_height = settings->latent_height, .latent_width = settings->latent_width,
                       .steps = steps, .ratios = pipeline->ratios, .own = settings->ratios,
                       .inpainting = pipeline->model->inpainting,
                     });

  for (int k = 0; k < steps; k++)
    {
      HdRauNetTools  tools = hd_rau_net_at (&rau_net, k);
      HdBenchPart   *last = k > 0 ? &g_array_index (bench->steps, HdBenchPart, bench->steps->len - 1) : NULL;
      HdBenchPart    part = { .n_steps = 1, .first_step = k, .tools = tools };

      if (last != NULL && last->tools.d4_block == tools.d4_block && last->tools.p2_block == tools.p2_block)
        {
          last->n_steps++;
          continue;
        }
      part.seconds = g_array_new (FALSE, FALSE, sizeof (double));
      g_array_append_val (bench->steps, part);
    }
}

static void
clear_part (gpointer data)
{
  g_clear_pointer (&((HdBenchPart *) data)->seconds, g_array_unref);
}

static gboolean
prepare (HdBench     *bench,
         HdContext   *context,
         GError     **error)
{
  g_autoptr (HdContext)  dry_context = hd_dry_context_new (hd_context_get_dtype (context));
  g_autoptr (HdPipeline) dry = hd_pipeline_load (dry_context, bench->request->model, error);
  const HdRun           *settings;

  if (dry == NULL)
    return FALSE;

  bench->job = hd_job_new (dry->model, bench->request, TRUE, error);
  if (bench->job == NULL)
    return FALSE;

  settings = &bench->job->run;
  bench->device = g_strdup (hd_context_get_name (context));
  bench->batch = settings->guidance_scale > 1.0 ? 2 : 1;
  bench->latent_height = settings->latent_height;
  bench->latent_width = settings->latent_width;
  bench->steps = g_array_new (FALSE, FALSE, sizeof (HdBenchPart));
  g_array_set_clear_func (bench->steps, clear_part);
  bench->decoder.seconds = g_array_new (FALSE, FALSE, sizeof (double));
  find_phases (dry, settings, bench);

  /* How much memory it takes, without taking it. */
  if (!measure (dry, bench, settings->msw_msa, error))
    return FALSE;

  bench->tensor_bytes = hd_context_get_peak_bytes (dry_context);

  return TRUE;
}

gboolean
hd_bench_run (HdBench       *bench,
              GCancellable  *cancellable,
              GError       **error)
{
  g_autoptr (HdContext)  context = hd_device_open (bench->request, error);
  g_autoptr (HdPipeline) pipeline = NULL;

  if (context == NULL || !prepare (bench, context, error))
    return FALSE;

  pipeline = hd_pipeline_load (context, bench->request->model, error);
  if (pipeline == NULL || !hd_context_reserve (context, bench->tensor_bytes, error))
    return FALSE;

  hd_context_set_cancellable (context, cancellable);
  if (!measure (pipeline, bench, bench->job->run.msw_msa, error))
    return FALSE;

  bench->weight_bytes = hd_context_get_weight_bytes (context);

  return TRUE;
}

void
hd_bench_clear (HdBench *bench)
{
  g_clear_pointer (&bench->device, g_free);
  g_clear_pointer (&bench->job, hd_job_free);
  g_clear_pointer (&bench->steps, g_array_unref);
  clear_part (&bench->decoder);
}

double
hd_bench_part_get_seconds (const HdBenchPart *part)
{
  guint n = part->seconds->len;

  if (n == 0)
    return 0.0;

  return (g_array_index (part->seconds, double, (n - 1) / 2) + g_array_index (part->seconds, double, n / 2)) / 2.0;
}

double
hd_bench_get_step_seconds (const HdBench *bench)
{
  double seconds = 0.0;
  int    steps = 0;

  for (guint i = 0; i < bench->steps->len; i++)
    {
      const HdBenchPart *part = &g_array_index (bench->steps, HdBenchPart, i);

      seconds += part->n_steps * hd_bench_part_get_seconds (part);
      steps += part->n_steps;
    }

  return steps > 0 ? seconds / steps : 0.0;
}
