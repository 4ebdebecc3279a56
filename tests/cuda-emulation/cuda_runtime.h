/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What kernels/cuda/ uses of CUDA's language and runtime library, for a plain C++ compiler: see emulator.h. The
 * memory of the "device" is the host's, but its own: copies check that each pointer is of the side that it is said
 * to be of. What is queued in a stream is done when it is waited for (streams.cpp). */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/cuda-emulation/emulator.h"

#define __global__
#define __device__
#define __host__
#define __shared__          static
#define __constant__        static const
#define __forceinline__     inline
#define __launch_bounds__(...)
#define __align__(n)        __attribute__ ((aligned (n)))
#define __grid_constant__

#define threadIdx (*hd_emulated_thread_index)
#define blockIdx  hd_emulated_block_index
#define blockDim  hd_emulated_block_size
#define gridDim   hd_emulated_grid_size
#define warpSize  HD_EMULATED_WARP

/* --- vectors --- */

#define HD_EMULATED_VECTORS(type, name) \
  struct name ## 2 { type x, y; } __attribute__ ((aligned (2 * sizeof (type)))); \
  struct name ## 4 { type x, y, z, w; } __attribute__ ((aligned (4 * sizeof (type) < 16 ? 4 * sizeof (type) : 16))); \
  static inline name ## 2 make_ ## name ## 2 (type x, type y) { return { x, y }; } \
  static inline name ## 4 make_ ## name ## 4 (type x, type y, type z, type w) { return { x, y, z, w }; }

HD_EMULATED_VECTORS (int, int)
HD_EMULATED_VECTORS (unsigned, uint)
HD_EMULATED_VECTORS (float, float)
HD_EMULATED_VECTORS (unsigned short, ushort)

/* --- what threads of a block do together --- */

#define __syncthreads()           hd_emulated_sync_block ()
#define __syncwarp(...)           hd_emulated_sync_warp ()
#define __shfl_sync(mask, value, lane)      hd_emulated_shuffle (mask, value, (lane))
#define __shfl_xor_sync(mask, value, bits)  hd_emulated_shuffle (mask, value, hd_emulated_lane () ^ (bits))
#define __shfl_down_sync(mask, value, step) hd_emulated_shuffle (mask, value, hd_emulated_lane_down (step))
#define __shfl_up_sync(mask, value, step)   hd_emulated_shuffle (mask, value, hd_emulated_lane_up (step))

/* --- arithmetic --- */

/* As macros, since the system's library may have functions of these names. */
#define rsqrtf(x) hd_emulated_rsqrt (x)
#define __expf(x) expf (x)
static inline float hd_emulated_rsqrt (float x) { return 1.0f / sqrtf (x); }
static inline float __fdividef (float x, float y) { return x / y; }
static inline float __frcp_rn (float x) { return 1.0f / x; }
static inline float __fmul_rn (float x, float y) { return x * y; }
static inline float __fadd_rn (float x, float y) { return x + y; }
static inline float __int_as_float (int bits) { float x; memcpy (&x, &bits, sizeof x); return x; }
static inline int   __float_as_int (float x) { int bits; memcpy (&bits, &x, sizeof bits); return bits; }
static inline float __uint_as_float (unsigned bits) { float x; memcpy (&x, &bits, sizeof x); return x; }
static inline unsigned __float_as_uint (float x) { unsigned bits; memcpy (&bits, &x, sizeof bits); return bits; }

static inline unsigned
__umulhi (unsigned a, unsigned b)
{
  return (unsigned) ((uint64_t) a * b >> 32);
}

template <typename T> static inline T __ldg (const T *pointer) { return *pointer; }
template <typename T> static inline T __ldcs (const T *pointer) { return *pointer; }
template <typename T> static inline void __stcs (T *pointer, T value) { *pointer = value; }

