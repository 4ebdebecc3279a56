/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* The engine for callers with a main loop that has to go on turning: it works in a thread of its own, and says
 * how far it is in the caller's. */

/**
 * hd_run_engine_async:
 * @engine: (transfer none): to be kept, and left alone, until @callback was called
 * @request: (transfer none): what to make; copied
 * @progress: (nullable): called in the thread-default main context of the caller; never after @callback
 * @cancellable: (nullable): ends the run within a second
 * @callback: called in the same context when the run is over; to call hd_run_engine_finish()
 */
void       hd_run_engine_async  (HdEngine            *engine,
                                 const HdRequest     *request,
                                 HdProgressFunc       progress,
                                 gpointer             progress_data,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data);

/**
 * hd_run_engine_finish:
 *
 * Returns: (transfer full): what hd_engine_generate() returned.
 */
HdPicture *hd_run_engine_finish (GAsyncResult        *result,
                                 GError             **error);

G_END_DECLS
