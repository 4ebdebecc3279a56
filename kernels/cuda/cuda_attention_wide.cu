/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/attention_launch.h"
#include "kernels/cuda/attention_wide.cuh"

template <typename T>
static gboolean
attend (HdCudaContext   *cuda,
        HdAttentionJob  *job,
        int              images,
        gboolean         aligned,
        GError         **error)
{
  return hd_attention_launch (cuda, aligned ? hd_attention_wide_kernel<T, true> : hd_attention_wide_kernel<T, false>,
                              job, images, HD_WIDE_QUERIES, HD_WIDE_SIZE, HD_WIDE_THREADS, HD_WIDE_SHARED_BYTES,
                              error);
}

gboolean
hd_cuda_attention_wide (HdCudaContext   *cuda,
                        HdDtype          dtype,
                        HdAttentionJob  *job,
                        int              images,
                        gboolean         aligned,
                        GError         **error)
{
  return dtype == HD_DTYPE_F16 ? attend<__half> (cuda, job, images, aligned, error)
                               : attend<__nv_bfloat16> (cuda, job, images, aligned, error);
}
