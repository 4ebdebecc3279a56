/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cuda/cublaslt_api.h"

/* A library that looks like cuBLASLt and multiplies on the host, for tests of how ours is used. It takes what the
 * documentation allows and nothing else: a wrong attribute, layout or algorithm is refused. */

#define MAGIC        0x4d41474943u
#define N_ALGORITHMS 4
#define BROKEN       1     /* an algorithm that is promised and does not work */
#define REFUSED      15    /* CUBLAS_STATUS_NOT_SUPPORTED */
#define INVALID      7     /* CUBLAS_STATUS_INVALID_VALUE */

typedef struct
{
  int         kind;        /* 1: product, 2: matrix, 3: preference */
  int32_t     transa, transb, epilogue, bias_type;
  const void *bias;
  int         type;
  uint64_t    rows, columns;
  int64_t     ld;
  uint64_t    workspace;
  uint32_t    alignment[4];  /* of A, B, C and D */
} Object;

int    cublasLtCreate          (HdLtHandle *handle);
int    cublasLtDestroy         (HdLtHandle handle);
size_t cublasLtGetVersion      (void);
int    cublasLtMatmulDescCreate        (HdLtDescriptor *descriptor, int compute_type, int scale_type);
int    cublasLtMatmulDescDestroy       (HdLtDescriptor descriptor);
int    cublasLtMatmulDescSetAttribute  (HdLtDescriptor descriptor, int attribute, const void *value, size_t bytes);
int    cublasLtMatrixLayoutCreate      (HdLtDescriptor *layout, int type, uint64_t rows, uint64_t columns, int64_t ld);
int    cublasLtMatrixLayoutDestroy     (HdLtDescriptor layout);
int    cublasLtMatmulPreferenceCreate  (HdLtDescriptor *preference);
int    cublasLtMatmulPreferenceDestroy (HdLtDescriptor preference);
int    cublasLtMatmulPreferenceSetAttribute (HdLtDescriptor descriptor, int attribute, const void *value, size_t bytes);
int    cublasLtMatmulAlgoGetHeuristic  (HdLtHandle handle, HdLtDescriptor product, HdLtDescriptor a, HdLtDescriptor b,
                                        HdLtDescriptor c, HdLtDescriptor d, HdLtDescriptor preference, int most,
                                        HdLtHeuristic *found, int *n);
int    cublasLtMatmulAlgoCheck         (HdLtHandle handle, HdLtDescriptor product, HdLtDescriptor a, HdLtDescriptor b,
                                        HdLtDescriptor c, HdLtDescriptor d, const void *algorithm,
                                        HdLtHeuristic *result);
int    cublasLtMatmul                  (HdLtHandle handle, HdLtDescriptor product, const void *alpha,
                                        const void *a, HdLtDescriptor a_layout, const void *b, HdLtDescriptor b_layout,
                                        const void *beta, const void *c, HdLtDescriptor c_layout,
                                        void *d, HdLtDescriptor d_layout, const void *algorithm,
                                        void *workspace, size_t workspace_bytes, HdLtStream stream);

/* For tests: how many products there were, how many objects are alive, and whether products fail from now on. */
extern int fake_cublaslt_products;
extern int fake_cublaslt_objects;
extern int fake_cublaslt_fails;

int fake_cublaslt_products;
int fake_cublaslt_objects;
int fake_cublaslt_fails;

static Object *
make (int kind)
{
  Object *object = calloc (1, sizeof *object);

  object->kind = kind;
  fake_cublaslt_objects++;
  return object;
}

static int
drop (void *pointer,
      int   kind)
{
  Object *object = pointer;

  if (object == NULL || object->kind != kind)
    abort ();
  free (object);
  fake_cublaslt_objects--;
  return HD_LT_SUCCESS;
}

int
cublasLtCreate (HdLtHandle *handle)
{
  *handle = make (4);
  return HD_LT_SUCCESS;
}

int
cublasLtDestroy (HdLtHandle handle)
{
  return drop (handle, 4);
}

size_t
cublasLtGetVersion (void)
{
  return 130000;
}

int
cublasLtMatmulDescCreate (HdLtDescriptor *descriptor,
                          int             compute_type,
                          int             scale_type)
{
  if (compute_type != HD_LT_COMPUTE_32F || scale_type != HD_LT_R_32F)
    return INVALID;

  *descriptor = make (1);
  ((Object *) *descriptor)->epilogue = HD_LT_EPILOGUE_DEFAULT;
  return HD_LT_SUCCESS;
}

int
cublasLtMatmulDescDestroy (HdLtDescriptor descriptor)
{
  return drop (descriptor, 1);
}

