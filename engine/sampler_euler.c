/* SPDX-License-Identifier: Apache-2.0 */

/* Euler's method (arXiv 2206.00364, algorithm 2 without churn; diffusers' EulerDiscreteScheduler). */

#include "engine/sampler_private.h"

static void
euler_step (HdSampler      *sampler,
            int             k,
            const HdTensor *prediction,
            HdTensor       *x,
            HdNoiseFunc     noise,
            gpointer        user_data)
{
  double share = sampler->sigmas[k + 1] / sampler->sigmas[k];  /* of the distance from x0 that is left */
  double from_x = 0.0;
  double from_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  hd_combine (sampler->context, share + (1.0 - share) * from_x, x, (1.0 - share) * from_m, prediction, x);
}

const HdSamplerClass hd_sampler_euler = {
  .name = "euler",
  .spacing = HD_TIMESTEPS_LEADING,
  .grid = HD_TIMESTEP_GRID_FRACTIONAL,
  .latents = HD_LATENTS_EXPLODING,
  .order = 1,
  .size = sizeof (HdSampler),
  .step = euler_step,
};
