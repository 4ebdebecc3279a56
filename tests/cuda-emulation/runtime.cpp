/* SPDX-License-Identifier: Apache-2.0 */

/* CUDA's runtime library on the host: see cuda_runtime.h. */

#include <stdlib.h>
#include <sys/mman.h>

#include <map>

#include "tests/cuda-emulation/cuda_runtime.h"
#include "tests/cuda-emulation/runtime.h"

#define PAGE         ((size_t) 4096)
#define DEVICE_BYTES ((size_t) 4 << 30)

struct Block
{
  size_t bytes;
  size_t mapped;
  bool   host;
};

static struct
{
  std::map<const unsigned char *, Block> blocks;
  size_t      allocated;
  int         objects;
  int         fail_after = -1;
  int         devices = 1;
  bool        broken;
  cudaError_t last;
} runtime;

cudaError_t
hd_emulated_report (cudaError_t error)
{
  if (runtime.broken)
    error = cudaErrorIllegalAddress;
  if (error != cudaSuccess)
    runtime.last = error;

  return error;
}

/* --- control.h --- */

int
hd_emulated (void)
{
  return 1;
}

void
hd_emulated_fail_after (int count)
{
  runtime.fail_after = count;
}

size_t
hd_emulated_allocated (void)
{
  return runtime.allocated;
}

size_t
hd_emulated_device_bytes (void)
{
  size_t bytes = 0;

  for (const auto &block : runtime.blocks)
    bytes += block.second.host ? 0 : block.second.bytes;

  return bytes;
}

int
hd_emulated_objects (void)
{
  return runtime.objects;
}

void
hd_emulated_break (int broken)
{
  runtime.broken = broken != 0;
  runtime.last = cudaSuccess;
}

void
hd_emulated_set_devices (int count)
{
  runtime.devices = count;
}

/* --- memory --- */

/* In pages of its own, which end where a page does that cannot be touched, but for the alignment of 256. */
static cudaError_t
allocate (void **pointer, size_t bytes, bool host)
{
  size_t         rounded = (bytes + 255) / 256 * 256;
  size_t         mapped = (rounded + PAGE - 1) / PAGE * PAGE + PAGE;
  unsigned char *pages;

  *pointer = nullptr;
  if (runtime.fail_after == 0 || runtime.allocated + bytes > DEVICE_BYTES)
    return hd_emulated_report (cudaErrorMemoryAllocation);
  if (runtime.fail_after > 0)
    runtime.fail_after--;
  if (bytes == 0)
    return hd_emulated_report (cudaSuccess);

  pages = (unsigned char *) mmap (nullptr, mapped, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED || mprotect (pages + mapped - PAGE, PAGE, PROT_NONE) != 0)
    return hd_emulated_report (cudaErrorMemoryAllocation);

  *pointer = pages + mapped - PAGE - rounded;
  runtime.blocks[(unsigned char *) *pointer] = { bytes, mapped, host };
  runtime.allocated += bytes;
  return hd_emulated_report (cudaSuccess);
}

static cudaError_t
release (void *pointer, bool host)
{
  if (pointer == nullptr)
    return hd_emulated_report (cudaSuccess);

  /* It waits for what is queued, which may use the memory. */
  hd_emulated_finish ();

  auto   found = runtime.blocks.find ((unsigned char *) pointer);
  size_t rounded;

  if (found == runtime.blocks.end () || found->second.host != host)
    hd_emulated_die ("freed what was not allocated");

  rounded = (found->second.bytes + 255) / 256 * 256;
  munmap ((unsigned char *) pointer + rounded + PAGE - found->second.mapped, found->second.mapped);
  runtime.allocated -= found->second.bytes;
  runtime.blocks.erase (found);
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
hd_emulated_malloc (void **pointer, size_t bytes)
{
  return allocate (pointer, bytes, false);
}

cudaError_t
cudaFree (void *pointer)
{
  return release (pointer, false);
}

cudaError_t
hd_emulated_malloc_host (void **pointer, size_t bytes)
{
  return allocate (pointer, bytes, true);
}

cudaError_t
cudaFreeHost (void *pointer)
{
  return release (pointer, true);
}

bool
hd_emulated_is_broken (void)
{
  return runtime.broken;
}

void
hd_emulated_count_objects (int change)
{
  runtime.objects += change;
}

bool
hd_emulated_check_side (const void *pointer, size_t bytes, bool device)
{
  auto next = runtime.blocks.upper_bound ((const unsigned char *) pointer);

  if (next != runtime.blocks.begin ())
    {
      auto   block = std::prev (next);
      size_t offset = (size_t) ((const unsigned char *) pointer - block->first);

      if (offset < block->second.bytes)
        {
          if (block->second.host == device)
            hd_emulated_die ("a copy to or from the wrong side");
          if (bytes > block->second.bytes - offset)
            hd_emulated_die ("a copy of %zu bytes where there are %zu", bytes, block->second.bytes - offset);
          return true;
        }
    }

  if (device)
    hd_emulated_die ("a copy to or from the device, but not of its memory");
  return false;
}

cudaError_t
cudaMemGetInfo (size_t *available, size_t *total)
{
  *available = DEVICE_BYTES - runtime.allocated;
  *total = DEVICE_BYTES;
  return hd_emulated_report (cudaSuccess);
}

/* --- the device --- */

cudaError_t
cudaGetDeviceCount (int *count)
{
  *count = 0;
  if (runtime.devices < 0)
    return hd_emulated_report (cudaErrorInsufficientDriver);
  if (runtime.devices == 0)
    return hd_emulated_report (cudaErrorNoDevice);

  *count = runtime.devices;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaSetDevice (int device)
{
  return hd_emulated_report (device >= 0 && device < runtime.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t
cudaGetDeviceProperties (cudaDeviceProp *properties, int device)
{
  if (device < 0 || device >= runtime.devices)
    return hd_emulated_report (cudaErrorInvalidDevice);

  *properties = {};
  strcpy (properties->name, "Emulated GPU");
  properties->totalGlobalMem = DEVICE_BYTES;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device)
{
  (void) device;
  switch (attribute)
    {
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 99 << 10;
      break;
    case cudaDevAttrClockRate:
      *value = 1000000;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      break;
    case cudaDevAttrKernelExecTimeout:
      *value = 1;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = 5000000;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = 256;
      break;
    case cudaDevAttrL2CacheSize:
      *value = 4 << 20;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = 8;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      break;
    }
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaDriverGetVersion (int *version)
{
  *version = runtime.devices < 0 ? 0 : 13000;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = 13000;
  return hd_emulated_report (cudaSuccess);
}

const char *
cudaGetErrorName (cudaError_t error)
{
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
         : error == cudaErrorIllegalAddress ? "cudaErrorIllegalAddress" : "cudaError";
}

const char *
cudaGetErrorString (cudaError_t error)
{
  return error == cudaErrorMemoryAllocation ? "out of memory"
         : error == cudaErrorIllegalAddress ? "an illegal memory access was encountered" : "an error";
}

cudaError_t
cudaGetLastError (void)
{
  cudaError_t error = runtime.last;

  runtime.last = cudaSuccess;
  return runtime.broken ? cudaErrorIllegalAddress : error;
}

cudaError_t
cudaPeekAtLastError (void)
{
  return runtime.broken ? cudaErrorIllegalAddress : runtime.last;
}
