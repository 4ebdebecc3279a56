/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, and replay.c in its stead: one input for the code under test. It returns 0; whatever is
 * wrong ends the process. */
int LLVMFuzzerTestOneInput (const uint8_t *data,
                            size_t         size);

/* The path of an unnamed file that holds these bytes; the same file each time. */
const char *fuzz_file (const uint8_t *data,
                       size_t         size);
