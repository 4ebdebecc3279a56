/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/noise_schedule.h"

#include <math.h>

#define SQUARED_COSINE_OFFSET   0.008
#define SQUARED_COSINE_MAX_BETA 0.999

#define SMALLEST_ALPHA 0x1p-24

static double
squared_cosine (double t)
{
  double c = cos ((t + SQUARED_COSINE_OFFSET) / (1.0 + SQUARED_COSINE_OFFSET) * G_PI / 2.0);

  return c * c;
}

static double
beta_at (const HdSchedulerConfig *config,
         int                      t)
{
  double share = config->train_steps > 1 ? t / (config->train_steps - 1.0) : 0.0;
  double root;

  switch (config->beta_schedule)
    {
    case HD_BETA_SCHEDULE_LINEAR:
      return config->beta_start + share * (config->beta_end - config->beta_start);

    case HD_BETA_SCHEDULE_SCALED_LINEAR:
      root = sqrt (config->beta_start) + share * (sqrt (config->beta_end) - sqrt (config->beta_start));
      return root * root;

    case HD_BETA_SCHEDULE_SQUARED_COSINE:
      return MIN (1.0 - squared_cosine ((t + 1.0) / config->train_steps)
                        / squared_cosine ((double) t / config->train_steps),
                  SQUARED_COSINE_MAX_BETA);
    }

  g_return_val_if_reached (0.0);
}

static void
rescale_to_zero_terminal_snr (HdNoiseSchedule *schedule)
{
  double first = sqrt (schedule->alphas_cumprod[0]);
  double last = sqrt (schedule->alphas_cumprod[schedule->train_steps - 1]);

  for (int t = 0; t < schedule->train_steps; t++)
    {
      double root = (sqrt (schedule->alphas_cumprod[t]) - last) * first / (first - last);

      schedule->alphas_cumprod[t] = root * root;
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
      product *= 1.0 - beta_at (config, t);
      schedule->alphas_cumprod[t] = product;
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

  return sqrt ((1.0 - alpha) / alpha);
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

double *
hd_noise_schedule_timesteps (const HdNoiseSchedule   *schedule,
                             const HdSchedulerConfig *config,
                             HdTimestepSpacing        spacing,
                             int                      steps,
                             gboolean                 whole)
{
  int     last = schedule->train_steps - 1;
  double *timesteps = g_new (double, steps);

  for (int k = 0; k < steps; k++)
    {
      int    left = steps - 1 - k;
      double t = 0.0;

      switch (spacing)
        {
        case HD_TIMESTEPS_LEADING:
          t = (double) left * (schedule->train_steps / steps) + config->steps_offset;
          break;

        case HD_TIMESTEPS_LINSPACE:
          t = steps > 1 ? (double) last * left / (steps - 1) : 0.0;
          t = whole ? rint (t) : t;
          break;

        case HD_TIMESTEPS_TRAILING:
          t = rint (schedule->train_steps - k * (schedule->train_steps / (double) steps)) - 1.0;
          break;
        }

      timesteps[k] = CLAMP (t, 0.0, last);
    }

  return timesteps;
}
