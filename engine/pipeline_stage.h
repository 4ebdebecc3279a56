/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/pipeline.h"

G_BEGIN_DECLS

/**
 * hd_pipeline_enter:
 * @stage: what comes next
 *
 * Makes the device ready for a stage of a run; no tensor may be alive. Networks that leave under the pipeline's plan
 * leave unless the stage needs them, those that it needs or that stay are loaded where they are missing, and the room
 * for tensors becomes what the plan says.
 *
 * Returns: %FALSE with @error set if a network cannot be loaded or there is no room.
 */
gboolean hd_pipeline_enter (HdPipeline  *pipeline,
                            HdStage      stage,
                            GError     **error);

/* The same after the last stage: what that took is noted in the pipeline's @need. */
void     hd_pipeline_leave (HdPipeline  *pipeline);

/* Of one kind of network each (pipeline_load.c): loads it if it is not there; drops it. */
gboolean hd_pipeline_load_text        (HdPipeline *pipeline, GError **error);
gboolean hd_pipeline_load_unet        (HdPipeline *pipeline, GError **error);
gboolean hd_pipeline_load_control_net (HdPipeline *pipeline, GError **error);
gboolean hd_pipeline_load_vae         (HdPipeline *pipeline, GError **error);
void     hd_pipeline_drop_text        (HdPipeline *pipeline);
void     hd_pipeline_drop_unet        (HdPipeline *pipeline);
void     hd_pipeline_drop_control_net (HdPipeline *pipeline);
void     hd_pipeline_drop_vae         (HdPipeline *pipeline);

G_END_DECLS
