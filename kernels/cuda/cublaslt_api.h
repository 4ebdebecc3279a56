/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What we call of cuBLASLt, by its documentation: one declaration for versions 12 and 13, which need not be there when
 * this is compiled. */

typedef struct CUstream_st *HdLtStream;
typedef void               *HdLtHandle;
typedef void               *HdLtDescriptor;   /* of a product, a matrix or a preference */

enum
{
  HD_LT_SUCCESS = 0,

  HD_LT_R_16F = 2,
  HD_LT_R_32F = 0,
  HD_LT_R_16BF = 14,
  HD_LT_COMPUTE_32F = 68,
  HD_LT_OP_N = 0,
  HD_LT_OP_T = 1,

  HD_LT_DESC_TRANSA = 3,
  HD_LT_DESC_TRANSB = 4,
  HD_LT_DESC_EPILOGUE = 7,
  HD_LT_DESC_BIAS_POINTER = 8,
  HD_LT_DESC_BIAS_DATA_TYPE = 26,
  HD_LT_EPILOGUE_DEFAULT = 1,
  HD_LT_EPILOGUE_BIAS = 4,

  HD_LT_PREF_MAX_WORKSPACE_BYTES = 1,
  HD_LT_PREF_MIN_ALIGNMENT_A_BYTES = 5,
  HD_LT_PREF_MIN_ALIGNMENT_B_BYTES = 6,
  HD_LT_PREF_MIN_ALIGNMENT_C_BYTES = 7,
  HD_LT_PREF_MIN_ALIGNMENT_D_BYTES = 8,
};

typedef struct
{
  uint64_t algorithm[8];
  size_t   workspace_bytes;
  int      state;
  float    waves;
  int      reserved[4];
} HdLtHeuristic;

typedef int    (* HdLtCreate)          (HdLtHandle *handle);
typedef int    (* HdLtDestroy)         (HdLtHandle handle);
typedef size_t (* HdLtGetVersion)      (void);
typedef int    (* HdLtDescCreate)      (HdLtDescriptor *descriptor, int compute_type, int scale_type);
typedef int    (* HdLtLayoutCreate)    (HdLtDescriptor *layout, int type, uint64_t rows, uint64_t columns, int64_t ld);
typedef int    (* HdLtPreferenceCreate) (HdLtDescriptor *preference);
typedef int    (* HdLtSetAttribute)    (HdLtDescriptor descriptor, int attribute, const void *value, size_t bytes);
typedef int    (* HdLtFree)            (HdLtDescriptor descriptor);
typedef int    (* HdLtGetHeuristic)    (HdLtHandle handle, HdLtDescriptor product, HdLtDescriptor a, HdLtDescriptor b,
                                        HdLtDescriptor c, HdLtDescriptor d, HdLtDescriptor preference, int most,
                                        HdLtHeuristic *found, int *n);
typedef int    (* HdLtCheck)           (HdLtHandle handle, HdLtDescriptor product, HdLtDescriptor a, HdLtDescriptor b,
                                        HdLtDescriptor c, HdLtDescriptor d, const void *algorithm,
                                        HdLtHeuristic *result);
typedef int    (* HdLtMatmul)          (HdLtHandle handle, HdLtDescriptor product, const void *alpha,
                                        const void *a, HdLtDescriptor a_layout, const void *b, HdLtDescriptor b_layout,
                                        const void *beta, const void *c, HdLtDescriptor c_layout,
                                        void *d, HdLtDescriptor d_layout, const void *algorithm,
                                        void *workspace, size_t workspace_bytes, HdLtStream stream);
