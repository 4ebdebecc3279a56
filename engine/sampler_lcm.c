/* SPDX-License-Identifier: Apache-2.0 */

/* The sampler of latent consistency models (arXiv 2310.04378; diffusers' LCMScheduler): each evaluation jumps to a
 * picture, which gets fresh noise of the next level. */

#include <math.h>

#include "engine/sampler_private.h"

#define ORIGINAL_STEPS   50   /* that the models are distilled from */
#define SIGMA_DATA       0.5
#define TIMESTEP_SCALING 10.0

/* Evenly spaced among the steps that the model was distilled with; these have trailing spacing. */
static void
lcm_init (HdSampler               *sampler,
          const HdSchedulerConfig *config,
          const HdSamplerOptions  *options)
{
  int original = MIN (ORIGINAL_STEPS, config->train_steps);
  int stride = config->train_steps / original;

  if (options->own_spacing || options->karras)
    return;

  for (int k = 0; k < options->steps; k++)
    {
      int left = original - (int) floor (k * ((double) original / options->steps));

      sampler->timesteps[k] = left * stride - 1;
    }
  hd_sampler_set_sigmas (sampler);
}

static void
lcm_step (HdSampler      *sampler,
          int             k,
          const HdTensor *prediction,
          HdTensor       *x,
          HdNoiseFunc     noise,
          gpointer        user_data)
{
  /* the boundary condition: at timestep 0 the model's picture is what it is given */
  double time = TIMESTEP_SCALING * sampler->timesteps[k];
  double skip = SIGMA_DATA * SIGMA_DATA / (time * time + SIGMA_DATA * SIGMA_DATA);
  double out = time / sqrt (time * time + SIGMA_DATA * SIGMA_DATA);
  double from_x = 0.0;
  double from_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  hd_combine (sampler->context, skip + out * from_x, x, out * from_m, prediction, x);

  if (k < sampler->evaluations - 1)
    {
      double signal;
      double level;

      hd_sampler_get_shares (sampler, k + 1, &signal, &level);
      hd_sampler_combine_fresh (sampler, signal, level, x, noise, user_data);
    }
}

const HdSamplerClass hd_sampler_lcm = {
  .name = "lcm",
  .spacing = HD_TIMESTEPS_TRAILING,
  .grid = HD_TIMESTEP_GRID_WHOLE,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .max_steps = ORIGINAL_STEPS,
  .size = sizeof (HdSampler),
  .init = lcm_init,
  .step = lcm_step,
};
