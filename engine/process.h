/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * hd_process_calm_threads:
 * @argv: as main() got it
 *
 * For the first line of main(): lets threads that wait for each other sleep after some 50 microseconds instead of
 * some 10 milliseconds. Where other programs want the processors too, a thread that spins keeps away the very one that it
 * waits for, and a run can take twenty times as long.
 *
 * The threads' library reads its settings before main(), so the program is started anew, once, as the same process
 * with the same arguments. Nothing happens if the user has set OMP_WAIT_POLICY or GOMP_SPINCOUNT.
 */
void hd_process_calm_threads (char **argv);

G_END_DECLS
