/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/fill.h"
#include "engine/pipeline.h"
#include "engine/request.h"

G_BEGIN_DECLS

/**
 * HdJob:
 * @request: the request, with all that was left to the model or the task settled
 * @run: it in a pipeline's terms; without the functions
 * @width: of the picture that the networks work on, in pixels; a multiple of 64
 * @height: of it
 * @shown_width: of the picture that is asked for, which lies in the middle of the networks'
 * @shown_height: of it
 * @left: where it lies
 * @top: where it lies
 * @plan: of %HD_TASK_FILL
 *
 * A request made ready for a model: sizes settled, pictures cut and padded.
 */
typedef struct
{
  HdRequest           *request;
  HdRun                run;
  int                  width;
  int                  height;
  int                  shown_width;
  int                  shown_height;
  int                  left;
  int                  top;
  HdFillPlan           plan;

  /*< private >*/
  HdControlRun         control;
  HdHiDiffusionRatio   ratios;
  char               **folders;
  float               *image;
  float               *mask;
  float               *map;
} HdJob;

/**
 * hd_job_new:
 * @model: what will run it
 * @request: checked, and with a seed
 * @dry: for the dry device: pictures have a size, but no pixels
 *
 * Returns: (transfer full): the job; %NULL with %HD_ENGINE_ERROR_REQUEST or %HD_ENGINE_ERROR_NO_MEMORY.
 */
HdJob   *hd_job_new            (const HdModel    *model,
                                const HdRequest  *request,
                                gboolean          dry,
                                GError          **error);
void     hd_job_free           (HdJob            *job);

/**
 * hd_job_finish:
 * @planes: (3, height, width) in [-1, 1]: what was decoded
 *
 * Returns: (transfer full): the picture that was asked for; for %HD_TASK_FILL that of the plan's rectangle.
 */
HdImage *hd_job_finish         (const HdJob      *job,
                                const float      *planes,
                                GError          **error);

/**
 * hd_request_settle:
 * @request: what is left to the model or the task is filled in, but for the size of %HD_TASK_FILL
 */
gboolean hd_request_settle     (HdRequest        *request,
                                const HdModel    *model,
                                GError          **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdJob, hd_job_free)

G_END_DECLS
