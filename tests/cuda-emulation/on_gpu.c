/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_module.h"
#include "tests/cuda-emulation/control.h"
#include "tests/cuda-emulation/pretend.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

/* In place of the emulator, for the same tests on a GPU: the module that programs load. Nobody counts there, and the
 * device is what it is. */

const HdCudaModule *hd_cuda_module_open (void);

const HdCudaModule *
hd_cuda_module_open (void)
{
  static const HdCudaModule module = {
    .list_devices = hd_cuda_list_devices,
    .context_new = hd_cuda_context_new,
  };

  return &module;
}

int
hd_emulated (void)
{
  return 0;
}

uint64_t
hd_emulated_launches (void)
{
  return 0;
}

uint64_t
hd_emulated_most_blocks (void)
{
  return 0;
}

size_t
hd_emulated_allocated (void)
{
  return 0;
}

size_t
hd_emulated_device_bytes (void)
{
  return 0;
}

uint64_t
hd_emulated_waits (void)
{
  return 0;
}

uint64_t
hd_emulated_unpinned_copies (void)
{
  return 0;
}

void
hd_emulated_take_memory (size_t bytes)
{
}

void
hd_emulated_set_eager (int eager)
{
}

int
hd_emulated_objects (void)
{
  return 0;
}

void
hd_emulated_fail_after (int count)
{
}

void
hd_emulated_fail_captures (int count)
{
}

void
hd_emulated_fail_graph_launches (int count)
{
}

uint64_t
hd_emulated_captures (void)
{
  return 0;
}

uint64_t
hd_emulated_graph_launches (void)
{
  return 0;
}

void
hd_emulated_break (int broken)
{
}

void
test_cuda_pretend_bandwidth (HdContext *context,
                             double     bandwidth)
{
}

guint
test_cuda_captured (HdContext *context,
                    guint     *pieces)
{
  *pieces = 0;

  return 0;
}

void
test_cuda_pretend (HdContext *context,
                   int        processors,
                   double     flops)
{
}

int
test_cuda_plan (HdContext *context,
                int        rows,
                int        outputs,
                int        depth,
                gboolean   gated,
                int       *parts)
{
  *parts = 1;

  return 0;
}

void
test_cuda_measure (HdContext *context,
                   gboolean   measuring)
{
}

void
test_cuda_set_window_shifts (HdContext *context,
                             const int *shifts)
{
}

void
test_cuda_pretend_staging (HdContext *context,
                           gsize      bytes)
{
}