static inline int      min (int a, int b) { return a < b ? a : b; }
static inline int      max (int a, int b) { return a > b ? a : b; }
static inline long     min (long a, long b) { return a < b ? a : b; }
static inline long     max (long a, long b) { return a > b ? a : b; }
static inline unsigned min (unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max (unsigned a, unsigned b) { return a > b ? a : b; }

/* --- the runtime library --- */

typedef enum
{
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorCudartUnloading = 4,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidMemcpyDirection = 21,
  cudaErrorInsufficientDriver = 35,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorECCUncorrectable = 214,
  cudaErrorNvlinkUncorrectable = 220,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorLaunchTimeout = 702,
  cudaErrorHardwareStackError = 714,
  cudaErrorIllegalInstruction = 715,
  cudaErrorMisalignedAddress = 716,
  cudaErrorInvalidAddressSpace = 717,
  cudaErrorInvalidPc = 718,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorSystemDriverMismatch = 803,
  cudaErrorMpsClientTerminated = 810,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureIsolation = 905,
  cudaErrorUnknown = 999,
} cudaError_t;

typedef struct HdEmulatedStream *cudaStream_t;
typedef struct HdEmulatedEvent  *cudaEvent_t;
typedef struct HdEmulatedGraph  *cudaGraph_t;
typedef struct HdEmulatedGraph  *cudaGraphExec_t;

typedef enum
{
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault,
} cudaMemcpyKind;

typedef enum
{
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
  cudaDevAttrClockRate = 13,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrKernelExecTimeout = 17,
  cudaDevAttrMemoryClockRate = 36,
  cudaDevAttrGlobalMemoryBusWidth = 37,
  cudaDevAttrL2CacheSize = 38,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
} cudaDeviceAttr;

typedef enum
{
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
} cudaFuncAttribute;

typedef struct
{
  char   name[256];
  size_t totalGlobalMem;
  int    pciBusID, pciDeviceID, pciDomainID;
} cudaDeviceProp;

#define cudaStreamNonBlocking   1u
#define cudaEventDefault        0u
#define cudaEventBlockingSync   1u
#define cudaEventDisableTiming  2u
#define cudaHostAllocDefault    0u
#define cudaHostAllocWriteCombined 4u

cudaError_t cudaGetDeviceCount (int *count);
cudaError_t cudaSetDevice (int device);
cudaError_t cudaDeviceReset (void);
cudaError_t cudaGetDeviceProperties (cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaDriverGetVersion (int *version);
cudaError_t cudaRuntimeGetVersion (int *version);
cudaError_t cudaMemGetInfo (size_t *available, size_t *total);
const char *cudaGetErrorName (cudaError_t error);
const char *cudaGetErrorString (cudaError_t error);
cudaError_t cudaGetLastError (void);
cudaError_t cudaPeekAtLastError (void);

cudaError_t hd_emulated_malloc (void **pointer, size_t bytes);
template <typename T> static inline cudaError_t
cudaMalloc (T **pointer, size_t bytes)
{
  return hd_emulated_malloc ((void **) pointer, bytes);
}
cudaError_t cudaFree (void *pointer);
cudaError_t hd_emulated_malloc_host (void **pointer, size_t bytes);
template <typename T> static inline cudaError_t
cudaHostAlloc (T **pointer, size_t bytes, unsigned flags)
{
  (void) flags;
  return hd_emulated_malloc_host ((void **) pointer, bytes);
}
cudaError_t cudaFreeHost (void *pointer);
cudaError_t cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync (void *to, int value, size_t bytes, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy (cudaStream_t stream);
cudaError_t cudaStreamSynchronize (cudaStream_t stream);
cudaError_t cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy (cudaEvent_t event);
cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventQuery (cudaEvent_t event);
cudaError_t cudaEventSynchronize (cudaEvent_t event);
cudaError_t cudaEventElapsedTime (float *milliseconds, cudaEvent_t from, cudaEvent_t to);

typedef enum
{
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed,
} cudaStreamCaptureMode;

cudaError_t cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate (cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch (cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy (cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy (cudaGraphExec_t executable);

/* What a stream has to do next, or what its graph will do, while it is captured. */
void        hd_emulated_queue (cudaStream_t stream, std::function<void ()> work);

/* Queues a launch. */
static inline void
hd_emulated_start (dim3 grid, dim3 block, size_t shared, cudaStream_t stream, std::function<void ()> kernel)
{
  hd_emulated_check_launch (grid, block);
  hd_emulated_queue (stream, [=] () { hd_emulated_launch (grid, block, shared, kernel); });
}
