/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* Sentences for users; all are owned by the caller. */

/* "About 2 minutes"; to the second below a minute. */
char *hd_describe_seconds  (double            seconds);

/* What the engine is at: "Picture 2 of 3 – Step 7 of 25". */
char *hd_describe_phase    (const HdProgress *progress);

/* The same with the time: "Step 7 of 25, about 12 seconds left". */
char *hd_describe_progress (const HdProgress *progress);

/* What has been made; @seed is the first one's. */
char *hd_describe_done     (int               pictures,
                            gint64            seed,
                            double            seconds);

/* What a run will need: "On CPU (8 threads): 1.2 GiB of memory (14 GiB free), about 2 minutes". @seconds: negative while
 * not known. */
char *hd_describe_cost     (const HdEstimate *estimate,
                            double            seconds);

G_END_DECLS