int
cublasLtMatmulDescSetAttribute (HdLtDescriptor descriptor,
                                int            attribute,
                                const void    *value,
                                size_t         bytes)
{
  Object *object = descriptor;

  if (bytes != (attribute == HD_LT_DESC_BIAS_POINTER ? sizeof (void *) : sizeof (int32_t)))
    return INVALID;

  switch (attribute)
    {
    case HD_LT_DESC_TRANSA:
      memcpy (&object->transa, value, bytes);
      return HD_LT_SUCCESS;
    case HD_LT_DESC_TRANSB:
      memcpy (&object->transb, value, bytes);
      return HD_LT_SUCCESS;
    case HD_LT_DESC_EPILOGUE:
      memcpy (&object->epilogue, value, bytes);
      return HD_LT_SUCCESS;
    case HD_LT_DESC_BIAS_POINTER:
      memcpy (&object->bias, value, bytes);
      return HD_LT_SUCCESS;
    case HD_LT_DESC_BIAS_DATA_TYPE:
      memcpy (&object->bias_type, value, bytes);
      return HD_LT_SUCCESS;
    default:
      return INVALID;
    }
}

int
cublasLtMatrixLayoutCreate (HdLtDescriptor *layout,
                            int             type,
                            uint64_t        rows,
                            uint64_t        columns,
                            int64_t         ld)
{
  Object *object = make (2);

  object->type = type;
  object->rows = rows;
  object->columns = columns;
  object->ld = ld;
  *layout = object;
  return HD_LT_SUCCESS;
}

int
cublasLtMatrixLayoutDestroy (HdLtDescriptor layout)
{
  return drop (layout, 2);
}

int
cublasLtMatmulPreferenceCreate (HdLtDescriptor *preference)
{
  Object *object = make (3);

  for (int i = 0; i < 4; i++)
    object->alignment[i] = 256;
  *preference = object;
  return HD_LT_SUCCESS;
}

int
cublasLtMatmulPreferenceDestroy (HdLtDescriptor preference)
{
  return drop (preference, 3);
}

