/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/bench_measure.h"

#include <string.h>

#include "engine/control_net.h"
#include "engine/device.h"
#include "engine/loading.h"
#include "engine/noise.h"
#include "kernels/dry/dry.h"

#define TIMESTEP 500.0  /* what is computed does not depend on it */

static int
on_shift (guint64  call,
          gpointer user_data)
{
  return hd_noise_shift (0, call);
}

/* --- the networks --------------------------------------------------------------- */

typedef struct
{
  HdPipeline   *pipeline;
  HdControlNet *control_net;   /* NULL if none is asked for */
} Networks;

static void
networks_clear (Networks *networks)
{
  g_clear_pointer (&networks->control_net, hd_control_net_free);
  g_clear_pointer (&networks->pipeline, hd_pipeline_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Networks, networks_clear)

static gboolean
networks_load (Networks         *networks,
               HdContext        *context,
               const HdLoading  *loading,
               const HdRequest  *request,
               GCancellable     *cancellable,
               GError          **error)
{
  *networks = (Networks) {
    .pipeline = hd_loading_load (loading, context, request->threads, cancellable, error),
  };
  if (networks->pipeline != NULL && request->control.path != NULL)
    networks->control_net = hd_control_net_load (context, request->control.path, &networks->pipeline->unet->config,
                                                 networks->pipeline->factor, error);

  return networks->pipeline != NULL && (request->control.path == NULL || networks->control_net != NULL);
}

/* What no step changes. */
typedef struct
{
  HdUnetCondition    *unet;
  HdControlCondition *control;
} Conditions;

static void
conditions_clear (Conditions *conditions)
{
  g_clear_pointer (&conditions->unet, hd_unet_condition_free);
  g_clear_pointer (&conditions->control, hd_control_condition_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Conditions, conditions_clear)

/* --- one evaluation ------------------------------------------------------------ */

static HdTensor *
upload_noise (HdContext *context,
              HdDtype    dtype,
              int        batch,
              int        height,
              int        width,
              int        channels)
{
  gsize             count = (gsize) batch * height * width * channels;
  g_autofree float *values = g_new (float, count);

  hd_noise_fill (0, 0, values, count);

  return hd_upload (context, dtype, batch, height, width, channels, values);
}

/* A step of the networks. */
typedef struct
{
  const Networks      *networks;
  const Conditions    *conditions;
  const HdBench       *bench;
  const HdRauNetTools *tools;
  const float         *latents;   /* of the largest input */
} Step;

/* An HdRepeatFunc: what a run does in a step. */
static HdTensor *
predict (HdContext *context,
         gpointer   user_data)
{
  const Step           *step = user_data;
  const Networks       *networks = step->networks;
  const HdBench        *bench = step->bench;
  const HdUnetConfig   *config = &networks->pipeline->unet->config;
  HdDtype               dtype = hd_context_get_dtype (context);
  int                   height = bench->latent_height;
  int                   width = bench->latent_width;
  HdControlResiduals    residuals = { 0 };
  HdMswMsa              msw_msa;
  HdUnetInputs          inputs = { .condition = step->conditions->unet, .rau_net = step->tools };
  g_autoptr (HdTensor)  x = NULL;

  hd_msw_msa_init (&msw_msa, networks->pipeline->family, config->n_levels, on_shift, NULL);
  if (bench->job->run.msw_msa)
    inputs.msw_msa = &msw_msa;
  if (networks->control_net != NULL)
    {
      x = hd_upload (context, dtype, bench->batch, height, width, config->out_channels, step->latents);
      hd_control_net (networks->control_net, x, TIMESTEP, step->conditions->control, 1.0, 0, &residuals);
      inputs.control = &residuals;
    }
  hd_tensor_take (&x, hd_upload (context, dtype, bench->batch, height, width, config->in_channels, step->latents));
  hd_tensor_take (&x, hd_unet (networks->pipeline->unet, x, TIMESTEP, &inputs));
  hd_control_residuals_clear (&residuals);

  return g_steal_pointer (&x);
}

static gboolean
evaluate_unet (const Networks       *networks,
               const Conditions     *conditions,
               const HdBench        *bench,
               const HdRauNetTools  *tools,
               const float          *latents,
               GError              **error)
{
  HdContext            *context = networks->pipeline->context;
  const HdUnetConfig   *config = &networks->pipeline->unet->config;
  Step                  step = { networks, conditions, bench, tools, latents };
  g_autofree float     *planes = g_new (float, (gsize) bench->batch * bench->latent_height * bench->latent_width
                                               * config->out_channels);
  g_autoptr (HdTensor)  y = NULL;

  y = hd_context_repeat (context, hd_rau_net_key (tools, networks->control_net != NULL), predict, &step);
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

  x = upload_noise (context, pipeline->vae->dtype, 1, bench->latent_height, bench->latent_width,
                    pipeline->vae->config.latent_channels);
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

/* Evaluates @part: the UNet on @latents with the part's tools, or the decoder. */
static gboolean
measure_part (const Networks    *networks,
              const Conditions  *conditions,
              const HdBench     *bench,
              HdBenchPart       *part,
              const float       *latents,
              GError           **error)
{
  HdContext *context = networks->pipeline->context;
  gboolean   dry = hd_context_is_dry (context);
  int        repetitions = dry ? 0 : bench->repetitions;
  /* The first one packs weights and makes kernels, or measures them; what is recorded then is so in the second. */
  int        unmeasured = dry || hd_context_is_timed (context) ? 1 : 2;

  for (int i = 0; i < unmeasured + repetitions; i++)
    {
      gint64   started = g_get_monotonic_time ();
      gboolean success;

      /* The dry run tells one number, the largest room that is taken. */
      if (!dry)
        hd_context_reset_statistics (context);
      success = part != &bench->decoder ? evaluate_unet (networks, conditions, bench, &part->tools, latents, error)
                                        : evaluate_decoder (networks->pipeline, bench, error);
      if (!success)
        return FALSE;

      if (i >= unmeasured)
        add_repetition (part, context, (g_get_monotonic_time () - started) / (double) G_USEC_PER_SEC, repetitions);
    }

  return TRUE;
}

/* Text, sizes and the ControlNet's picture do not change what is computed either. */
static void
encode_conditions (const Networks *networks,
                   const HdBench  *bench,
                   Conditions     *conditions)
{
  HdPipeline           *pipeline = networks->pipeline;
  HdContext            *context = pipeline->context;
  HdDtype               dtype = hd_context_get_dtype (context);
  const HdUnetConfig   *config = &pipeline->unet->config;
  int                   pooled_channels = hd_unet_pooled_channels (config);
  g_autofree double    *time_ids = g_new0 (double, bench->batch * HD_UNET_TIME_IDS);
  g_autoptr (HdTensor)  text = NULL;
  g_autoptr (HdTensor)  pooled = NULL;
  g_autoptr (HdTensor)  picture = NULL;

  text = upload_noise (context, dtype, bench->batch, 1, HD_TOKENIZER_LENGTH, config->cross_attention_dim);
  if (pooled_channels > 0)
    pooled = upload_noise (context, dtype, bench->batch, 1, 1, pooled_channels);

  conditions->unet = hd_unet_encode_condition (pipeline->unet, text, pooled, time_ids, bench->job->run.guidance_scale);
  if (networks->control_net == NULL)
    return;

  picture = upload_noise (context, dtype, bench->batch, bench->latent_height * pipeline->factor,
                          bench->latent_width * pipeline->factor, 3);
  conditions->control = hd_control_net_encode (networks->control_net, picture, text, pooled, time_ids);
}

static gboolean
measure_unet (const Networks  *networks,
              HdBench         *bench,
              GError         **error)
{
  const HdUnetConfig *config = &networks->pipeline->unet->config;
  gsize               count = (gsize) bench->batch * bench->latent_height * bench->latent_width
                              * MAX (config->in_channels, config->out_channels);
  g_autofree float   *latents = g_new (float, count);
  g_auto (Conditions) conditions = { 0 };

  hd_noise_fill (0, 0, latents, count);
  encode_conditions (networks, bench, &conditions);
  for (guint i = 0; i < bench->steps->len; i++)
    if (!measure_part (networks, &conditions, bench, &g_array_index (bench->steps, HdBenchPart, i), latents,
                       error))
      return FALSE;

  return TRUE;
}

static gboolean
measure (const Networks  *networks,
         HdBench         *bench,
         GError         **error)
{
  return (!bench->unet || measure_unet (networks, bench, error))
         && (!bench->vae || measure_part (networks, NULL, bench, &bench->decoder, NULL, error));
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
                       .inpainting = pipeline->model->inpainting, .control_net = bench->request->control.path != NULL,
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
prepare (HdBench          *bench,
         HdContext        *context,
         const HdLoading  *loading,
         GError          **error)
{
  g_autoptr (HdContext)  dry_context = hd_dry_context_new (hd_context_get_dtype (context));
  g_auto (Networks)      dry = { 0 };
  const HdRun           *settings;

  if (!networks_load (&dry, dry_context, loading, bench->request, NULL, error))
    return FALSE;

  bench->job = hd_job_new (loading->model, bench->request, TRUE, error);
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
  find_phases (dry.pipeline, settings, bench);

  /* How much memory it takes, without taking it. */
  if (!measure (&dry, bench, error))
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
  g_auto (HdLoading)     loading = { 0 };
  g_auto (Networks)      networks = { 0 };

  if (context == NULL
      || !hd_loading_init (&loading, bench->request, error)
      || !prepare (bench, context, &loading, error)
      || !networks_load (&networks, context, &loading, bench->request, cancellable, error)
      || !hd_context_reserve (context, bench->tensor_bytes, error))
    return FALSE;

  hd_context_set_cancellable (context, cancellable);
  if (!measure (&networks, bench, error))
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
