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

/* A measure of what all launches did, by their threads and these threads' exchanges. */
uint64_t hd_emulated_time       (void);

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

/* The same, but it is over when the device is reset, too. */
void     hd_emulated_break_until_reset (void);

/* The next @count captures do not begin, or graphs are not launched. */
void     hd_emulated_fail_captures (int count);
void     hd_emulated_fail_graph_launches (int count);

/* How many captures were begun, and graphs launched. */
uint64_t hd_emulated_captures (void);
uint64_t hd_emulated_graph_launches (void);

/* How many devices there are, 1 at first; < 0: there is no driver. */
void     hd_emulated_set_devices (int count);

/* What the driver supports, as 13000, which it does at first; less than the runtime wants: it is too old. */
void     hd_emulated_set_driver  (int version);

/* The compute capability of device number 0: 8.0 at first. */
void     hd_emulated_set_capability (int major, int minor);

/* Whether the driver ends launches that take long, which it does at first. */
void     hd_emulated_set_display (int display);

/* Memory of the device that other programs have taken; more than there is: not even a context finds room. */
void     hd_emulated_take_memory (size_t bytes);

/* How much is queued in all streams, and not done. */
size_t   hd_emulated_queued      (void);

#ifdef __cplusplus
}
#endif
