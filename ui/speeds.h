/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* How fast devices were when they were used last, kept in a file from one session to the next; and the watch that
 * measures it. A device is known by the name that the engine gives it, which has the precision in it. */

/**
 * hd_speeds_get:
 * @path: the file, which may be missing or anything
 * @device: as HdEstimate names it
 *
 * Returns: arithmetic in a second, two per multiply-add; 0 if it is not known.
 */
double   hd_speeds_get (const char  *path,
                        const char  *device);

/* Replaces what is known of @device; the others stay. FALSE with %G_FILE_ERROR. */
gboolean hd_speeds_set (const char  *path,
                        const char  *device,
                        double       flops_per_second,
                        GError     **error);

/**
 * HdSpeedWatch:
 *
 * Measures a run from when its model is there, so that reading that does not count. Begins as zeros.
 */
typedef struct
{
  gint64 started;         /* monotonic time; 0: not yet */
  gint64 seen;
  double flops_before;    /* of the run, when the watch was started */
  double flops;
  double total_flops;
} HdSpeedWatch;

/* @now: monotonic time, in microseconds */
void     hd_speed_watch_take (HdSpeedWatch     *watch,
                              const HdProgress *progress,
                              gint64            now);

/* The run has made all its pictures. */
void     hd_speed_watch_end  (HdSpeedWatch     *watch,
                              gint64            now);

/* Arithmetic in a second; 0 if the run has not shown it. */
double   hd_speed_watch_get  (const HdSpeedWatch *watch);

G_END_DECLS