int
cublasLtMatmulPreferenceSetAttribute (HdLtDescriptor descriptor,
                                      int            attribute,
                                      const void    *value,
                                      size_t         bytes)
{
  if (attribute >= HD_LT_PREF_MIN_ALIGNMENT_A_BYTES && attribute <= HD_LT_PREF_MIN_ALIGNMENT_D_BYTES)
    {
      if (bytes != sizeof (uint32_t))
        return INVALID;
      memcpy (&((Object *) descriptor)->alignment[attribute - HD_LT_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
      return HD_LT_SUCCESS;
    }
  if (attribute != HD_LT_PREF_MAX_WORKSPACE_BYTES || bytes != sizeof (uint64_t))
    return INVALID;

  memcpy (&((Object *) descriptor)->workspace, value, bytes);
  return HD_LT_SUCCESS;
}

/* Whether a product is one that the library documents for these types. */
static int
check (const Object *product,
       const Object *a,
       const Object *b,
       const Object *c,
       const Object *d)
{
  if (product->transa != HD_LT_OP_T || product->transb != HD_LT_OP_N
      || (a->type != HD_LT_R_16F && a->type != HD_LT_R_16BF) || b->type != a->type || c->type != a->type
      || d->type != a->type)
    return REFUSED;
  if (product->epilogue == HD_LT_EPILOGUE_BIAS ? product->bias == NULL || product->bias_type != a->type
                                               : product->epilogue != HD_LT_EPILOGUE_DEFAULT)
    return REFUSED;
  if (a->rows != b->rows || d->rows != a->columns || d->columns != b->columns || c->rows != d->rows
      || c->columns != d->columns || a->ld < (int64_t) a->rows || b->ld < (int64_t) b->rows
      || c->ld < (int64_t) c->rows || d->ld < (int64_t) d->rows)
    return INVALID;

  return HD_LT_SUCCESS;
}

int
cublasLtMatmulAlgoGetHeuristic (HdLtHandle      handle,
                                HdLtDescriptor  product,
                                HdLtDescriptor  a,
                                HdLtDescriptor  b,
                                HdLtDescriptor  c,
                                HdLtDescriptor  d,
                                HdLtDescriptor  preference,
                                int             most,
                                HdLtHeuristic  *found,
                                int            *n)
{
  const Object *preferred = preference;
  uint32_t      alignment = 0;
  int           status = check (product, a, b, c, d);

  *n = 0;
  if (status != HD_LT_SUCCESS)
    return status;
  for (int i = 0; i < 4; i++)
    alignment = alignment > preferred->alignment[i] ? alignment : preferred->alignment[i];

  for (int i = 0; i < N_ALGORITHMS && *n < most; i++)
    {
      HdLtHeuristic *one = &found[(*n)++];

      memset (one, 0, sizeof *one);
      one->algorithm[0] = MAGIC;
      one->algorithm[7] = (uint64_t) i;
      /* What it takes for granted, as fast ones do. */
      one->algorithm[6] = alignment;
      /* One that is not meant, and one that wants more than there is. */
      one->state = i == 2 ? REFUSED : HD_LT_SUCCESS;
      one->workspace_bytes = i == 3 ? preferred->workspace + 1 : 1024;
    }

  return HD_LT_SUCCESS;
}

int
cublasLtMatmulAlgoCheck (HdLtHandle      handle,
                         HdLtDescriptor  product,
                         HdLtDescriptor  a,
                         HdLtDescriptor  b,
                         HdLtDescriptor  c,
                         HdLtDescriptor  d,
                         const void     *algorithm,
                         HdLtHeuristic  *result)
{
  const uint64_t *words = algorithm;

  result->workspace_bytes = 1024;
  if (words[0] != MAGIC || words[7] >= N_ALGORITHMS)
    return INVALID;

  return check (product, a, b, c, d);
}

static float
get (const void *data,
     int64_t     i,
     int         type)
{
  uint16_t bits = ((const uint16_t *) data)[i];

  return type == HD_LT_R_16F ? hd_float_from_f16 (bits) : hd_float_from_bf16 (bits);
}

/* To nearest, for the range of tests' numbers. */
static uint16_t
round_f16 (float value)
{
  union { float value; uint32_t bits; } number = { value };
  uint32_t magnitude = number.bits & 0x7fffffffu;
  uint32_t sign = number.bits >> 16 & 0x8000u;

  if (magnitude < 0x38800000u)
    {
      union { float value; uint32_t bits; } shifted = { .bits = magnitude };

      shifted.value += 0.5f;
      return (uint16_t) (sign | (shifted.bits - 0x3f000000u));
    }

  magnitude += 0xfffu + (magnitude >> 13 & 1u);
  return (uint16_t) (sign | ((magnitude >> 13) - (112u << 10)));
}

int
cublasLtMatmul (HdLtHandle      handle,
                HdLtDescriptor  product,
                const void     *alpha,
                const void     *a,
                HdLtDescriptor  a_layout,
                const void     *b,
                HdLtDescriptor  b_layout,
                const void     *beta,
                const void     *c,
                HdLtDescriptor  c_layout,
                void           *d,
                HdLtDescriptor  d_layout,
                const void     *algorithm,
                void           *workspace,
                size_t          workspace_bytes,
                HdLtStream      stream)
{
  const Object   *weight = a_layout, *x = b_layout, *y = d_layout, *described = product;
  const uint64_t *words = algorithm;
  float           scale, share;
  int             status = check (product, a_layout, b_layout, c_layout, d_layout);

  if (status != HD_LT_SUCCESS)
    return status;
  if (words[0] != MAGIC || words[7] == BROKEN || fake_cublaslt_fails)
    return REFUSED;
  if ((uintptr_t) workspace % 16 != 0 || workspace_bytes < 1024)
    return INVALID;
  if (words[6] != 0
      && ((uintptr_t) a % words[6] != 0 || (uintptr_t) b % words[6] != 0 || (uintptr_t) c % words[6] != 0
          || (uintptr_t) d % words[6] != 0))
    return INVALID;

  memcpy (&scale, alpha, sizeof scale);
  memcpy (&share, beta, sizeof share);
  memset (workspace, 0x77, workspace_bytes < 65536 ? workspace_bytes : 65536);
  fake_cublaslt_products++;

  for (uint64_t j = 0; j < y->columns; j++)
    for (uint64_t i = 0; i < y->rows; i++)
      {
        float sum = 0.0f;

        for (uint64_t k = 0; k < x->rows; k++)
          sum += get (a, (int64_t) i * weight->ld + (int64_t) k, weight->type)
                 * get (b, (int64_t) j * x->ld + (int64_t) k, x->type);
        sum *= scale;
        if (share != 0.0f)
          sum += share * get (c, (int64_t) j * y->ld + (int64_t) i, y->type);
        if (described->epilogue == HD_LT_EPILOGUE_BIAS)
          sum += get (described->bias, (int64_t) i, y->type);
        ((uint16_t *) d)[(int64_t) j * y->ld + (int64_t) i] = y->type == HD_LT_R_16F ? round_f16 (sum)
                                                                                      : hd_bf16_from_float (sum);
      }

  return HD_LT_SUCCESS;
}
