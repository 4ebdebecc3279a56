/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_private.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

void
test_cuda_pretend_bandwidth (HdContext *context,
                             double     bandwidth)
{
  ((HdCudaContext *) context)->bandwidth = bandwidth;
}

guint
test_cuda_captured (HdContext *context,
                    guint     *pieces)
{
  return hd_cuda_repeat_get_captured ((HdCudaContext *) context, pieces);
}
