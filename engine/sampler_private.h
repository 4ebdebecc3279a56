/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/sampler.h"

G_BEGIN_DECLS

/**
 * HdSamplerClass:
 * @name: what users call it
 * @spacing: its usual one
 * @size: of its own structure, which begins with HdSampler
 * @init: fills in what is its own; @sampler has schedule, timesteps and prediction
 *
 * A kind of sampler; each has a file of its own.
 */
typedef struct
{
  const char         *name;
  HdTimestepSpacing   spacing;
  gsize               size;

  void (* init)        (HdSampler *sampler, const HdSchedulerConfig *config, const HdSamplerOptions *options);
  void (* clear)       (HdSampler *sampler);
  void (* scale_input) (const HdSampler *sampler, int k, const float *x, float *input, gsize count);
  void (* step)        (HdSampler *sampler, int k, const float *prediction, float *x, gsize count,
                        HdNoiseFunc noise, gpointer user_data);
} HdSamplerClass;

struct _HdSampler
{
  const HdSamplerClass *klass;
  HdNoiseSchedule       schedule;
  HdPrediction          prediction;
  HdTimestepSpacing     spacing;
  int                   evaluations;
  double               *timesteps;      /* of each evaluation */
  double               *sigmas;         /* of each, and the last one's goal */
  double                initial_sigma;
};

extern const HdSamplerClass hd_sampler_ddim;
extern const HdSamplerClass hd_sampler_euler_ancestral;

/* sigmas[k] = that of timesteps[k], and 0 at the end. */
void hd_sampler_init_sigmas (HdSampler *sampler);

G_END_DECLS
