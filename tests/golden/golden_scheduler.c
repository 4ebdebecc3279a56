/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "engine/device.h"
#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_STEPS       1000
#define MAX_EVALUATIONS (2 * MAX_STEPS)
#define CHANNELS        4
#define SIDE            8
#define LATENTS         (CHANNELS * SIDE * SIDE)
#define DEVICE_BYTES    (64 << 10)

/* The reference's schedulers, with their settings (steps_offset 1 everywhere). */
static const struct
{
  const char *name;
  const char *sampler;
  const char *schedule;
  gboolean    zero_terminal_snr;
} schedulers[] = {
  { "ddim", "ddim", "leading", FALSE },
  { "ddim_zsnr", "ddim", "trailing", TRUE },
  { "dpmpp_2m", "dpmpp_2m", "linspace", FALSE },
  { "dpmpp_2m_karras", "dpmpp_2m", "karras", FALSE },
  { "dpmpp_2m_sde", "dpmpp_2m_sde", "linspace", FALSE },
  { "dpmpp_2m_sde_karras", "dpmpp_2m_sde", "karras", FALSE },
  { "euler", "euler", "leading", FALSE },
  { "euler_a", "euler_a", "leading", FALSE },
  { "euler_a_trailing", "euler_a", "trailing", FALSE },
  { "euler_karras", "euler", "karras", FALSE },
  { "euler_trailing", "euler", "trailing", FALSE },
  { "heun", "heun", "leading", FALSE },
  { "lcm", "lcm", "auto", FALSE },
  { "unipc", "unipc", "linspace", FALSE },
};

gboolean
hd_golden_find_sampler (HdGoldenCase       *golden,
                        HdSamplerOptions   *options,
                        HdSchedulerConfig  *config,
                        GError            **error)
{
  g_autofree char *name = hd_config_string (&golden->reader, "sampler", "");

  for (gsize i = 0; i < G_N_ELEMENTS (schedulers); i++)
    if (g_str_equal (schedulers[i].name, name))
      {
        *options = (HdSamplerOptions) {
          .name = schedulers[i].sampler,
          .strength = 1.0,
          .eta = hd_config_double (&golden->reader, "eta", 0.0, 0.0, 1.0),
        };
        config->set_alpha_to_one = schedulers[i].zero_terminal_snr;
        config->zero_terminal_snr = schedulers[i].zero_terminal_snr;
        config->steps_offset = 1;
        return hd_sampler_options_set_schedule (options, schedulers[i].schedule, error);
      }

  return hd_golden_refuse (error, "scheduler:%s", name);
}

typedef struct
{
  HdGoldenCase *golden;
  int           n_draws;
} Noise;

static void
draw_noise (float    *values,
            gsize     count,
            gpointer  user_data)
{
  Noise           *noise = user_data;
  g_autofree char *stream = hd_golden_stream (noise->golden, "noise/%d", noise->n_draws++);

  hd_synth_normal (stream, count, values);
}

static gboolean
compare_step (HdGoldenCase *golden,
              const char   *what,
              int           k,
              const float  *values,
              GError      **error)
{
  g_autofree char *tensor = g_strdup_printf ("%s.%d", what, k);

  return hd_golden_compare (golden, tensor, values, LATENTS, error);
}

/* Where the run starts from: noise, or a picture with noise of the first step's level. */
static void
start_run (HdGoldenCase    *golden,
           const HdSampler *sampler,
           double           strength,
           float           *clean,
           float           *noise,
           float           *x)
{
  g_autofree char *clean_stream = hd_golden_stream (golden, "clean");
  g_autofree char *noise_stream = hd_golden_stream (golden, "init");

  hd_synth_normal (clean_stream, LATENTS, clean);
  hd_synth_normal (noise_stream, LATENTS, noise);
  if (strength < 1.0)
    hd_sampler_add_noise (sampler, clean, noise, x, LATENTS);
  else
    for (int i = 0; i < LATENTS; i++)
      x[i] = (float) hd_sampler_get_initial_sigma (sampler) * noise[i];
}

static HdTensor *
upload (HdContext   *context,
        const float *values)
{
  return hd_upload (context, HD_DTYPE_F32, 1, SIDE, SIDE, CHANNELS, values);
}

