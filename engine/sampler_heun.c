/* SPDX-License-Identifier: Apache-2.0 */

/* Heun's method (arXiv 2206.00364, algorithm 1; diffusers' HeunDiscreteScheduler): a step of Euler's, then the same
 * step anew with the mean of the slopes at its two ends. The last step, to sigma 0, where there is no slope, is
 * Euler's. */

#include "engine/sampler_private.h"

/* What is kept from an evaluation to the next. */
enum
{
  START,   /* the latents at the beginning of the step */
  SLOPE,   /* dx / dsigma there */
  N_KEPT,
};

/* Evaluations 2 i and 2 i + 1 are those of step i. */
static void
heun_init (HdSampler               *sampler,
           const HdSchedulerConfig *config,
           const HdSamplerOptions  *options)
{
  int     evaluations = 2 * options->steps - 1;
  double *timesteps = g_new (double, evaluations);
  double *sigmas = g_new (double, evaluations + 1);

  for (int k = 0; k < evaluations; k++)
    {
      timesteps[k] = sampler->timesteps[(k + 1) / 2];
      sigmas[k] = sampler->sigmas[(k + 1) / 2];
    }
  sigmas[evaluations] = 0.0;

  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  sampler->timesteps = timesteps;
  sampler->sigmas = sigmas;
  sampler->evaluations = evaluations;
}

static void
heun_step (HdSampler      *sampler,
           int             k,
           const HdTensor *prediction,
           HdTensor       *x,
           HdNoiseFunc     noise,
           gpointer        user_data)
{
  HdContext *context = sampler->context;
  HdTensor  *start = sampler->kept[START];
  HdTensor  *slope = sampler->kept[SLOPE];
  double     sigma = sampler->sigmas[k];
  double     from_x = 0.0;
  double     from_m = 0.0;

  /* slope = (x - x0) / sigma */
  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  from_x = (1.0 - from_x) / sigma;
  from_m = -from_m / sigma;

  if (k % 2 == 0)
    {
      hd_combine (context, 1.0, x, 0.0, NULL, start);
      hd_combine (context, from_x, x, from_m, prediction, slope);
      hd_combine (context, 1.0, start, sampler->sigmas[k + 1] - sigma, slope, x);
    }
  else
    {
      double half = (sigma - sampler->sigmas[k - 1]) / 2.0;

      hd_combine (context, half * from_x, x, half * from_m, prediction, x);
      hd_combine (context, 1.0, x, half, slope, x);
      hd_combine (context, 1.0, start, 1.0, x, x);
    }
}

const HdSamplerClass hd_sampler_heun = {
  .name = "heun",
  .spacing = HD_TIMESTEPS_LEADING,
  .grid = HD_TIMESTEP_GRID_FRACTIONAL,
  .latents = HD_LATENTS_EXPLODING,
  .order = 2,
  .n_kept = N_KEPT,
  .size = sizeof (HdSampler),
  .init = heun_init,
  .step = heun_step,
};
