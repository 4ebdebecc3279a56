/* SPDX-License-Identifier: Apache-2.0 */

/* DDIM (arXiv 2010.02502; diffusers' DDIMScheduler). */

#include <math.h>

#include "engine/sampler_private.h"

typedef struct
{
  HdSampler  parent;
  double     eta;
  double    *goals;  /* the alpha that each step goes to */
} Ddim;

/* diffusers takes the timestep that a step goes to as one stride below, whatever the spacing. With leading spacing
 * that is the next one, with trailing nearly; with the others it is not, and they go to the next one here. */
static int
goal_of (const HdSampler        *sampler,
         const HdSamplerOptions *options,
         int                     k)
{
  if (options->karras || sampler->spacing == HD_TIMESTEPS_LINSPACE)
    return k + 1 < sampler->evaluations ? (int) sampler->timesteps[k + 1] : -1;

  return (int) sampler->timesteps[k] - sampler->schedule.train_steps / options->steps;
}

static void
ddim_init (HdSampler               *sampler,
           const HdSchedulerConfig *config,
           const HdSamplerOptions  *options)
{
  Ddim         *ddim = (Ddim *) sampler;
  const double *alphas = sampler->schedule.alphas_cumprod;

  ddim->eta = options->eta;
  ddim->goals = g_new (double, sampler->evaluations);
  for (int k = 0; k < sampler->evaluations; k++)
    {
      int goal = goal_of (sampler, options, k);

      ddim->goals[k] = goal >= 0 ? alphas[goal] : config->set_alpha_to_one ? 1.0 : alphas[0];
    }
}

static void
ddim_clear (HdSampler *sampler)
{
  g_free (((Ddim *) sampler)->goals);
}

/* epsilon = from_x x + from_m m, m being what the model predicts. */
static void
get_epsilon (HdPrediction prediction,
             double       signal,
             double       level,
             double      *from_x,
             double      *from_m)
{
  switch (prediction)
    {
    case HD_PREDICTION_EPSILON:
      *from_x = 0.0;
      *from_m = 1.0;
      break;

    case HD_PREDICTION_V:
      *from_x = level;
      *from_m = signal;
      break;

    case HD_PREDICTION_SAMPLE:
      *from_x = 1.0 / level;
      *from_m = -signal / level;
      break;
    }
}

static void
ddim_step (HdSampler      *sampler,
           int             k,
           const HdTensor *prediction,
           HdTensor       *x,
           HdNoiseFunc     noise,
           gpointer        user_data)
{
  const Ddim *ddim = (const Ddim *) sampler;
  double      alpha = sampler->schedule.alphas_cumprod[(int) sampler->timesteps[k]];
  double      goal = ddim->goals[k];
  double      variance = (1.0 - goal) / (1.0 - alpha) * (1.0 - alpha / goal);
  double      fresh = ddim->eta * sqrt (MAX (variance, 0.0));
  double      signal = sqrt (goal);
  double      direction = sqrt (MAX (1.0 - goal - fresh * fresh, 0.0));
  double      x0_x = 0.0, x0_m = 0.0, epsilon_x = 0.0, epsilon_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &x0_x, &x0_m);
  get_epsilon (sampler->prediction, sqrt (alpha), sqrt (1.0 - alpha), &epsilon_x, &epsilon_m);
  hd_combine (sampler->context, signal * x0_x + direction * epsilon_x, x,
              signal * x0_m + direction * epsilon_m, prediction, x);

  if (ddim->eta > 0.0)
    hd_sampler_combine_fresh (sampler, 1.0, fresh, x, noise, user_data);
}

const HdSamplerClass hd_sampler_ddim = {
  .name = "ddim",
  .spacing = HD_TIMESTEPS_LEADING,
  .grid = HD_TIMESTEP_GRID_WHOLE,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .size = sizeof (Ddim),
  .init = ddim_init,
  .clear = ddim_clear,
  .step = ddim_step,
};
