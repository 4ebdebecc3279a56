/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "engine/job.h"
#include "engine/pipeline.h"
#include "engine/request.h"

G_BEGIN_DECLS

/**
 * HdBenchPart:
 * @n_steps: steps of the run that are like this one; 0 for the VAE
 * @first_step: the first of them, from 0
 * @tools: what of RAU-Net is active in them
 * @seconds: (element-type double): of each repetition, sorted
 * @operators: by kind, the mean of the repetitions
 *
 * One evaluation, measured: a UNet step of one phase of RAU-Net's schedule, or the VAE's decoder.
 */
typedef struct
{
  int             n_steps;
  int             first_step;
  HdRauNetTools   tools;
  GArray         *seconds;
  HdOpStatistics  operators[HD_N_OPS];
} HdBenchPart;

/**
 * HdBench:
 * @request: what run is measured
 * @unet: measure the UNet
 * @vae: measure the VAE's decoder
 * @repetitions: of each measurement, after one that is not counted
 * @job: filled in, @request made ready for the model
 * @device: (owned): filled in, the device's name
 * @batch: filled in, images that a step evaluates at once
 * @latent_height: filled in
 * @latent_width: filled in
 * @steps: (element-type HdBenchPart): filled in, the phases of the schedule
 * @decoder: filled in
 * @weight_bytes: filled in, of the networks that were measured
 * @tensor_bytes: filled in, the arena
 */
typedef struct
{
  const HdRequest *request;
  gboolean         unet;
  gboolean         vae;
  int              repetitions;

  HdJob           *job;
  char            *device;
  int              batch;
  int              latent_height;
  int              latent_width;
  GArray          *steps;
  HdBenchPart      decoder;
  gsize            weight_bytes;
  gsize            tensor_bytes;
} HdBench;

/* Measures. The first evaluation of each part, in which weights are packed and kernels made, is not counted. */
gboolean hd_bench_run     (HdBench       *bench,
                           GCancellable  *cancellable,
                           GError       **error);
void     hd_bench_clear   (HdBench       *bench);

/* The median of the repetitions. */
double   hd_bench_part_get_seconds (const HdBenchPart *part);

/* The mean over the run's steps. */
double   hd_bench_get_step_seconds (const HdBench     *bench);

G_END_DECLS
