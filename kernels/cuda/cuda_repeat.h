/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

G_BEGIN_DECLS

/* hd_context_repeat() with CUDA graphs.
 *
 * A *phase* is what is asked for under one key: the steps between two changes of RAU-Net's schedule. The first time its
 * operators run as always: whatever has to be measured or allocated for them is, and it shows how long they take. If
 * that is short, the second time they are *captured*: the driver notes what they queue, nothing is computed, and the
 * notes become graphs, which are then launched. From the third time on they are *replayed*: the network's code runs, but
 * its operators only check that they are called as they were, on the same memory, and the graphs are launched again.
 *
 * What may change from time to time are the *parameters*: what hd_upload() brings and the windows' shifts. They lie in
 * one piece of pinned memory, which is copied to the device before the graphs, and where those read it.
 *
 * If a call is another one than was recorded, or capturing fails, nothing has been computed, and all is done once more
 * as always. A graph is at most as long as a launch may be (cuda->launch_seconds): a phase has as many as it takes. */

typedef enum
{
  HD_CUDA_REPEAT_OBSERVE,
  HD_CUDA_REPEAT_CAPTURE,
  HD_CUDA_REPEAT_REPLAY,
} HdCudaRepeatMode;

/* One pass through a phase's operators. */
typedef struct
{
  HdCudaRepeatMode  mode;
  gboolean          refused;         /* something that cannot be recorded was asked for */
  GArray           *calls;           /* of guint64: what was asked for */
  int               shifts;          /* windowed attentions so far */
  gsize             upload_bytes;    /* of parameters, so far */

  /* Parameters, where there is room for them: not while observing. */
  char             *host;
  char             *device;
  int               most_shifts;
  gsize             most_upload_bytes;
} HdCudaRepeatPass;

/* The pass that the context is in, or NULL. */
HdCudaRepeatPass *hd_cuda_repeat_pass   (HdCudaContext *cuda);

/* Sets @error, and makes sure that the pass is not recorded, because of @what. Returns FALSE. */
gboolean          hd_cuda_repeat_refuse (HdCudaContext *cuda,
                                         const char    *what,
                                         GError       **error);

/* Where parameters of windows' shifts end and those of uploads begin. */
gsize             hd_cuda_repeat_shift_bytes (int shifts);

/* The operators as they are called within a pass (cuda_repeat_calls.cpp). */
extern const HdBackend hd_cuda_repeat_backend;

G_END_DECLS
