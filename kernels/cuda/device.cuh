/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What kernels share: element types, vectors of 16 bytes, reductions, and the instructions that C++ has no words
 * for. All of it has a second implementation for tests on the host (tests/cuda-emulation/instructions.h), so kernels
 * contain no assembly and, but for __syncthreads(), __syncwarp(), __shfl_*_sync() and the indices, nothing of CUDA's. */

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

#include "kernels/cuda/index.h"

#define HD_WARP 32
#define HD_FULL_WARP 0xffffffffu

/* --- elements --- */

__device__ __forceinline__ float hd_to_float (float x)         { return x; }
__device__ __forceinline__ float hd_to_float (__half x)        { return __half2float (x); }
__device__ __forceinline__ float hd_to_float (__nv_bfloat16 x) { return __bfloat162float (x); }
__device__ __forceinline__ float hd_to_float (signed char x)   { return (float) x; }

/* Rounded to nearest, ties to even. */
template <typename T> __device__ __forceinline__ T hd_from_float (float x);
template <> __device__ __forceinline__ float         hd_from_float<float> (float x)         { return x; }
template <> __device__ __forceinline__ __half        hd_from_float<__half> (float x)        { return __float2half_rn (x); }
template <> __device__ __forceinline__ __nv_bfloat16 hd_from_float<__nv_bfloat16> (float x) { return __float2bfloat16_rn (x); }

template <typename T> __device__ __forceinline__ float2
hd_unpack (uint32_t bits)
{
  union
  {
    uint32_t bits;
    T        elements[2];
  } pair;

  pair.bits = bits;
  return make_float2 (hd_to_float (pair.elements[0]), hd_to_float (pair.elements[1]));
}

/* --- vectors: N elements of T side by side --- */

/* How many elements 16 bytes hold. */
template <typename T> struct HdVector
{
  static constexpr int size = 16 / (int) sizeof (T);
};

/* @from is aligned to the N elements: one load for up to 16 bytes. */
template <typename T, int N> __device__ __forceinline__ void
hd_load (float to[N], const T *from)
{
  struct alignas (N * sizeof (T) < 16 ? N * sizeof (T) : 16) Elements
  {
    T values[N];
  };
  const Elements elements = *reinterpret_cast<const Elements *> (from);

#pragma unroll
  for (int i = 0; i < N; i++)
    to[i] = hd_to_float (elements.values[i]);
}

template <typename T, int N> __device__ __forceinline__ void
hd_store (T *to, const float from[N])
{
  struct alignas (N * sizeof (T) < 16 ? N * sizeof (T) : 16) Elements
  {
    T values[N];
  };
  Elements elements;

#pragma unroll
  for (int i = 0; i < N; i++)
    elements.values[i] = hd_from_float<T> (from[i]);
  *reinterpret_cast<Elements *> (to) = elements;
}

/* --- reductions: in a fixed order, the result in all lanes --- */

__device__ __forceinline__ float
hd_warp_sum (float x)
{
#pragma unroll
  for (int bits = HD_WARP / 2; bits > 0; bits /= 2)
    x += __shfl_xor_sync (HD_FULL_WARP, x, bits);

  return x;
}

__device__ __forceinline__ float
hd_warp_max (float x)
{
#pragma unroll
  for (int bits = HD_WARP / 2; bits > 0; bits /= 2)
    x = fmaxf (x, __shfl_xor_sync (HD_FULL_WARP, x, bits));

  return x;
}

/* --- dynamic shared memory --- */

#ifdef HD_CUDA_EMULATION
#define HD_SHARED(type, name) type *name = (type *) hd_emulated_shared ()
#else
extern __shared__ __align__ (1024) unsigned char hd_shared_memory[];
#define HD_SHARED(type, name) type *name = reinterpret_cast<type *> (hd_shared_memory)
#endif

/* --- instructions --- */

#ifdef HD_CUDA_EMULATION
#include "tests/cuda-emulation/instructions.h"
#else

/* Two elements in a register, @low in the lower half: as mma takes them. */
template <typename T> __device__ __forceinline__ uint32_t hd_pack (float low, float high);

template <> __device__ __forceinline__ uint32_t
hd_pack<__half> (float low, float high)
{
  const __half2 pair = __floats2half2_rn (low, high);

  return *reinterpret_cast<const uint32_t *> (&pair);
}

template <> __device__ __forceinline__ uint32_t
hd_pack<__nv_bfloat16> (float low, float high)
{
  const __nv_bfloat162 pair = __floats2bfloat162_rn (low, high);

  return *reinterpret_cast<const uint32_t *> (&pair);
}

