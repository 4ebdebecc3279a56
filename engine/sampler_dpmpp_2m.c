/* SPDX-License-Identifier: Apache-2.0 */

/* DPM-Solver++ of second order, multistep, midpoint, and its stochastic form (arXiv 2211.01095; diffusers'
 * DPMSolverMultistepScheduler with "dpmsolver++" and "sde-dpmsolver++"). The first step, and the last, which goes to
 * sigma 0, are of first order. */

#include <math.h>

#include "engine/sampler_private.h"

typedef struct
{
  HdSampler  parent;
  float     *picture;   /* x0 as this step sees it */
  float     *previous;  /* as the one before saw it */
} Dpmpp;

static void
dpmpp_clear (HdSampler *sampler)
{
  Dpmpp *dpmpp = (Dpmpp *) sampler;

  g_free (dpmpp->picture);
  g_free (dpmpp->previous);
}

/* x0 in the middle of the step lies this far beyond the x0 at its beginning, as a multiple of what it has changed by in
 * the step before. */
static double
extrapolation (const HdSampler *sampler,
               int              k)
{
  const double *sigmas = sampler->sigmas;
  double        before;

  if (k == sampler->first || k == sampler->evaluations - 1)
    return 0.0;

  /* steps in lambda = -log sigma; with very many of them, a timestep may come twice */
  before = log (sigmas[k - 1] / sigmas[k]);

  return before > 0.0 ? 0.5 * log (sigmas[k] / sigmas[k + 1]) / before : 0.0;
}

/* x = from_x x + from_picture (picture + extrapolation (picture - previous)) */
static void
dpmpp_update (HdSampler   *sampler,
              int          k,
              const float *prediction,
              float       *x,
              gsize        count,
              double       from_x,
              double       from_picture)
{
  Dpmpp  *dpmpp = (Dpmpp *) sampler;
  float  *oldest = dpmpp->previous;
  double  beyond = extrapolation (sampler, k);
  double  x0_x = 0.0;
  double  x0_m = 0.0;

  dpmpp->previous = dpmpp->picture;
  dpmpp->picture = oldest;

  hd_sampler_get_denoised (sampler, k, &x0_x, &x0_m);
  hd_sampler_combine (x0_x, x, x0_m, prediction, hd_sampler_keep (&dpmpp->picture, count), count);

  hd_sampler_combine (from_x, x, from_picture * (1.0 + beyond), dpmpp->picture, x, count);
  if (beyond > 0.0)
    hd_sampler_combine (1.0, x, -from_picture * beyond, dpmpp->previous, x, count);
}

static void
dpmpp_2m_step (HdSampler   *sampler,
               int          k,
               const float *prediction,
               float       *x,
               gsize        count,
               HdNoiseFunc  noise,
               gpointer     user_data)
{
  double left = sampler->sigmas[k + 1] / sampler->sigmas[k];  /* exp (-h) in the paper */
  double signal, level, next_signal, next_level;

  hd_sampler_get_shares (sampler, k, &signal, &level);
  hd_sampler_get_shares (sampler, k + 1, &next_signal, &next_level);
  dpmpp_update (sampler, k, prediction, x, count, next_level / level, next_signal * (1.0 - left));
}

static void
dpmpp_2m_sde_step (HdSampler   *sampler,
                   int          k,
                   const float *prediction,
                   float       *x,
                   gsize        count,
                   HdNoiseFunc  noise,
                   gpointer     user_data)
{
  double            left = sampler->sigmas[k + 1] / sampler->sigmas[k];
  double            fresh = 1.0 - left * left;
  g_autofree float *values = g_new (float, count);
  double            signal, level, next_signal, next_level;

  hd_sampler_get_shares (sampler, k, &signal, &level);
  hd_sampler_get_shares (sampler, k + 1, &next_signal, &next_level);
  dpmpp_update (sampler, k, prediction, x, count, next_level / level * left, next_signal * fresh);

  noise (values, count, user_data);
  hd_sampler_combine (1.0, x, next_level * sqrt (fresh), values, x, count);
}

const HdSamplerClass hd_sampler_dpmpp_2m = {
  .name = "dpmpp_2m",
  .spacing = HD_TIMESTEPS_LINSPACE,
  .grid = HD_TIMESTEP_GRID_OPEN,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .size = sizeof (Dpmpp),
  .clear = dpmpp_clear,
  .step = dpmpp_2m_step,
};

const HdSamplerClass hd_sampler_dpmpp_2m_sde = {
  .name = "dpmpp_2m_sde",
  .spacing = HD_TIMESTEPS_LINSPACE,
  .grid = HD_TIMESTEP_GRID_OPEN,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .size = sizeof (Dpmpp),
  .clear = dpmpp_clear,
  .step = dpmpp_2m_sde_step,
};
