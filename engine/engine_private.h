/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"
#include "engine/pipeline.h"
#include "engine/speed.h"

G_BEGIN_DECLS

struct _HdEngine
{
  HdContext  *context;
  char       *device_key;   /* what the context was made for */
  HdPipeline *pipeline;
  char       *model_key;    /* which files the pipeline was made from */
  char       *fingerprint;  /* of the pipeline's weights */
  HdSpeed     speed;        /* of the context's device, as far as it is known */
};

/* Opens the request's device, unless it is the one that is open. */
gboolean hd_engine_ensure_device (HdEngine         *engine,
                                  const HdRequest  *request,
                                  GError          **error);

/* The request in a pipeline's terms, for a model like @pipeline; the functions are left out. */
HdRun    hd_engine_run_settings  (const HdPipeline *pipeline,
                                  const HdRequest  *request);

/* FALSE with HD_ENGINE_ERROR_NO_MEMORY, naming what is needed, what there is and what would fit, if the
 * device has less free than @estimate says. */
gboolean hd_engine_check_memory  (HdEngine         *engine,
                                  const HdRequest  *request,
                                  const HdEstimate *estimate,
                                  GError          **error);

G_END_DECLS
