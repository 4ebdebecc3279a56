/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/process.h"

#include <unistd.h>

/* Longer than operators are apart on a quiet machine. */
#define SPINS "1000"

void
hd_process_calm_threads (char **argv)
{
  if (g_getenv ("OMP_WAIT_POLICY") != NULL || g_getenv ("GOMP_SPINCOUNT") != NULL)
    return;

  /* Only returns if it fails, and then nothing is lost but speed. */
  if (g_setenv ("GOMP_SPINCOUNT", SPINS, FALSE))
    execv ("/proc/self/exe", argv);
}
