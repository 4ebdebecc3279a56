/* SPDX-License-Identifier: Apache-2.0 */

/* Euler's method with ancestral noise (k-diffusion's "Euler a"; diffusers' EulerAncestralDiscreteScheduler).
 * Its latents carry noise of level sigma on a signal of full size: x = x0 + sigma epsilon. */

#include <math.h>

#include "engine/sampler_private.h"

static void
euler_ancestral_init (HdSampler               *sampler,
                      const HdSchedulerConfig *config,
                      const HdSamplerOptions  *options)
{
  double largest;

  sampler->evaluations = options->steps;
  sampler->timesteps = hd_noise_schedule_timesteps (&sampler->schedule, config, sampler->spacing,
                                                    options->steps, FALSE);
  hd_sampler_init_sigmas (sampler);

  largest = sampler->sigmas[0];
  sampler->initial_sigma = sampler->spacing == HD_TIMESTEPS_LEADING ? sqrt (largest * largest + 1.0) : largest;
}

static void
euler_ancestral_scale_input (const HdSampler *sampler,
                             int              k,
                             const float     *x,
                             float           *input,
                             gsize            count)
{
  double sigma = sampler->sigmas[k];
  float  scale = (float) (1.0 / sqrt (sigma * sigma + 1.0));

  for (gsize i = 0; i < count; i++)
    input[i] = scale * x[i];
}

/* x0 = ax x + am m, m being what the model predicts. */
static void
denoised_coefficients (HdPrediction prediction,
                       double       sigma,
                       double      *ax,
                       double      *am)
{
  switch (prediction)
    {
    case HD_PREDICTION_EPSILON:
      *ax = 1.0;
      *am = -sigma;
      break;

    case HD_PREDICTION_V:
      *ax = 1.0 / (sigma * sigma + 1.0);
      *am = -sigma / sqrt (sigma * sigma + 1.0);
      break;

    case HD_PREDICTION_SAMPLE:
      *ax = 0.0;
      *am = 1.0;
      break;
    }
}

static void
euler_ancestral_step (HdSampler   *sampler,
                      int          k,
                      const float *prediction,
                      float       *x,
                      gsize        count,
                      HdNoiseFunc  noise,
                      gpointer     user_data)
{
  double            from = sampler->sigmas[k];
  double            to = sampler->sigmas[k + 1];
  double            up = sqrt (MAX (to * to * (from * from - to * to) / (from * from), 0.0));
  double            down = sqrt (MAX (to * to - up * up, 0.0));
  double            share = down / from;  /* of the step's distance from x0 that is left */
  g_autofree float *values = g_new (float, count);
  double            ax = 0.0;
  double            am = 0.0;
  float             from_x;
  float             from_prediction;

  denoised_coefficients (sampler->prediction, from, &ax, &am);
  from_x = (float) (share + (1.0 - share) * ax);
  from_prediction = (float) ((1.0 - share) * am);

  noise (values, count, user_data);
  for (gsize i = 0; i < count; i++)
    x[i] = from_x * x[i] + from_prediction * prediction[i] + (float) up * values[i];
}

const HdSamplerClass hd_sampler_euler_ancestral = {
  .name = "euler_a",
  .spacing = HD_TIMESTEPS_LEADING,
  .size = sizeof (HdSampler),
  .init = euler_ancestral_init,
  .scale_input = euler_ancestral_scale_input,
  .step = euler_ancestral_step,
};
