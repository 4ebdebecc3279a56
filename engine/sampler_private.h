/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/sampler.h"

G_BEGIN_DECLS

#define HD_SAMPLER_MAX_KEPT 4

/**
 * HdLatentScale:
 * @HD_LATENTS_PRESERVING: sqrt (alpha) x0 + sqrt (1 - alpha) epsilon: the variance stays; what the UNet is given
 * @HD_LATENTS_EXPLODING: x0 + sigma epsilon: the signal stays and the variance grows with the noise
 *
 * How a sampler keeps its latents; the two are the same but for a factor (arXiv 2011.13456, section 3.4).
 */
typedef enum
{
  HD_LATENTS_PRESERVING,
  HD_LATENTS_EXPLODING,
} HdLatentScale;

/**
 * HdSamplerClass:
 * @name: what users call it
 * @spacing: its usual one
 * @grid: what its timesteps may be
 * @latents: how it keeps its latents
 * @order: evaluations that each step but the last has
 * @max_steps: the most that it makes; 0: as many as the training has
 * @n_kept: tensors that it keeps from step to step
 * @size: of its own structure, which begins with HdSampler
 * @init: (nullable): fills in or changes what is its own; all else is there already
 * @clear: (nullable): frees it
 * @step: see hd_sampler_step(); @k counts the evaluations of the whole schedule
 *
 * A kind of sampler; each has a file of its own.
 */
typedef struct
{
  const char         *name;
  HdTimestepSpacing   spacing;
  HdTimestepGrid      grid;
  HdLatentScale       latents;
  int                 order;
  int                 max_steps;
  int                 n_kept;
  gsize               size;

  void (* init)  (HdSampler *sampler, const HdSchedulerConfig *config, const HdSamplerOptions *options);
  void (* clear) (HdSampler *sampler);
  void (* step)  (HdSampler *sampler, int k, const HdTensor *prediction, HdTensor *x, HdNoiseFunc noise,
                  gpointer user_data);
} HdSamplerClass;

/* @evaluations, @timesteps and @sigmas are those of the whole schedule, of which a run with a strength below 1 leaves
 * the first ones out: it begins with evaluation @first. */
struct _HdSampler
{
  const HdSamplerClass *klass;
  HdNoiseSchedule       schedule;
  HdPrediction          prediction;
  HdTimestepSpacing     spacing;
  int                   evaluations;
  int                   first;
  int                   next;           /* the evaluation of the run that may be stepped with, besides 0 */
  double               *timesteps;      /* of each evaluation */
  double               *sigmas;         /* of each, and the last one's goal, 0 */
  double                initial_sigma;
  HdContext            *context;        /* of the run */
  HdTensor             *kept[HD_SAMPLER_MAX_KEPT];
};

extern const HdSamplerClass hd_sampler_ddim;
extern const HdSamplerClass hd_sampler_dpmpp_2m;
extern const HdSamplerClass hd_sampler_dpmpp_2m_sde;
extern const HdSamplerClass hd_sampler_euler;
extern const HdSamplerClass hd_sampler_euler_ancestral;
extern const HdSamplerClass hd_sampler_heun;
extern const HdSamplerClass hd_sampler_lcm;
extern const HdSamplerClass hd_sampler_unipc;

/* sigmas[k] = that of timesteps[k]. */
void   hd_sampler_set_sigmas   (HdSampler *sampler);

/* The shares of picture and noise in what the UNet is given in evaluation @k: x = signal x0 + level epsilon. @k may
 * be one more than there are: 1 and 0. */
void   hd_sampler_get_shares   (const HdSampler *sampler,
                                int              k,
                                double          *signal,
                                double          *level);

/* The picture as evaluation @k sees it, from the latents x and what the model predicts, m: x0 = from_x x + from_m m. */
void   hd_sampler_get_denoised (const HdSampler *sampler,
                                int              k,
                                double          *from_x,
                                double          *from_m);

/* x = from_x x + level noise */
void   hd_sampler_combine_fresh (const HdSampler *sampler,
                                 double           from_x,
                                 double           level,
                                 HdTensor        *x,
                                 HdNoiseFunc      noise,
                                 gpointer         user_data);

G_END_DECLS
