/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What tests ask the emulator for, in C. */

#ifdef __cplusplus
extern "C" {
#endif

/* Whether there is an emulator at all: the programs for a GPU have none, and tests of what only it tells are skipped. */
int      hd_emulated            (void);

/* How many launches there were. */
uint64_t hd_emulated_launches   (void);

/* The largest number of blocks in a launch since the last call. */
uint64_t hd_emulated_most_blocks (void);

/* The next @count runtime calls that take memory succeed, later ones find none. < 0: all find some. */
void     hd_emulated_fail_after (int count);

/* Bytes of the device's and of pinned memory that are allocated, those of the device alone, and streams and events that
 * there are. */
size_t   hd_emulated_allocated  (void);
size_t   hd_emulated_device_bytes (void);
int      hd_emulated_objects    (void);

/* How often the host has waited for what was not done yet; copies from or to memory of the host that was not pinned. */
uint64_t hd_emulated_waits           (void);
uint64_t hd_emulated_unpinned_copies (void);

/* Copies to the device are made as soon as events let them, not as late: that finds what they are not to overwrite yet. */
void     hd_emulated_set_eager  (int eager);

/* From now on runtime calls fail as after an illegal access to memory, until this is called with 0. */
void     hd_emulated_break      (int broken);

/* How many devices there are, 1 at first; < 0: there is no driver. */
void     hd_emulated_set_devices (int count);

#ifdef __cplusplus
}
#endif
