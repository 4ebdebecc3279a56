/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/cuda_module.h"
#include "tests/cuda-emulation/control.h"
#include "tests/unit/tensors.h"

/* What tests of the emulated CUDA device share, beside what all tests of operators do (tests/unit/tensors.h). */

const HdCudaModule *hd_cuda_module_open (void);

/* A CUDA context, emulated or, in the programs for a GPU (on_gpu.c), real, with an arena that is filled with
 * TEST_GUARD. float32 tensors are made on a context for float16. */
static inline HdContext *
test_cuda_context_new (HdDtype dtype,
                       gsize   bytes)
{
  GError    *error = NULL;
  HdContext *context = hd_cuda_module_open ()->context_new (-1, dtype == HD_DTYPE_BF16 ? HD_PRECISION_BF16
                                                                                       : HD_PRECISION_F16, &error);

  g_assert_no_error (error);
  test_reserve (context, bytes);

  return context;
}

/* All that the device lent is given back. */
static inline void
test_cuda_assert_released (void)
{
  g_assert_cmpuint (hd_emulated_allocated (), ==, 0);
  g_assert_cmpint (hd_emulated_objects (), ==, 0);
}

/* Skips the test, and returns TRUE, where what only the emulator tells cannot be asked. */
static inline gboolean
test_cuda_skip_on_gpu (void)
{
  if (!hd_emulated ())
    g_test_skip ("it counts what only the emulator counts");

  return !hd_emulated ();
}

/* What rounding the result to @dtype costs, and a little. */
static inline double
test_cuda_limit (HdDtype dtype)
{
  return dtype == HD_DTYPE_F32 ? 2e-6 : dtype == HD_DTYPE_F16 ? 5e-4 : 4e-3;
}

#define TEST_CUDA_DTYPES(path, function) \
  G_STMT_START { \
    g_test_add_data_func (path "/float32", GINT_TO_POINTER (HD_DTYPE_F32), function); \
    g_test_add_data_func (path "/float16", GINT_TO_POINTER (HD_DTYPE_F16), function); \
    g_test_add_data_func (path "/bfloat16", GINT_TO_POINTER (HD_DTYPE_BF16), function); \
  } G_STMT_END
