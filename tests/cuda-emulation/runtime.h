/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/cuda-emulation/cuda_runtime.h"

/* What the files of the emulated runtime library share. */

/* Every call of the runtime ends here: notes an error. */
cudaError_t hd_emulated_report        (cudaError_t error);

/* Calls fail as after an illegal access. */
bool        hd_emulated_is_broken     (void);

/* Streams, events and the like that are made (1) or destroyed (-1). */
void        hd_emulated_count_objects (int change);

/* Dies unless [@pointer, + @bytes) lies on the device (@device) or off it. Returns: whether the runtime has allocated
 * it; memory of the host is pinned then. */
bool        hd_emulated_check_side    (const void *pointer, size_t bytes, bool device);

/* Whether there is memory, as tests have it. */
bool        hd_emulated_find_memory   (void);

/* Keeps @work for the graph, if @stream is being captured. Returns: whether it is. */
bool        hd_emulated_capture       (cudaStream_t stream, const std::function<void ()> &work);

/* Whether @stream is being captured. */
bool        hd_emulated_is_captured   (cudaStream_t stream);

/* For what must not be called while a stream is captured: whether one is, which then fails. */
bool        hd_emulated_spoils_capture (void);

/* Runs all that is queued in any stream. */
void        hd_emulated_finish        (void);
