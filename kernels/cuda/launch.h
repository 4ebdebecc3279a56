/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_private.h"

/* Launching kernels: for .cu files. */

#ifdef HD_CUDA_EMULATION
#define HD_CUDA_START(kernel, grid, block, shared, stream, ...) \
  hd_emulated_start (grid, block, shared, stream, [=] () { kernel (__VA_ARGS__); })
#else
#define HD_CUDA_START(kernel, grid, block, shared, stream, ...) \
  kernel<<<grid, block, shared, stream>>> (__VA_ARGS__)
#endif

/* What a block has without asking for more. */
#define HD_CUDA_PLAIN_SHARED ((gsize) 48 << 10)

/**
 * hd_cuda_launch:
 * @doing: for the message of an error: "normalising"
 * @kernel: a __global__ function
 * @shared: bytes of dynamic shared memory, at most cuda->shared_bytes
 * @arguments: the kernel's, converted to its parameters' types
 *
 * Queues the kernel, after hd_cuda_pace(). Returns: %FALSE with @error set if it cannot be started.
 */
template <typename... Parameters, typename... Arguments>
static inline gboolean
hd_cuda_launch (HdCudaContext *cuda,
                const char    *doing,
                GError       **error,
                void        (* kernel) (Parameters...),
                dim3           grid,
                dim3           block,
                gsize          shared,
                Arguments...   arguments)
{
  static_assert (sizeof... (Parameters) == sizeof... (Arguments), "not the kernel's arguments");

#ifndef HD_CUDA_EMULATION
  if (shared > HD_CUDA_PLAIN_SHARED
      && !hd_cuda_check (cuda, cudaFuncSetAttribute ((const void *) kernel,
                                                     cudaFuncAttributeMaxDynamicSharedMemorySize, (int) shared),
                         doing, error))
    return FALSE;
#endif

  HD_CUDA_START (kernel, grid, block, shared, cuda->stream, static_cast<Parameters> (arguments)...);

  return hd_cuda_check (cuda, cudaGetLastError (), doing, error);
}

/* Calls @function<T> (arguments...) with the type of elements that @dtype stands for. */
#define HD_CUDA_DISPATCH(dtype, function, ...) \
  ((dtype) == HD_DTYPE_F32 ? function<float> (__VA_ARGS__) \
   : (dtype) == HD_DTYPE_F16 ? function<__half> (__VA_ARGS__) \
   : function<__nv_bfloat16> (__VA_ARGS__))
