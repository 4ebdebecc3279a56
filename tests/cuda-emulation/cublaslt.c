/* SPDX-License-Identifier: Apache-2.0 */

#include <dlfcn.h>

#include <cublasLt.h>
#include <glib.h>

#include "kernels/cuda/cublaslt_api.h"

/* Our declarations of cuBLASLt beside the library's own, of the version that is installed; and how the library itself,
 * which describes products without a GPU, takes what we set. */

#define SAME(ours, theirs) G_STATIC_ASSERT ((int) (ours) == (int) (theirs))

SAME (HD_LT_SUCCESS, CUBLAS_STATUS_SUCCESS);
SAME (HD_LT_R_16F, CUDA_R_16F);
SAME (HD_LT_R_32F, CUDA_R_32F);
SAME (HD_LT_R_16BF, CUDA_R_16BF);
SAME (HD_LT_COMPUTE_32F, CUBLAS_COMPUTE_32F);
SAME (HD_LT_OP_N, CUBLAS_OP_N);
SAME (HD_LT_OP_T, CUBLAS_OP_T);
SAME (HD_LT_DESC_TRANSA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME (HD_LT_DESC_TRANSB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME (HD_LT_DESC_EPILOGUE, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME (HD_LT_DESC_BIAS_POINTER, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME (HD_LT_DESC_BIAS_DATA_TYPE, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
SAME (HD_LT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_DEFAULT);
SAME (HD_LT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_BIAS);
SAME (HD_LT_PREF_MAX_WORKSPACE_BYTES, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME (HD_LT_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME (HD_LT_PREF_MIN_ALIGNMENT_B_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME (HD_LT_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME (HD_LT_PREF_MIN_ALIGNMENT_D_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);

SAME (sizeof (HdLtHeuristic), sizeof (cublasLtMatmulHeuristicResult_t));
SAME (G_STRUCT_OFFSET (HdLtHeuristic, algorithm), G_STRUCT_OFFSET (cublasLtMatmulHeuristicResult_t, algo));
SAME (sizeof (((HdLtHeuristic *) NULL)->algorithm), sizeof (cublasLtMatmulAlgo_t));
SAME (G_STRUCT_OFFSET (HdLtHeuristic, workspace_bytes), G_STRUCT_OFFSET (cublasLtMatmulHeuristicResult_t, workspaceSize));
SAME (G_STRUCT_OFFSET (HdLtHeuristic, state), G_STRUCT_OFFSET (cublasLtMatmulHeuristicResult_t, state));
SAME (G_STRUCT_OFFSET (HdLtHeuristic, waves), G_STRUCT_OFFSET (cublasLtMatmulHeuristicResult_t, wavesCount));

static void *library;

static void *
find (const char *name)
{
  void *symbol = dlsym (library, name);

  g_assert_nonnull (symbol);
  return symbol;
}

static gboolean
skip_without_library (void)
{
  if (library == NULL)
    g_test_skip ("HD_CUBLASLT names no library that opens");

  return library == NULL;
}

static void
test_product (void)
{
  const int32_t    transposed = HD_LT_OP_T, plain = HD_LT_OP_N, epilogue = HD_LT_EPILOGUE_BIAS, type = HD_LT_R_16BF;
  const void      *bias = &transposed;
  HdLtDescriptor   product = NULL;
  HdLtDescCreate   create;
  HdLtSetAttribute set;

  if (skip_without_library ())
    return;

  create = (HdLtDescCreate) find ("cublasLtMatmulDescCreate");
  set = (HdLtSetAttribute) find ("cublasLtMatmulDescSetAttribute");
  g_assert_cmpint (create (&product, HD_LT_COMPUTE_32F, HD_LT_R_32F), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (product, HD_LT_DESC_TRANSA, &transposed, sizeof transposed), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (product, HD_LT_DESC_TRANSB, &plain, sizeof plain), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (product, HD_LT_DESC_EPILOGUE, &epilogue, sizeof epilogue), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (product, HD_LT_DESC_BIAS_POINTER, &bias, sizeof bias), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (product, HD_LT_DESC_BIAS_DATA_TYPE, &type, sizeof type), ==, HD_LT_SUCCESS);
  g_assert_cmpint (((HdLtFree) find ("cublasLtMatmulDescDestroy")) (product), ==, HD_LT_SUCCESS);
}

static void
test_layout (void)
{
  HdLtDescriptor   layout = NULL;
  HdLtLayoutCreate create;

  if (skip_without_library ())
    return;

  create = (HdLtLayoutCreate) find ("cublasLtMatrixLayoutCreate");
  g_assert_cmpint (create (&layout, HD_LT_R_16F, 320, 1 << 24, 320), ==, HD_LT_SUCCESS);
  g_assert_cmpint (((HdLtFree) find ("cublasLtMatrixLayoutDestroy")) (layout), ==, HD_LT_SUCCESS);
}

static void
test_preference (void)
{
  const uint64_t       workspace = 32 << 20;
  const uint32_t       alignment = 16;
  HdLtDescriptor       preference = NULL;
  HdLtPreferenceCreate create;
  HdLtSetAttribute     set;

  if (skip_without_library ())
    return;

  create = (HdLtPreferenceCreate) find ("cublasLtMatmulPreferenceCreate");
  set = (HdLtSetAttribute) find ("cublasLtMatmulPreferenceSetAttribute");
  g_assert_cmpint (create (&preference), ==, HD_LT_SUCCESS);
  g_assert_cmpint (set (preference, HD_LT_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace), ==, HD_LT_SUCCESS);
  for (int operand = HD_LT_PREF_MIN_ALIGNMENT_A_BYTES; operand <= HD_LT_PREF_MIN_ALIGNMENT_D_BYTES; operand++)
    g_assert_cmpint (set (preference, operand, &alignment, sizeof alignment), ==, HD_LT_SUCCESS);
  g_assert_cmpint (((HdLtFree) find ("cublasLtMatmulPreferenceDestroy")) (preference), ==, HD_LT_SUCCESS);
}

int
main (int    argc,
      char **argv)
{
  const char *name = g_getenv ("HD_CUBLASLT");

  g_test_init (&argc, &argv, NULL);
  library = name != NULL ? dlopen (name, RTLD_LAZY | RTLD_LOCAL) : NULL;

  g_test_add_func ("/cuda/cublaslt/product", test_product);
  g_test_add_func ("/cuda/cublaslt/layout", test_layout);
  g_test_add_func ("/cuda/cublaslt/preference", test_preference);

  return g_test_run ();
}
