/* SPDX-License-Identifier: Apache-2.0 */

/* Euler's method with ancestral noise (k-diffusion's "Euler a"; diffusers' EulerAncestralDiscreteScheduler). */

#include <math.h>

#include "engine/sampler_private.h"

static void
euler_ancestral_step (HdSampler      *sampler,
                      int             k,
                      const HdTensor *prediction,
                      HdTensor       *x,
                      HdNoiseFunc     noise,
                      gpointer        user_data)
{
  double            from = sampler->sigmas[k];
  double            to = sampler->sigmas[k + 1];
  double            up = sqrt (MAX (to * to * (from * from - to * to) / (from * from), 0.0));
  double            down = sqrt (MAX (to * to - up * up, 0.0));
  double            share = down / from;  /* of the distance from x0 that is left */
  double            from_x = 0.0;
  double            from_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  hd_combine (sampler->context, share + (1.0 - share) * from_x, x, (1.0 - share) * from_m, prediction, x);

  hd_sampler_combine_fresh (sampler, 1.0, up, x, noise, user_data);
}

const HdSamplerClass hd_sampler_euler_ancestral = {
  .name = "euler_a",
  .spacing = HD_TIMESTEPS_LEADING,
  .grid = HD_TIMESTEP_GRID_FRACTIONAL,
  .latents = HD_LATENTS_EXPLODING,
  .order = 1,
  .size = sizeof (HdSampler),
  .step = euler_ancestral_step,
};
