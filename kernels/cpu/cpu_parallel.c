/* SPDX-License-Identifier: Apache-2.0 */

#include <omp.h>

#include "kernels/cpu/cpu_parallel.h"

gboolean
hd_cpu_loop (HdCpuContext  *cpu,
             gint64         n,
             HdCpuLoopFunc  func,
             gpointer       data,
             GError       **error)
{
  int  threads = MIN (n, cpu->threads);
  gint cancelled = FALSE;

#pragma omp parallel for num_threads (threads) schedule (dynamic)
  for (gint64 i = 0; i < n; i++)
    {
      if (g_atomic_int_get (&cancelled))
        continue;
      if (hd_context_is_cancelled (&cpu->parent))
        g_atomic_int_set (&cancelled, TRUE);
      else
        func (data, i, omp_get_thread_num ());
    }

  if (cancelled)
    hd_context_set_cancelled_error (error);

  return !cancelled;
}
