/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/noise_schedule.h"

G_BEGIN_DECLS

/* A sampler takes latents from noise to a picture's in steps. It is plain arithmetic on the host in float32:
 * latents are (C, H, W), and small beside everything else. */

typedef struct _HdSampler HdSampler;

/**
 * HdNoiseFunc:
 * @values: filled with @count normally distributed numbers
 */
typedef void (* HdNoiseFunc) (float    *values,
                              gsize     count,
                              gpointer  user_data);

/**
 * HdSamplerOptions:
 * @name: one of hd_sampler_names()
 * @steps: steps in the run, 1 to the training's number
 * @eta: DDIM's share of fresh noise in each step: 0 none, 1 as much as DDPM
 * @own_spacing: use @spacing instead of the sampler's usual one
 * @spacing: how the run's steps lie among the training's
 */
typedef struct
{
  const char        *name;
  int                steps;
  double             eta;
  gboolean           own_spacing;
  HdTimestepSpacing  spacing;
} HdSamplerOptions;

/**
 * hd_sampler_new:
 * @config: the model's noise schedule and what its UNet predicts
 *
 * Returns: (transfer full): the sampler; %NULL with %HD_ENGINE_ERROR_REQUEST if there is none of that name, or
 *   it cannot make that many steps.
 */
HdSampler *hd_sampler_new  (const HdSchedulerConfig  *config,
                            const HdSamplerOptions   *options,
                            GError                  **error);
void       hd_sampler_free (HdSampler                *sampler);

/* How often the UNet is evaluated in the whole run. */
int        hd_sampler_get_evaluations (const HdSampler *sampler);

/* The timestep that evaluation @k, from 0, is for. */
double     hd_sampler_get_timestep    (const HdSampler *sampler, int k);

/* The noise's level before evaluation @k; @k may be one more than there are. */
double     hd_sampler_get_sigma       (const HdSampler *sampler, int k);

/* What normally distributed noise is multiplied with to be the first latents. */
double     hd_sampler_get_initial_sigma (const HdSampler *sampler);

/* @input = what the UNet is given in evaluation @k for the latents @x; @count numbers each. */
void       hd_sampler_scale_input     (const HdSampler *sampler,
                                       int              k,
                                       const float     *x,
                                       float           *input,
                                       gsize            count);

/**
 * hd_sampler_step:
 * @k: the evaluation that @prediction comes from; to be called with 0, 1, 2, ...
 * @prediction: what the UNet gave, after guidance
 * @x: the latents, taken from before the step to after it
 * @count: number of elements
 * @noise: asked for fresh noise where the sampler wants some
 */
void       hd_sampler_step            (HdSampler       *sampler,
                                       int              k,
                                       const float     *prediction,
                                       float           *x,
                                       gsize            count,
                                       HdNoiseFunc      noise,
                                       gpointer         user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdSampler, hd_sampler_free)

G_END_DECLS
