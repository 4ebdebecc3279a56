/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"
#include "engine/job.h"
#include "engine/loading.h"
#include "engine/pipeline.h"
#include "engine/preview.h"
#include "engine/speed.h"

G_BEGIN_DECLS

struct _HdEngine
{
  GRecMutex     lock;         /* of all that follows */
  HdContext    *context;
  char         *device_key;   /* what the context was made for */
  HdPipeline   *pipeline;
  char         *model_key;    /* which files the pipeline was made from */
  char         *fingerprint;  /* of the model's weights */
  HdSpeed       speed;        /* of the context's device, as far as it is known */
  gboolean      previews;     /* are wanted */
  HdPreview     preview;      /* the pipeline's; without channels: not known yet */
};

/* Opens the request's device, unless it is the one that is open. */
gboolean hd_engine_ensure_device (HdEngine         *engine,
                                  const HdRequest  *request,
                                  GError          **error);

/* Gives @pipeline the ControlNet that @request asks for, or none. */
gboolean hd_engine_set_control_net (HdPipeline       *pipeline,
                                    const HdRequest  *request,
                                    GError          **error);

/* Runs @request on the dry device, in ways that take less and less memory until it fits; the networks are those of
 * @loading. @plan (out) (optional): how it is to be run. */
gboolean hd_engine_count         (HdEngine         *engine,
                                  const HdLoading  *loading,
                                  const HdRequest  *request,
                                  HdMemoryPlan     *plan,
                                  HdEstimate       *estimate,
                                  GError          **error);

/* Holds the engine's lock until the block ends. */
#define HD_ENGINE_LOCK(engine) G_GNUC_UNUSED g_autoptr (GRecMutexLocker) locker = g_rec_mutex_locker_new (&(engine)->lock)

/* Bytes that weights and tensors may take together on the engine's device: what is free, with what its networks have
 * taken already, or the request's budget if that is less. */
gsize    hd_engine_get_limit     (HdEngine         *engine,
                                  const HdRequest  *request);

G_END_DECLS
