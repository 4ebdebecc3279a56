/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/config.h"

G_BEGIN_DECLS

/**
 * HdNoiseSchedule:
 * @train_steps: number of timesteps in training, T
 * @alphas_cumprod: (array length=train_steps): the share of the signal's variance that is left at each timestep
 *
 * How much noise a timestep stands for.
 */
typedef struct
{
  int     train_steps;
  double *alphas_cumprod;
} HdNoiseSchedule;

/**
 * HdTimestepGrid:
 * @HD_TIMESTEP_GRID_WHOLE: the training's whole timesteps
 * @HD_TIMESTEP_GRID_FRACTIONAL: linspace spacing and Karras sigmas fall between them
 * @HD_TIMESTEP_GRID_OPEN: whole ones, spread for one step more than there are: that one, the smallest, is left out,
 *   as the last step goes from the one before to no noise at once
 *
 * What a sampler's timesteps may be.
 */
typedef enum
{
  HD_TIMESTEP_GRID_WHOLE,
  HD_TIMESTEP_GRID_FRACTIONAL,
  HD_TIMESTEP_GRID_OPEN,
} HdTimestepGrid;

/* From the model's betas; with the terminal SNR rescaled to zero if the configuration says so
 * (arXiv 2305.08891, algorithm 1). The table is rounded to single precision where diffusers' is. */
void   hd_noise_schedule_init  (HdNoiseSchedule         *schedule,
                                const HdSchedulerConfig *config);
void   hd_noise_schedule_clear (HdNoiseSchedule         *schedule);

/* sqrt ((1 - alpha) / alpha) at @timestep, linear between whole ones. */
double hd_noise_schedule_sigma (const HdNoiseSchedule *schedule,
                                double                 timestep);

/* Its inverse: the timestep, whole or not, that has @sigma; linear in log sigma between whole ones. */
double hd_noise_schedule_timestep (const HdNoiseSchedule *schedule,
                                   double                 sigma);

/**
 * hd_noise_schedule_timesteps:
 * @spacing: how the run's steps lie among the training's (arXiv 2305.08891, table 2)
 * @grid: what they may be
 * @steps: number of steps in the run, 1 to T
 *
 * Returns: (transfer full) (array length=steps): the timesteps, largest first, in [0, T - 1].
 */
double *hd_noise_schedule_timesteps (const HdNoiseSchedule   *schedule,
                                     const HdSchedulerConfig *config,
                                     HdTimestepSpacing        spacing,
                                     HdTimestepGrid           grid,
                                     int                      steps);

/* Fills @sigmas with @steps noise levels from @largest to @smallest, evenly spaced in their seventh roots
 * (arXiv 2206.00364, equation 5). */
void    hd_noise_schedule_karras    (double  largest,
                                     double  smallest,
                                     int     steps,
                                     double *sigmas);

G_END_DECLS
