/* SPDX-License-Identifier: Apache-2.0 */

/* DDIM (arXiv 2010.02502; diffusers' DDIMScheduler). Its latents keep their variance: x = sqrt (alpha) x0 +
 * sqrt (1 - alpha) epsilon. */

#include <math.h>
#include <string.h>

#include "engine/sampler_private.h"

typedef struct
{
  HdSampler  parent;
  double     eta;
  double    *alphas;  /* of each evaluation, and the last one's goal */
} Ddim;

static void
ddim_init (HdSampler               *sampler,
           const HdSchedulerConfig *config,
           const HdSamplerOptions  *options)
{
  Ddim *ddim = (Ddim *) sampler;
  int   steps = options->steps;
  int   stride = config->train_steps / steps;

  sampler->evaluations = steps;
  sampler->timesteps = hd_noise_schedule_timesteps (&sampler->schedule, config, sampler->spacing, steps, TRUE);
  sampler->initial_sigma = 1.0;
  hd_sampler_init_sigmas (sampler);

  ddim->eta = options->eta;
  ddim->alphas = g_new (double, 2 * steps);
  for (int k = 0; k < steps; k++)
    {
      int    t = (int) sampler->timesteps[k];
      int    previous = t - stride;
      double last = config->set_alpha_to_one ? 1.0 : sampler->schedule.alphas_cumprod[0];

      ddim->alphas[2 * k] = sampler->schedule.alphas_cumprod[t];
      ddim->alphas[2 * k + 1] = previous >= 0 ? sampler->schedule.alphas_cumprod[previous] : last;
    }
}

static void
ddim_clear (HdSampler *sampler)
{
  g_free (((Ddim *) sampler)->alphas);
}

static void
ddim_scale_input (const HdSampler *sampler,
                  int              k,
                  const float     *x,
                  float           *input,
                  gsize            count)
{
  memcpy (input, x, count * sizeof *x);
}

/* x0 and epsilon as x0 = (ax x + am m), epsilon = (bx x + bm m), m being what the model predicts. */
static void
ddim_coefficients (HdPrediction prediction,
                   double       alpha,
                   double      *ax,
                   double      *am,
                   double      *bx,
                   double      *bm)
{
  double signal = sqrt (alpha);
  double noise = sqrt (1.0 - alpha);

  switch (prediction)
    {
    case HD_PREDICTION_EPSILON:
      *ax = 1.0 / signal;
      *am = -noise / signal;
      *bx = 0.0;
      *bm = 1.0;
      break;

    case HD_PREDICTION_V:
      *ax = signal;
      *am = -noise;
      *bx = noise;
      *bm = signal;
      break;

    case HD_PREDICTION_SAMPLE:
      *ax = 0.0;
      *am = 1.0;
      *bx = 1.0 / noise;
      *bm = -signal / noise;
      break;
    }
}

static void
ddim_step (HdSampler   *sampler,
           int          k,
           const float *prediction,
           float       *x,
           gsize        count,
           HdNoiseFunc  noise,
           gpointer     user_data)
{
  const Ddim *ddim = (const Ddim *) sampler;
  double      alpha = ddim->alphas[2 * k];
  double      next = ddim->alphas[2 * k + 1];
  double      variance = (1.0 - next) / (1.0 - alpha) * (1.0 - alpha / next);
  double      fresh = ddim->eta * sqrt (MAX (variance, 0.0));
  double      signal = sqrt (next);
  double      direction = sqrt (MAX (1.0 - next - fresh * fresh, 0.0));
  double      ax = 0.0, am = 0.0, bx = 0.0, bm = 0.0;
  float       from_x;
  float       from_prediction;

  ddim_coefficients (sampler->prediction, alpha, &ax, &am, &bx, &bm);
  from_x = (float) (signal * ax + direction * bx);
  from_prediction = (float) (signal * am + direction * bm);
  for (gsize i = 0; i < count; i++)
    x[i] = from_x * x[i] + from_prediction * prediction[i];

  if (ddim->eta > 0.0)
    {
      g_autofree float *values = g_new (float, count);

      noise (values, count, user_data);
      for (gsize i = 0; i < count; i++)
        x[i] += (float) fresh * values[i];
    }
}

const HdSamplerClass hd_sampler_ddim = {
  .name = "ddim",
  .spacing = HD_TIMESTEPS_LEADING,
  .size = sizeof (Ddim),
  .init = ddim_init,
  .clear = ddim_clear,
  .scale_input = ddim_scale_input,
  .step = ddim_step,
};