__device__ __forceinline__ uint32_t
hd_shared_address (const void *pointer)
{
  return (uint32_t) __cvta_generic_to_shared (pointer);
}

/* Four 8 x 8 matrices of 16-bit elements from shared memory; lane l gives the address of row l % 8 of matrix l / 8,
 * and gets elements (l / 4, l % 4 * 2) and the next of each. */
__device__ __forceinline__ void
hd_ldmatrix_x4 (uint32_t to[4], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r" (to[0]), "=r" (to[1]), "=r" (to[2]), "=r" (to[3]) : "r" (hd_shared_address (row)) : "memory");
}

/* Two matrices; the addresses of lanes 16 to 31 are ignored. */
__device__ __forceinline__ void
hd_ldmatrix_x2 (uint32_t to[2], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                : "=r" (to[0]), "=r" (to[1]) : "r" (hd_shared_address (row)) : "memory");
}

/* Each matrix is transposed on the way. */
__device__ __forceinline__ void
hd_ldmatrix_x4_trans (uint32_t to[4], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r" (to[0]), "=r" (to[1]), "=r" (to[2]), "=r" (to[3]) : "r" (hd_shared_address (row)) : "memory");
}

__device__ __forceinline__ void
hd_ldmatrix_x2_trans (uint32_t to[2], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                : "=r" (to[0]), "=r" (to[1]) : "r" (hd_shared_address (row)) : "memory");
}

/* D (16 x 8) += A (16 x 16) B (16 x 8), float32 sums. With g = lane / 4 and t = lane % 4, pairs of elements:
 * a[0] = A[g][2 t], a[1] = A[g + 8][2 t], a[2] = A[g][2 t + 8], a[3] = A[g + 8][2 t + 8]; b[0] = B[2 t][g],
 * b[1] = B[2 t + 8][g] (pairs down the column); d[0], d[1] = D[g][2 t], d[2], d[3] = D[g + 8][2 t]. */
template <typename T> __device__ __forceinline__ void hd_mma (float d[4], const uint32_t a[4], const uint32_t b[2]);

template <> __device__ __forceinline__ void
hd_mma<__half> (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f" (d[0]), "+f" (d[1]), "+f" (d[2]), "+f" (d[3])
                : "r" (a[0]), "r" (a[1]), "r" (a[2]), "r" (a[3]), "r" (b[0]), "r" (b[1]));
}

template <> __device__ __forceinline__ void
hd_mma<__nv_bfloat16> (float d[4], const uint32_t a[4], const uint32_t b[2])
{
  asm volatile ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f" (d[0]), "+f" (d[1]), "+f" (d[2]), "+f" (d[3])
                : "r" (a[0]), "r" (a[1]), "r" (a[2]), "r" (a[3]), "r" (b[0]), "r" (b[1]));
}

/* 16 bytes from global to shared memory, past the registers; zeros unless @valid (@from is not read then, but
 * must be an address of the tensor). They are there after hd_copy_wait() and a barrier. */
__device__ __forceinline__ void
hd_copy_async (void *to, const void *from, bool valid)
{
  asm volatile ("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                :: "r" (hd_shared_address (to)), "l" (from), "r" (valid ? 16 : 0) : "memory");
}

/* What this thread copies since the last call is a group. */
__device__ __forceinline__ void
hd_copy_commit (void)
{
  asm volatile ("cp.async.commit_group;" ::: "memory");
}

/* Waits until all but the latest @pending groups of this thread have arrived. */
template <int pending> __device__ __forceinline__ void
hd_copy_wait (void)
{
  asm volatile ("cp.async.wait_group %0;" :: "n" (pending) : "memory");
}

__device__ __forceinline__ float
hd_exp2 (float x)
{
  float y;

  asm ("ex2.approx.ftz.f32 %0, %1;" : "=f" (y) : "f" (x));
  return y;
}

__device__ __forceinline__ float
hd_tanh (float x)
{
  float y;

  asm ("tanh.approx.f32 %0, %1;" : "=f" (y) : "f" (x));
  return y;
}

#endif

/* --- activations, in float32 --- */

__device__ __forceinline__ float
hd_silu (float x)
{
  return __fdividef (x, 1.0f + __expf (-x));
}

__device__ __forceinline__ float
hd_quick_gelu (float x)
{
  return __fdividef (x, 1.0f + __expf (-1.702f * x));
}

/* Exact, with erf. */
__device__ __forceinline__ float
hd_gelu (float x)
{
  return 0.5f * x * (1.0f + erff (x * 0.70710678118654752f));
}
