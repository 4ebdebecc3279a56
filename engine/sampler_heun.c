/* SPDX-License-Identifier: Apache-2.0 */

/* Heun's method (arXiv 2206.00364, algorithm 1; diffusers' HeunDiscreteScheduler): a step of Euler's, then the same
 * step anew with the mean of the slopes at its two ends. The last step, to sigma 0, where there is no slope, is
 * Euler's. */

#include <string.h>

#include "engine/sampler_private.h"

typedef struct
{
  HdSampler  parent;
  float     *start;  /* the latents at the beginning of the step */
  float     *slope;  /* dx / dsigma there */
} Heun;

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
heun_clear (HdSampler *sampler)
{
  Heun *heun = (Heun *) sampler;

  g_free (heun->start);
  g_free (heun->slope);
}

static void
heun_step (HdSampler   *sampler,
           int          k,
           const float *prediction,
           float       *x,
           gsize        count,
           HdNoiseFunc  noise,
           gpointer     user_data)
{
  Heun   *heun = (Heun *) sampler;
  float  *start = hd_sampler_keep (&heun->start, count);
  float  *slope = hd_sampler_keep (&heun->slope, count);
  double  sigma = sampler->sigmas[k];
  double  from_x = 0.0;
  double  from_m = 0.0;

  /* slope = (x - x0) / sigma */
  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  from_x = (1.0 - from_x) / sigma;
  from_m = -from_m / sigma;

  if (k % 2 == 0)
    {
      memcpy (start, x, count * sizeof *x);
      hd_sampler_combine (from_x, x, from_m, prediction, slope, count);
      hd_sampler_combine (1.0, start, sampler->sigmas[k + 1] - sigma, slope, x, count);
    }
  else
    {
      double half = (sigma - sampler->sigmas[k - 1]) / 2.0;

      hd_sampler_combine (half * from_x, x, half * from_m, prediction, x, count);
      hd_sampler_combine (1.0, x, half, slope, x, count);
      hd_sampler_combine (1.0, start, 1.0, x, x, count);
    }
}

const HdSamplerClass hd_sampler_heun = {
  .name = "heun",
  .spacing = HD_TIMESTEPS_LEADING,
  .grid = HD_TIMESTEP_GRID_FRACTIONAL,
  .latents = HD_LATENTS_EXPLODING,
  .order = 2,
  .size = sizeof (Heun),
  .init = heun_init,
  .clear = heun_clear,
  .step = heun_step,
};
