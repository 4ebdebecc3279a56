/* SPDX-License-Identifier: Apache-2.0 */

/* DPM-Solver++ of second order, multistep, midpoint, and its stochastic form (arXiv 2211.01095; diffusers'
 * DPMSolverMultistepScheduler with "dpmsolver++" and "sde-dpmsolver++"). The first step, and the last, which goes to
 * sigma 0, are of first order. */

#include <math.h>

#include "engine/sampler_private.h"

/* What is kept from step to step. */
enum
{
  PICTURE,   /* x0 as this step sees it */
  PREVIOUS,  /* as the one before saw it */
  N_KEPT,
};

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
dpmpp_update (HdSampler      *sampler,
              int             k,
              const HdTensor *prediction,
              HdTensor       *x,
              double          from_x,
              double          from_picture)
{
  HdContext *context = sampler->context;
  HdTensor **kept = sampler->kept;
  HdTensor  *oldest = kept[PREVIOUS];
  double     beyond = extrapolation (sampler, k);
  double     x0_x = 0.0;
  double     x0_m = 0.0;

  kept[PREVIOUS] = kept[PICTURE];
  kept[PICTURE] = oldest;

  hd_sampler_get_denoised (sampler, k, &x0_x, &x0_m);
  hd_combine (context, x0_x, x, x0_m, prediction, kept[PICTURE]);

  hd_combine (context, from_x, x, from_picture * (1.0 + beyond), kept[PICTURE], x);
  if (beyond > 0.0)
    hd_combine (context, 1.0, x, -from_picture * beyond, kept[PREVIOUS], x);
}

static void
dpmpp_2m_step (HdSampler      *sampler,
               int             k,
               const HdTensor *prediction,
               HdTensor       *x,
               HdNoiseFunc     noise,
               gpointer        user_data)
{
  double left = sampler->sigmas[k + 1] / sampler->sigmas[k];  /* exp (-h) in the paper */
  double signal, level, next_signal, next_level;

  hd_sampler_get_shares (sampler, k, &signal, &level);
  hd_sampler_get_shares (sampler, k + 1, &next_signal, &next_level);
  dpmpp_update (sampler, k, prediction, x, next_level / level, next_signal * (1.0 - left));
}

static void
dpmpp_2m_sde_step (HdSampler      *sampler,
                   int             k,
                   const HdTensor *prediction,
                   HdTensor       *x,
                   HdNoiseFunc     noise,
                   gpointer        user_data)
{
  double left = sampler->sigmas[k + 1] / sampler->sigmas[k];
  double fresh = 1.0 - left * left;
  double signal, level, next_signal, next_level;

  hd_sampler_get_shares (sampler, k, &signal, &level);
  hd_sampler_get_shares (sampler, k + 1, &next_signal, &next_level);
  dpmpp_update (sampler, k, prediction, x, next_level / level * left, next_signal * fresh);

  hd_sampler_combine_fresh (sampler, 1.0, next_level * sqrt (fresh), x, noise, user_data);
}

const HdSamplerClass hd_sampler_dpmpp_2m = {
  .name = "dpmpp_2m",
  .spacing = HD_TIMESTEPS_LINSPACE,
  .grid = HD_TIMESTEP_GRID_OPEN,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .n_kept = N_KEPT,
  .size = sizeof (HdSampler),
  .step = dpmpp_2m_step,
};

const HdSamplerClass hd_sampler_dpmpp_2m_sde = {
  .name = "dpmpp_2m_sde",
  .spacing = HD_TIMESTEPS_LINSPACE,
  .grid = HD_TIMESTEP_GRID_OPEN,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .n_kept = N_KEPT,
  .size = sizeof (HdSampler),
  .step = dpmpp_2m_sde_step,
};
