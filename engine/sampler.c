/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/sampler_private.h"

#include "engine/request.h"

static const HdSamplerClass *
find_class (const char *name)
{
  static const HdSamplerClass * const classes[] = {
    &hd_sampler_ddim,
    &hd_sampler_euler_ancestral,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (classes[i]->name, name) == 0)
      return classes[i];

  return NULL;
}

HdSampler *
hd_sampler_new (const HdSchedulerConfig  *config,
                const HdSamplerOptions   *options,
                GError                  **error)
{
  const HdSamplerClass *klass = find_class (options->name);
  HdSampler            *sampler;

  if (klass == NULL)
    {
      g_autofree char *names = g_strjoinv (", ", (char **) hd_sampler_names ());

      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Expected a sampler of: %s; found \"%s\"", names, options->name);
      return NULL;
    }

  if (options->steps < 1 || options->steps > config->train_steps)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   "Expected 1 to %d steps, found %d", config->train_steps, options->steps);
      return NULL;
    }

  if (config->zero_terminal_snr && config->prediction == HD_PREDICTION_EPSILON)
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_MODEL,
                           "A terminal signal-to-noise ratio of zero needs a model that predicts v or the sample, "
                           "found one that predicts the noise");
      return NULL;
    }

  sampler = g_malloc0 (klass->size);
  sampler->klass = klass;
  hd_noise_schedule_init (&sampler->schedule, config);
  sampler->prediction = config->prediction;
  sampler->spacing = options->own_spacing ? options->spacing : klass->spacing;
  klass->init (sampler, config, options);

  return sampler;
}

void
hd_sampler_free (HdSampler *sampler)
{
  if (sampler == NULL)
    return;

  if (sampler->klass->clear != NULL)
    sampler->klass->clear (sampler);
  hd_noise_schedule_clear (&sampler->schedule);
  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  g_free (sampler);
}

void
hd_sampler_init_sigmas (HdSampler *sampler)
{
  sampler->sigmas = g_new (double, sampler->evaluations + 1);
  for (int k = 0; k < sampler->evaluations; k++)
    sampler->sigmas[k] = hd_noise_schedule_sigma (&sampler->schedule, sampler->timesteps[k]);
  sampler->sigmas[sampler->evaluations] = 0.0;
}

int
hd_sampler_get_evaluations (const HdSampler *sampler)
{
  return sampler->evaluations;
}

double
hd_sampler_get_timestep (const HdSampler *sampler,
                         int              k)
{
  g_return_val_if_fail (k >= 0 && k < sampler->evaluations, 0.0);

  return sampler->timesteps[k];
}

double
hd_sampler_get_sigma (const HdSampler *sampler,
                      int              k)
{
  g_return_val_if_fail (k >= 0 && k <= sampler->evaluations, 0.0);

  return sampler->sigmas[k];
}

double
hd_sampler_get_initial_sigma (const HdSampler *sampler)
{
  return sampler->initial_sigma;
}

void
hd_sampler_scale_input (const HdSampler *sampler,
                        int              k,
                        const float     *x,
                        float           *input,
                        gsize            count)
{
  g_return_if_fail (k >= 0 && k < sampler->evaluations);

  sampler->klass->scale_input (sampler, k, x, input, count);
}

void
hd_sampler_step (HdSampler   *sampler,
                 int          k,
                 const float *prediction,
                 float       *x,
                 gsize        count,
                 HdNoiseFunc  noise,
                 gpointer     user_data)
{
  g_return_if_fail (k >= 0 && k < sampler->evaluations);

  sampler->klass->step (sampler, k, prediction, x, count, noise, user_data);
}
