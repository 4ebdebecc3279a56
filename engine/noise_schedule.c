/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/noise_schedule.h"

#include <math.h>

#define SQUARED_COSINE_OFFSET   0.008
#define SQUARED_COSINE_MAX_BETA 0.999

#define SMALLEST_ALPHA 0x1p-24

#define KARRAS_RHO 7.0

static double
squared_cosine (double t)
{
  double c = cos ((t + SQUARED_COSINE_OFFSET) / (1.0 + SQUARED_COSINE_OFFSET) * G_PI / 2.0);

  return c * c;
}

/* Tables are rounded where diffusers computes in single precision. Otherwise a Karras sigma whose timestep lies near
 * the middle between two would be rounded to the other one: in every tenth number of steps, one does. */
static float
beta_at (const HdSchedulerConfig *config,
         int                      t)
{
  double share = config->train_steps > 1 ? t / (config->train_steps - 1.0) : 0.0;
  float  root;

  switch (config->beta_schedule)
    {
    case HD_BETA_SCHEDULE_LINEAR:
      return (float) (config->beta_start + share * (config->beta_end - config->beta_start));

    case HD_BETA_SCHEDULE_SCALED_LINEAR:
      root = (float) (sqrt (config->beta_start) + share * (sqrt (config->beta_end) - sqrt (config->beta_start)));
      return root * root;

    case HD_BETA_SCHEDULE_SQUARED_COSINE:
      return (float) MIN (1.0 - squared_cosine ((t + 1.0) / config->train_steps)
                                / squared_cosine ((double) t / config->train_steps),
                          SQUARED_COSINE_MAX_BETA);
    }

  g_return_val_if_reached (0.0f);
}

static void
rescale_to_zero_terminal_snr (HdNoiseSchedule *schedule)
{
  double first = sqrt (schedule->alphas_cumprod[0]);
  double last = sqrt (schedule->alphas_cumprod[schedule->train_steps - 1]);
  double before = 1.0;
  double product = 1.0;

  for (int t = 0; t < schedule->train_steps; t++)
    {
      double root = (sqrt (schedule->alphas_cumprod[t]) - last) * first / (first - last);
      double rescaled = root * root;

      product *= (float) (rescaled / before);
      schedule->alphas_cumprod[t] = (float) product;
      before = rescaled;
    }
}

void
hd_noise_schedule_init (HdNoiseSchedule         *schedule,
                        const HdSchedulerConfig *config)
{
  double product = 1.0;

  schedule->train_steps = config->train_steps;
  schedule->alphas_cumprod = g_new (double, config->train_steps);
  for (int t = 0; t < config->train_steps; t++)
    {
      product *= 1.0f - beta_at (config, t);
      schedule->alphas_cumprod[t] = (float) product;
    }

  if (config->zero_terminal_snr && config->train_steps > 1)
    rescale_to_zero_terminal_snr (schedule);
}

void
hd_noise_schedule_clear (HdNoiseSchedule *schedule)
{
  g_clear_pointer (&schedule->alphas_cumprod, g_free);
}

static double
sigma_at (const HdNoiseSchedule *schedule,
          int                    t)
{
  double alpha = schedule->alphas_cumprod[CLAMP (t, 0, schedule->train_steps - 1)];

  /* A terminal SNR of zero would be an infinite sigma. */
  alpha = MAX (alpha, SMALLEST_ALPHA);

  return (float) sqrt ((1.0 - alpha) / alpha);
}

double
hd_noise_schedule_sigma (const HdNoiseSchedule *schedule,
                         double                 timestep)
{
  int    below = (int) floor (timestep);
  double share = timestep - below;

  return share > 0.0 ? (1.0 - share) * sigma_at (schedule, below) + share * sigma_at (schedule, below + 1)
                     : sigma_at (schedule, below);
}

double
hd_noise_schedule_timestep (const HdNoiseSchedule *schedule,
                            double                 sigma)
{
  int    below = 0;
  int    above = schedule->train_steps - 1;
  double low;
  double high;

  if (sigma <= sigma_at (schedule, below))
    return below;
  if (sigma >= sigma_at (schedule, above))
    return above;

  while (above - below > 1)
    {
      int middle = below + (above - below) / 2;

      if (sigma_at (schedule, middle) <= sigma)
        below = middle;
      else
        above = middle;
    }

  low = log (sigma_at (schedule, below));
  high = log (sigma_at (schedule, above));

  return below + (log (sigma) - low) / (high - low);
}

double *
hd_noise_schedule_timesteps (const HdNoiseSchedule   *schedule,
                             const HdSchedulerConfig *config,
                             HdTimestepSpacing        spacing,
                             HdTimestepGrid           grid,
                             int                      steps)
{
  int     train_steps = schedule->train_steps;
  int     last = train_steps - 1;
  int     points = grid == HD_TIMESTEP_GRID_OPEN ? steps + 1 : steps;
  int     stride = MAX (train_steps / points, 1);
  double *timesteps = g_new (double, steps);

  for (int k = 0; k < steps; k++)
    {
      int    left = points - 1 - k;
      double t = 0.0;

      switch (spacing)
        {
        case HD_TIMESTEPS_LEADING:
          t = (double) left * stride + config->steps_offset;
          break;

        case HD_TIMESTEPS_LINSPACE:
          /* A single step starts where noise is all there is. */
          t = points > 1 ? left * ((double) last / (points - 1)) : last;
          t = grid == HD_TIMESTEP_GRID_FRACTIONAL ? t : rint (t);
          break;

        case HD_TIMESTEPS_TRAILING:
          t = rint (train_steps - k * (train_steps / (double) steps)) - 1.0;
          break;
        }

      timesteps[k] = CLAMP (t, 0.0, last);
    }

  return timesteps;
}

void
hd_noise_schedule_karras (double  largest,
                          double  smallest,
                          int     steps,
                          double *sigmas)
{
  double from = pow (largest, 1.0 / KARRAS_RHO);
  double to = pow (smallest, 1.0 / KARRAS_RHO);

  for (int k = 0; k < steps; k++)
    sigmas[k] = steps > 1 ? pow (from + k / (steps - 1.0) * (to - from), KARRAS_RHO) : largest;
}
