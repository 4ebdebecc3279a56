/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What of the machine this process may use: a container often has less than there is. */

/* Bytes that can be allocated without swapping; G_MAXSIZE if the system does not tell. */
gsize hd_cpu_machine_memory     (void);

/* Processor cores, at least 1; of several hardware threads on a core one counts. */
int   hd_cpu_machine_processors (void);

G_END_DECLS
