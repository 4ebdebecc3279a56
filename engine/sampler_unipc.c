/* SPDX-License-Identifier: Apache-2.0 */

/* UniPC of second order with B2 (h), predicting the picture (arXiv 2302.04867; diffusers' UniPCMultistepScheduler with
 * "bh2"). An evaluation first corrects the step that led to it, then predicts the next. */

#include <math.h>

#include "engine/sampler_private.h"

/* What is kept from an evaluation to the next. */
enum
{
  START,      /* the latents where the last step began, corrected */
  PICTURE,    /* x0 as seen there */
  PREVIOUS,   /* x0 as seen where the step before began */
  CORRECTOR,  /* x0 as seen at the last step's end */
  N_KEPT,
};

/* A step from level k to k + 1 and its shares of what it is made of:
 * x = from_x start + from_picture (picture + difference terms), a difference being (x0 elsewhere - picture). */
typedef struct
{
  double from_x;
  double from_picture;
  double h;        /* its length in lambda = -log sigma */
  double ratio;    /* of the step before, backwards, to it; 0: of first order, that one is not used */
} Step;

static Step
step_at (const HdSampler *sampler,
         int              k)
{
  const double *sigmas = sampler->sigmas;
  double        signal, level, next_signal, next_level, before;
  Step          step = { 0 };

  hd_sampler_get_shares (sampler, k, &signal, &level);
  hd_sampler_get_shares (sampler, k + 1, &next_signal, &next_level);
  step.from_x = next_level / level;
  step.from_picture = next_signal * (1.0 - sigmas[k + 1] / sigmas[k]);

  if (k < sampler->evaluations - 1)
    {
      step.h = log (sigmas[k] / sigmas[k + 1]);
      before = k > sampler->first ? log (sigmas[k - 1] / sigmas[k]) : 0.0;
      /* with very many steps, a timestep may come twice */
      step.ratio = step.h > 0.0 ? -before / step.h : 0.0;
    }

  return step;
}

/* UniP: the latents after @step. */
static void
predict (HdSampler  *sampler,
         const Step *step,
         HdTensor   *x)
{
  HdTensor **kept = sampler->kept;

  hd_combine (sampler->context, step->from_x, kept[START], step->from_picture, kept[PICTURE], x);
  if (step->ratio < 0.0)
    {
      double share = 0.5 / step->ratio * step->from_picture;

      hd_combine (sampler->context, 1.0, x, share, kept[PREVIOUS], x);
      hd_combine (sampler->context, 1.0, x, -share, kept[PICTURE], x);
    }
}

/* The weights of the two differences that UniC is made of, the solutions of its R rho = b. */
static void
corrector_weights (const Step *step,
                   double     *of_previous,
                   double     *of_corrector)
{
  double b = expm1 (-step->h);
  double phi_2 = b / -step->h - 1.0;
  double phi_3 = phi_2 / -step->h - 0.5;

  if (step->ratio == 0.0)
    {
      *of_previous = 0.0;
      *of_corrector = 0.5;
      return;
    }

  *of_previous = (phi_2 - 2.0 * phi_3) / b / (1.0 - step->ratio);
  *of_corrector = phi_2 / b - *of_previous;
}

/* UniC: the latents after @step anew, now that the picture as seen there is known. */
static void
correct (HdSampler  *sampler,
         const Step *step,
         HdTensor   *x)
{
  HdTensor **kept = sampler->kept;
  double     of_previous;
  double     of_corrector;
  double     of_picture = 1.0;

  if (step->h <= 0.0)
    return;

  corrector_weights (step, &of_previous, &of_corrector);
  of_picture -= of_corrector;
  if (step->ratio < 0.0)
    {
      of_previous /= step->ratio;
      of_picture -= of_previous;
    }

  hd_combine (sampler->context, step->from_x, kept[START], step->from_picture * of_picture, kept[PICTURE], x);
  hd_combine (sampler->context, 1.0, x, step->from_picture * of_corrector, kept[CORRECTOR], x);
  if (step->ratio < 0.0)
    hd_combine (sampler->context, 1.0, x, step->from_picture * of_previous, kept[PREVIOUS], x);
}

static void
unipc_step (HdSampler      *sampler,
            int             k,
            const HdTensor *prediction,
            HdTensor       *x,
            HdNoiseFunc     noise,
            gpointer        user_data)
{
  HdTensor **kept = sampler->kept;
  HdTensor  *oldest;
  Step       step;
  double     from_x = 0.0;
  double     from_m = 0.0;

  hd_sampler_get_denoised (sampler, k, &from_x, &from_m);
  hd_combine (sampler->context, from_x, x, from_m, prediction, kept[CORRECTOR]);

  if (k > sampler->first)
    {
      step = step_at (sampler, k - 1);
      correct (sampler, &step, x);
    }

  oldest = kept[PREVIOUS];
  kept[PREVIOUS] = kept[PICTURE];
  kept[PICTURE] = kept[CORRECTOR];
  kept[CORRECTOR] = oldest;

  hd_combine (sampler->context, 1.0, x, 0.0, NULL, kept[START]);
  step = step_at (sampler, k);
  predict (sampler, &step, x);
}

const HdSamplerClass hd_sampler_unipc = {
  .name = "unipc",
  .spacing = HD_TIMESTEPS_LINSPACE,
  .grid = HD_TIMESTEP_GRID_OPEN,
  .latents = HD_LATENTS_PRESERVING,
  .order = 1,
  .n_kept = N_KEPT,
  .size = sizeof (HdSampler),
  .step = unipc_step,
};
