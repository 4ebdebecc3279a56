/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/**
 * HdCpuLoopFunc:
 * @index: which step of the loop
 * @thread: number of the calling thread, 0 <= @thread < cpu->threads
 *
 * One step: at most some milliseconds of work.
 */
typedef void (* HdCpuLoopFunc) (gpointer data,
                                gint64   index,
                                int      thread);

/* Calls @func for all of 0 ... @n - 1, on cpu->threads threads, in no particular order, unless the context is
 * cancelled: between steps, which is then FALSE with @error set. */
gboolean hd_cpu_loop (HdCpuContext  *cpu,
                      gint64         n,
                      HdCpuLoopFunc  func,
                      gpointer       data,
                      GError       **error);

/* Elements that are a good step of a loop that is limited by memory: enough to be worth a call, few enough to
 * balance. A result must not depend on it. */
#define HD_CPU_STEP_ELEMENTS 32768

G_END_DECLS
