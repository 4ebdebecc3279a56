/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * hd_interrupt_watch:
 * @cancellable: cancelled by the first SIGINT (Ctrl-C), SIGTERM or SIGHUP; the second ends the program at once
 *
 * To be called once, before the program has a second thread. A signal that is ignored stays so.
 */
void hd_interrupt_watch (GCancellable *cancellable);

/* Ends the program as the signal that cancelled @cancellable would have: shells then know why. Returns if
 * there was none. */
void hd_interrupt_finish (GCancellable *cancellable);

G_END_DECLS
