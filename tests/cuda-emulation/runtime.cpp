/* SPDX-License-Identifier: Apache-2.0 */

/* CUDA's runtime library on the host: see cuda_runtime.h. */

#include <stdlib.h>
#include <sys/mman.h>

#include <map>

#include "tests/cuda-emulation/cuda_runtime.h"
#include "tests/cuda-emulation/runtime.h"

#define PAGE         ((size_t) 4096)
#define DEVICE_BYTES ((size_t) 4 << 30)
#define RUNTIME      13000

struct Block
{
  size_t bytes;
  size_t paged;      /* what the driver takes of the device for it */
  size_t mapped;
  bool   host;
};

static struct
{
  std::map<const unsigned char *, Block> blocks;
  size_t      allocated;
  size_t      paged;
  int         objects;
  int         fail_after = -1;
  int         devices = 1;
  int         driver = 13000;
  int         major = 8;
  int         minor = 0;
  int         display = 1;
  size_t      taken;
  bool        broken;
  bool        until_reset;
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
hd_emulated_break_until_reset (void)
{
  hd_emulated_break (1);
  runtime.until_reset = true;
}

void
hd_emulated_set_driver (int version)
{
  runtime.driver = version;
}

void
hd_emulated_set_capability (int major, int minor)
{
  runtime.major = major;
  runtime.minor = minor;
}

void
hd_emulated_set_display (int display)
{
  runtime.display = display;
}

void
hd_emulated_take_memory (size_t bytes)
{
  runtime.taken = bytes;
}

void
hd_emulated_break (int broken)
{
  runtime.broken = broken != 0;
  runtime.until_reset = false;
  runtime.last = cudaSuccess;
}

void
hd_emulated_set_devices (int count)
{
  runtime.devices = count;
}

/* --- memory --- */

bool
hd_emulated_find_memory (void)
{
  if (runtime.fail_after == 0)
    return false;

  runtime.fail_after = runtime.fail_after > 0 ? runtime.fail_after - 1 : runtime.fail_after;
  return true;
}

/* As drivers do: what is larger than one MiB has whole pages of two. */
static size_t
count_paged (size_t bytes)
{
  const size_t page = (size_t) 2 << 20;

  return bytes <= page / 2 ? bytes : (bytes + page - 1) / page * page;
}

/* In pages of its own, which end where a page does that cannot be touched, but for the alignment of 256. */
static cudaError_t
allocate (void **pointer, size_t bytes, bool host)
{
  size_t         rounded = (bytes + 255) / 256 * 256;
  size_t         mapped = (rounded + PAGE - 1) / PAGE * PAGE + PAGE;
  unsigned char *pages;

  *pointer = nullptr;
  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);
  if ((!host && runtime.paged + runtime.taken + count_paged (bytes) > DEVICE_BYTES) || !hd_emulated_find_memory ())
    return hd_emulated_report (cudaErrorMemoryAllocation);
  if (bytes == 0)
    return hd_emulated_report (cudaSuccess);

  pages = (unsigned char *) mmap (nullptr, mapped, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED || mprotect (pages + mapped - PAGE, PAGE, PROT_NONE) != 0)
    return hd_emulated_report (cudaErrorMemoryAllocation);

  *pointer = pages + mapped - PAGE - rounded;
  runtime.blocks[(unsigned char *) *pointer] = { bytes, host ? 0 : count_paged (bytes), mapped, host };
  runtime.allocated += bytes;
  runtime.paged += host ? 0 : count_paged (bytes);
  return hd_emulated_report (cudaSuccess);
}

static cudaError_t
release (void *pointer, bool host)
{
  if (pointer == nullptr)
    return hd_emulated_report (cudaSuccess);

  if (hd_emulated_spoils_capture ())
    return hd_emulated_report (cudaErrorStreamCaptureUnsupported);

  /* It waits for what is queued, which may use the memory. */
  hd_emulated_finish ();

  auto   found = runtime.blocks.find ((unsigned char *) pointer);
  size_t rounded;

  if (found == runtime.blocks.end () || found->second.host != host)
    hd_emulated_die ("freed what was not allocated");

  rounded = (found->second.bytes + 255) / 256 * 256;
  munmap ((unsigned char *) pointer + rounded + PAGE - found->second.mapped, found->second.mapped);
  runtime.allocated -= found->second.bytes;
  runtime.paged -= found->second.paged;
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
  const size_t used = runtime.taken + runtime.paged;

  *available = used < DEVICE_BYTES ? DEVICE_BYTES - used : 0;
  *total = DEVICE_BYTES;
  return hd_emulated_report (cudaSuccess);
}

/* --- the device --- */

cudaError_t
cudaGetDeviceCount (int *count)
{
  *count = 0;
  if (runtime.devices < 0 || runtime.driver < RUNTIME)
    return hd_emulated_report (cudaErrorInsufficientDriver);
  if (runtime.devices == 0)
    return hd_emulated_report (cudaErrorNoDevice);

  *count = runtime.devices;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaSetDevice (int device)
{
  if (runtime.taken > DEVICE_BYTES)
    return hd_emulated_report (cudaErrorMemoryAllocation);

  return hd_emulated_report (device >= 0 && device < runtime.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t
cudaDeviceReset (void)
{
  if (runtime.until_reset)
    hd_emulated_break (0);

  return hd_emulated_report (cudaSuccess);
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
      *value = runtime.display;
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
      *value = device == 0 ? runtime.major : 8;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = device == 0 ? runtime.minor : 0;
      break;
    }
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaDriverGetVersion (int *version)
{
  *version = runtime.devices < 0 ? 0 : runtime.driver;
  return hd_emulated_report (cudaSuccess);
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = RUNTIME;
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
