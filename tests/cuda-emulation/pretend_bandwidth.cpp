/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_private.h"
#include "tests/cuda-emulation/pretend_bandwidth.h"

void
test_cuda_pretend_bandwidth (HdContext *context,
                             double     bandwidth)
{
  ((HdCudaContext *) context)->bandwidth = bandwidth;
}
