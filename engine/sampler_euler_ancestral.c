/* SPDX-License-Identifier: Apache-2.0 */

/* Euler's method with ancestral noise (k-diffusion's "Euler a"; diffusers' EulerAncestralDiscreteScheduler). */

#include <math.h>

#include "engine/sampler_private.h"

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
  double            share = down / from;  /* of the distance from x0 that is left */
  g_autofree float *values = g_new (float, count);
  double            from_x = 0.0;
  double            from_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  hd_sampler_combine (share + (1.0 - share) * from_x, x, (1.0 - share) * from_m, prediction, x, count);

  noise (values, count, user_data);
  hd_sampler_combine (1.0, x, up, values, x, count);
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
