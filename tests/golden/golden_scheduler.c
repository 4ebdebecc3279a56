/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>

#include "tests/golden/golden_run.h"
#include "tests/golden/synth.h"

#define MAX_STEPS 1000
#define LATENTS   (4 * 8 * 8)

/* The reference's schedulers that the engine has, with their settings (steps_offset 1 everywhere). */
static const struct
{
  const char        *name;
  const char        *sampler;
  HdTimestepSpacing  spacing;
  gboolean           zero_terminal_snr;
} schedulers[] = {
  { "ddim", "ddim", HD_TIMESTEPS_LEADING, FALSE },
  { "ddim_zsnr", "ddim", HD_TIMESTEPS_TRAILING, TRUE },
  { "euler_a", "euler_a", HD_TIMESTEPS_LEADING, FALSE },
  { "euler_a_trailing", "euler_a", HD_TIMESTEPS_TRAILING, FALSE },
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
          .eta = hd_config_double (&golden->reader, "eta", 0.0, 0.0, 1.0),
          .own_spacing = TRUE,
          .spacing = schedulers[i].spacing,
        };
        config->set_alpha_to_one = schedulers[i].zero_terminal_snr;
        config->zero_terminal_snr = schedulers[i].zero_terminal_snr;
        config->steps_offset = 1;
        return TRUE;
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

/* The whole run; what stands in for the UNet gives 0.6 input + 0.5 noise. */
static gboolean
compare_run (HdGoldenCase  *golden,
             HdSampler     *sampler,
             GError       **error)
{
  g_autofree char *start = hd_golden_stream (golden, "init");
  Noise            noise = { golden, 0 };
  float            x[LATENTS];

  hd_synth_normal (start, LATENTS, x);
  for (int i = 0; i < LATENTS; i++)
    x[i] *= (float) hd_sampler_get_initial_sigma (sampler);

  for (int k = 0; k < hd_sampler_get_evaluations (sampler); k++)
    {
      g_autofree char *stream = hd_golden_stream (golden, "model/%d", k);
      float            input[LATENTS];
      float            prediction[LATENTS];

      hd_sampler_scale_input (sampler, k, x, input, LATENTS);
      hd_synth_normal (stream, LATENTS, prediction);
      for (int i = 0; i < LATENTS; i++)
        prediction[i] = 0.6f * input[i] + 0.5f * prediction[i];
      hd_sampler_step (sampler, k, prediction, x, LATENTS, draw_noise, &noise);

      if (!compare_step (golden, "input", k, input, error) || !compare_step (golden, "x", k, x, error))
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
hd_golden_scheduler (HdGoldenCase  *golden,
                     GError       **error)
{
  g_autoptr (HdSampler) sampler = NULL;
  HdSchedulerConfig     config;
  HdSamplerOptions      options;

  hd_scheduler_config_default (&config);
  config.prediction = read_prediction (golden);
  if (!hd_golden_find_sampler (golden, &options, &config, error))
    return FALSE;

  options.steps = hd_config_int (&golden->reader, "steps", 1, 1, MAX_STEPS);
  if (golden->reader.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&golden->reader.error));
      return FALSE;
    }

  sampler = hd_sampler_new (&config, &options, error);

  return sampler != NULL && compare_run (golden, sampler, error) && compare_schedule (golden, sampler, error);
}
