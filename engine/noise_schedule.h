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

/* From the model's betas; with the terminal SNR rescaled to zero if the configuration says so
 * (arXiv 2305.08891, algorithm 1). */
void   hd_noise_schedule_init  (HdNoiseSchedule         *schedule,
                                const HdSchedulerConfig *config);
void   hd_noise_schedule_clear (HdNoiseSchedule         *schedule);

/* sqrt ((1 - alpha) / alpha) at @timestep, linear between whole ones. */
double hd_noise_schedule_sigma (const HdNoiseSchedule *schedule,
                                double                 timestep);

/**
 * hd_noise_schedule_timesteps:
 * @spacing: how the run's steps lie among the training's
 * @steps: number of steps in the run, 1 to T
 * @whole: linspace spacing rounds to whole timesteps
 *
 * Returns: (transfer full) (array length=steps): the timesteps, largest first, in [0, T - 1].
 */
double *hd_noise_schedule_timesteps (const HdNoiseSchedule   *schedule,
                                     const HdSchedulerConfig *config,
                                     HdTimestepSpacing        spacing,
                                     int                      steps,
                                     gboolean                 whole);

G_END_DECLS
