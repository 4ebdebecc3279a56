/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs CUDA kernels on the host, for tests: not fast, but strict.
 *
 * The .cu files are compiled by a plain C++ compiler with this folder first in its search path, where
 * cuda_runtime.h, cuda_fp16.h and cuda_bf16.h stand in for CUDA's. Blocks run one after the other, every other one
 * with its threads in reverse order. A thread of a block is a fiber, which runs until it waits for others. So what a
 * barrier is missing for usually goes wrong; asynchronous copies arrive no sooner than they must; dynamic shared
 * memory begins as NaN; a barrier that some threads do not reach ends the program with a message, as does a
 * collective operation that not all lanes of a warp take part in alike.
 *
 * One host thread at a time. Test code alone: it keeps its state in globals and aborts.
 */

#include <functional>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/cuda-emulation/control.h"

#define HD_EMULATED_WARP 32

struct uint3
{
  unsigned x, y, z;
};

struct dim3
{
  unsigned x, y, z;

  constexpr dim3 (unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x (x_), y (y_), z (z_) {}
};

/* Of the thread that runs. */
extern const uint3 *hd_emulated_thread_index;
extern uint3        hd_emulated_block_index;
extern dim3         hd_emulated_block_size;
extern dim3         hd_emulated_grid_size;

/* Dies if there is no such launch; counts it. */
void         hd_emulated_check_launch (dim3 grid, dim3 block);

/* Runs @kernel as all threads of all blocks; @shared bytes of dynamic shared memory. */
void         hd_emulated_launch      (dim3 grid, dim3 block, size_t shared, const std::function<void ()> &kernel);

/* A message on stderr, then abort. */
[[noreturn]] void hd_emulated_die    (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* The block's dynamic shared memory, aligned to 1024. */
void        *hd_emulated_shared      (void);
size_t       hd_emulated_shared_size (void);

void         hd_emulated_sync_block  (void);
void         hd_emulated_sync_warp   (void);
int          hd_emulated_lane        (void);
int          hd_emulated_lane_down   (int step);
int          hd_emulated_lane_up     (int step);

/* The lanes of a warp show each other up to 64 bytes. @operation: what they do, which must be the same for all.
 * Returns 32 slots of HD_EMULATED_SLOT bytes, valid until the warp's next operation but one. */
#define HD_EMULATED_SLOT 64
const unsigned char *hd_emulated_exchange (const char *operation, const void *mine, size_t bytes);

template <typename T> static inline T
hd_emulated_shuffle (unsigned mask, T value, int lane)
{
  T found;

  if (mask != 0xffffffffu)
    hd_emulated_die ("shuffle with the mask %x: only whole warps shuffle", mask);
  static_assert (sizeof (T) <= HD_EMULATED_SLOT, "too large to be shuffled");
  memcpy ((void *) &found, hd_emulated_exchange ("shuffle", &value, sizeof value)
                           + (lane & (HD_EMULATED_WARP - 1)) * HD_EMULATED_SLOT, sizeof found);
  return found;
}

/* cp.async: 16 bytes (or zeros if @bytes is 0) that arrive when the thread waits for their group. */
void         hd_emulated_copy_async  (void *to, const void *from, int bytes);
void         hd_emulated_copy_commit (void);
void         hd_emulated_copy_wait   (int pending);
