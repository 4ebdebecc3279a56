/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* The engine for callers with a main loop that has to go on turning: it works in a thread of its own, and says
 * how far it is and hands over its pictures in the caller's. */

/**
 * HdRunFuncs:
 * @progress: (nullable): told how far it is; a preview that is to be kept has to be referenced
 * @picture: takes a picture that is ready; an error ends the run. Pictures that were ready before the run failed or was
 *   cancelled are handed over, too
 *
 * Both are called in the thread-default main context of the caller, and never after the run's callback.
 */
typedef struct
{
  HdProgressFunc   progress;
  gboolean      (* picture) (const HdPicture  *picture,
                             gpointer          user_data,
                             GError          **error);
} HdRunFuncs;

/**
 * hd_run_engine_async:
 * @engine: (transfer none): to be kept, and left alone, until @callback was called
 * @request: (transfer none): what to make; copied
 * @funcs: (transfer none): to be kept as long
 * @funcs_data: for @funcs
 * @cancellable: (nullable): ends the run within a second
 * @callback: called in the same context when the run is over; to call hd_run_engine_finish()
 */
void       hd_run_engine_async  (HdEngine            *engine,
                                 const HdRequest     *request,
                                 const HdRunFuncs    *funcs,
                                 gpointer             funcs_data,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data);

/**
 * hd_run_engine_finish:
 *
 * Returns: whether all pictures were made and taken.
 */
gboolean   hd_run_engine_finish (GAsyncResult        *result,
                                 GError             **error);

G_END_DECLS
