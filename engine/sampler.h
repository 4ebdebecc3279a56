/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/noise_schedule.h"
#include "kernels/ops.h"

G_BEGIN_DECLS

/* A sampler takes latents from noise to a picture's in steps. Coefficients are computed on the host in double; latents
 * are (1, H, W, C) tensors of float32 on the device, which combines them in the same way on all devices. */

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
 * @steps: steps in the whole schedule, 1 to the training's number
 * @strength: how much of a picture is made anew, above 0 to 1: only the last trunc (@steps * @strength) steps are run
 * @eta: DDIM's share of fresh noise in each step: 0 none, 1 as much as DDPM
 * @own_spacing: use @spacing instead of the sampler's usual one
 * @spacing: how the run's steps lie among the training's
 * @karras: noise levels as in arXiv 2206.00364, whatever the spacing is: between the first and the last that it has
 *   (Euler's, Heun's), or between the training's (all others)
 */
typedef struct
{
  const char        *name;
  int                steps;
  double             strength;
  double             eta;
  gboolean           own_spacing;
  HdTimestepSpacing  spacing;
  gboolean           karras;
} HdSamplerOptions;

/* What hd_sampler_options_set_schedule() takes: "auto", the sampler's usual one, comes first. */
const char * const *hd_schedule_names (void);

/**
 * hd_sampler_options_set_schedule:
 * @schedule: one of hd_schedule_names()
 *
 * Sets @options' spacing and Karras sigmas. "auto" is linspace for DPM++ and UniPC, the distillation's own for LCM,
 * and leading for all others.
 *
 * Returns: FALSE with %HD_ENGINE_ERROR_REQUEST if there is none of that name.
 */
gboolean hd_sampler_options_set_schedule (HdSamplerOptions  *options,
                                          const char        *schedule,
                                          GError           **error);

/**
 * hd_sampler_new:
 * @config: the model's noise schedule and what its UNet predicts
 *
 * Returns: (transfer full): the sampler; %NULL with %HD_ENGINE_ERROR_REQUEST if there is none of that name, it
 *   cannot make that many steps, or so little strength leaves none.
 */
HdSampler *hd_sampler_new  (const HdSchedulerConfig  *config,
                            const HdSamplerOptions   *options,
                            GError                  **error);
void       hd_sampler_free (HdSampler                *sampler);

/* How often the UNet is evaluated in the run: once a step, but twice in all of Heun's but the last. What counts
 * steps (RAU-Net's schedule, as in the authors' code; progress) counts these. */
int        hd_sampler_get_evaluations (const HdSampler *sampler);

/* The timestep that evaluation @k, from 0, is for. */
double     hd_sampler_get_timestep    (const HdSampler *sampler, int k);

/* The noise's level before evaluation @k, as a multiple of the signal's; @k may be one more than there are. */
double     hd_sampler_get_sigma       (const HdSampler *sampler, int k);

/* What normally distributed noise is multiplied with to be the first latents of a run of strength 1. */
double     hd_sampler_get_initial_sigma (const HdSampler *sampler);

/**
 * hd_sampler_add_noise:
 * @clean: (C, H, W) latents of a picture
 * @noise: normally distributed numbers
 * @x: room for the latents that the run may begin with; may be @clean or @noise
 * @count: number of elements
 *
 * diffusers' scheduler.add_noise() at the run's first timestep, on the host.
 */
void       hd_sampler_add_noise       (const HdSampler *sampler,
                                       const float     *clean,
                                       const float     *noise,
                                       float           *x,
                                       gsize            count);

/* The same at the level of the latents before evaluation @k; @k may be one more than there are, which gives the
 * clean latents. */
void       hd_sampler_add_noise_at    (const HdSampler *sampler,
                                       int              k,
                                       const float     *clean,
                                       const float     *noise,
                                       float           *x,
                                       gsize            count);

/**
 * hd_sampler_begin:
 * @x: the latents of the run, (1, H, W, C) in float32
 *
 * Takes room on the device for what the sampler keeps from step to step, before the first: so what a network finds of the
 * device's memory is the same in all of them. Whatever fails is @context's error.
 */
void       hd_sampler_begin           (HdSampler       *sampler,
                                       HdContext       *context,
                                       const HdTensor  *x);

/* @input = what the UNet is given in evaluation @k for the latents @x, in its own type, for each of its images. */
void       hd_sampler_scale_input     (const HdSampler *sampler,
                                       int              k,
                                       const HdTensor  *x,
                                       HdTensor        *input);

/**
 * hd_sampler_step:
 * @k: the evaluation that @prediction comes from; to be called with 0, 1, 2, ..., and from 0 again for another run,
 *   after hd_sampler_begin()
 * @prediction: what the UNet gave, after guidance, as @x, of any type
 * @x: the latents, taken from before the step to after it
 * @noise: asked for fresh noise, (C, H, W), where the sampler wants some: DDIM with eta, Euler a and the SDE once a
 *   step, the last one too; LCM in all steps but the last
 */
void       hd_sampler_step            (HdSampler       *sampler,
                                       int              k,
                                       const HdTensor  *prediction,
                                       HdTensor        *x,
                                       HdNoiseFunc      noise,
                                       gpointer         user_data);

/* @clean = the picture's latents as they are guessed from the latents @x before evaluation @k and the @prediction that
 * came of it; all of one shape. */
void       hd_sampler_guess_clean     (const HdSampler *sampler,
                                       int              k,
                                       const HdTensor  *x,
                                       const HdTensor  *prediction,
                                       HdTensor        *clean);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdSampler, hd_sampler_free)

G_END_DECLS