/* A step on the device; what stands in for the UNet gives 0.6 input + 0.5 noise. */
static gboolean
run_step (HdGoldenCase  *golden,
          HdSampler     *sampler,
          HdContext     *context,
          int            k,
          HdTensor      *x,
          Noise         *noise,
          GError       **error)
{
  g_autofree char      *stream = hd_golden_stream (golden, "model/%d", k);
  g_autoptr (HdTensor)  input = hd_tensor_new (context, HD_DTYPE_F32, 1, SIDE, SIDE, CHANNELS);
  g_autoptr (HdTensor)  prediction = NULL;
  float                 values[LATENTS];
  float                 found[LATENTS];

  hd_synth_normal (stream, LATENTS, values);
  prediction = upload (context, values);
  hd_sampler_scale_input (sampler, k, x, input);
  hd_combine (context, 0.6, input, 0.5, prediction, prediction);
  hd_sampler_step (sampler, k, prediction, x, draw_noise, noise);

  hd_download (context, input, values);
  hd_download (context, x, found);

  return hd_context_check (context, error)
         && compare_step (golden, "input", k, values, error) && compare_step (golden, "x", k, found, error);
}

/* The whole run. */
static gboolean
compare_run (HdGoldenCase  *golden,
             HdSampler     *sampler,
             HdContext     *context,
             double         strength,
             const int     *draws,
             GError       **error)
{
  g_autoptr (HdTensor) x = NULL;
  Noise                noise = { golden, 0 };
  float                clean[LATENTS];
  float                initial[LATENTS];
  float                values[LATENTS];

  start_run (golden, sampler, strength, clean, initial, values);
  x = upload (context, values);
  hd_sampler_begin (sampler, context, x);
  for (int k = 0; k < hd_sampler_get_evaluations (sampler); k++)
    {
      int drawn = noise.n_draws;

      if (strength < 1.0)
        {
          hd_sampler_add_noise_at (sampler, k, clean, initial, values, LATENTS);
          if (!compare_step (golden, "noised", k, values, error))
            return FALSE;
        }

      if (!run_step (golden, sampler, context, k, x, &noise, error))
        return FALSE;

      if (noise.n_draws - drawn != draws[k])
        {
          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                       "expected %d draws of noise in step %d, found %d", draws[k], k, noise.n_draws - drawn);
          return FALSE;
        }
    }

  return TRUE;
}

/* How often the reference drew noise in each evaluation of the run. */
static gboolean
read_draws (HdGoldenCase     *golden,
            const HdSampler  *sampler,
            int              *draws,
            GError          **error)
{
  int expected = hd_sampler_get_evaluations (sampler);
  int found = hd_config_ints (&golden->reader, "noise_draws_per_step", NULL, 0, 0, 1, draws, MAX_EVALUATIONS);

  if (golden->reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }

  if (found != expected)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "expected %d evaluations, found %d",
                   found, expected);
      return FALSE;
    }

  return TRUE;
}

static gboolean
compare_schedule (HdGoldenCase  *golden,
                  HdSampler     *sampler,
                  GError       **error)
{
  int               n = hd_sampler_get_evaluations (sampler);
  g_autofree float *timesteps = g_new (float, n);
  g_autofree float *sigmas = g_new (float, n + 1);

  for (int k = 0; k < n; k++)
    timesteps[k] = (float) hd_sampler_get_timestep (sampler, k);
  for (int k = 0; k <= n; k++)
    sigmas[k] = (float) hd_sampler_get_sigma (sampler, k);

  /* diffusers' DDIM has no sigmas */
  return hd_golden_compare (golden, "timesteps", timesteps, n, error)
         && (hd_safetensors_lookup (golden->expected, "sigmas") == NULL
             || hd_golden_compare (golden, "sigmas", sigmas, n + 1, error));
}

static HdPrediction
read_prediction (HdGoldenCase *golden)
{
  static const char * const names[] = { "epsilon", "v_prediction", "sample", NULL };
  static const HdPrediction predictions[] = { HD_PREDICTION_EPSILON, HD_PREDICTION_V, HD_PREDICTION_SAMPLE };

  return predictions[hd_config_enum (&golden->reader, "prediction", 0, names)];
}

gboolean
hd_golden_scheduler (HdGoldenCase         *golden,
                     const HdGoldenSetup  *setup,
                     GError              **error)
{
  g_autoptr (HdContext) context = hd_device_open (setup->request, error);
  g_autoptr (HdSampler) sampler = NULL;
  g_autofree int       *draws = g_new (int, MAX_EVALUATIONS);
  HdSchedulerConfig     config;
  HdSamplerOptions      options;

  if (context == NULL || !hd_context_reserve (context, DEVICE_BYTES, error))
    return FALSE;

  hd_scheduler_config_default (&config);
  config.prediction = read_prediction (golden);
  if (!hd_golden_find_sampler (golden, &options, &config, error))
    return FALSE;

  options.steps = hd_config_int (&golden->reader, "steps", 1, 1, MAX_STEPS);
  options.strength = hd_config_double (&golden->reader, "strength", 1.0, 0.0, 1.0);
  if (golden->reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }

  sampler = hd_sampler_new (&config, &options, error);

  return sampler != NULL
         && read_draws (golden, sampler, draws, error)
         && compare_run (golden, sampler, context, options.strength, draws, error)
         && compare_schedule (golden, sampler, error);
}
