/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_gemm.h"

#ifdef HD_HAVE_DNNL_UKERNEL
#include <oneapi/dnnl/dnnl_ukernel.h>
#endif

/* A process that sees ever new shapes starts over at this number of micro-kernels. */
#define MAX_GEMMS 1024

struct _HdCpuGemm
{
  HdCpuGemmShape shape;
  gsize          scratch;
#ifdef HD_HAVE_DNNL_UKERNEL
  dnnl_brgemm_t  kernel;   /* NULL: our own loop */
#endif
};

/* --- our own loop: float32 on processors that oneDNN has no micro-kernels for --- */

/* Eight columns: one AVX register, two SSE registers. */
typedef float Columns __attribute__ ((vector_size (32), aligned (4), may_alias));

#define ROWS 4

/* Two vectors of columns of @rows rows; @rows is a constant wherever this is inlined. */
static inline __attribute__ ((always_inline)) void
multiply_tile (const HdCpuGemmShape *shape,
               int                   rows,
               int                   vectors,
               const float          *a,
               const float          *b,
               float                *c)
{
  Columns sum[ROWS][2];

  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++)
      sum[i][j] = shape->accumulate ? *(const Columns *) (c + (gsize) i * shape->ldc + 8 * j) : (Columns) { 0 };

  for (int p = 0; p < shape->k; p++)
    for (int j = 0; j < vectors; j++)
      {
        Columns row = *(const Columns *) (b + (gsize) p * shape->ldb + 8 * j);

        for (int i = 0; i < rows; i++)
          sum[i][j] += a[(gsize) i * shape->lda + p] * row;
      }

  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++)
      *(Columns *) (c + (gsize) i * shape->ldc + 8 * j) = sum[i][j];
}

HD_CPU_CLONES static void
multiply (const HdCpuGemmShape *shape,
          const float          *a,
          const float          *b,
          float                *c)
{
  for (int column = 0; column < shape->n; column += 16)
    {
      gboolean both = shape->n - column >= 16;
      int      row = 0;

      for (; row + ROWS <= shape->m; row += ROWS)
        {
          const float *rows = a + (gsize) row * shape->lda;
          float       *result = c + (gsize) row * shape->ldc + column;

          if (both)
            multiply_tile (shape, ROWS, 2, rows, b + column, result);
          else
            multiply_tile (shape, ROWS, 1, rows, b + column, result);
        }
      for (; row < shape->m; row++)
        multiply_tile (shape, 1, both ? 2 : 1, a + (gsize) row * shape->lda, b + column,
                       c + (gsize) row * shape->ldc + column);
    }
}

/* --- oneDNN's micro-kernels --- */

#ifdef HD_HAVE_DNNL_UKERNEL

static gboolean
has_micro_kernels (void)
{
  return (dnnl_get_effective_cpu_isa () & dnnl_cpu_isa_avx2) == dnnl_cpu_isa_avx2;
}

static gboolean
make_kernel (HdCpuGemm *gemm,
             GError   **error)
{
  const HdCpuGemmShape *shape = &gemm->shape;
  dnnl_data_type_t      type = shape->bf16 ? dnnl_bf16 : dnnl_f32;
  dnnl_status_t         status;

  status = dnnl_brgemm_create (&gemm->kernel, shape->m, shape->n, shape->k, 1, shape->lda, shape->ldb, shape->ldc,
                               type, type, dnnl_f32);
  if (status == dnnl_success)
    status = dnnl_brgemm_set_add_C (gemm->kernel, shape->accumulate);
  if (status == dnnl_success)
    status = dnnl_brgemm_finalize (gemm->kernel);
  if (status == dnnl_success)
    status = dnnl_brgemm_get_scratchpad_size (gemm->kernel, &gemm->scratch);
  if (status == dnnl_success)
    status = dnnl_brgemm_generate (gemm->kernel);

  return status == dnnl_success || hd_cpu_set_error (error, status, "making a micro-kernel of a matrix product");
}

#endif

gboolean
hd_cpu_gemm_has_bf16 (HdCpuContext *cpu)
{
#ifdef HD_HAVE_DNNL_UKERNEL
  return hd_cpu_has_bf16 ();
#else
  return FALSE;
#endif
}

int
hd_cpu_gemm_lanes (HdCpuContext *cpu)
{
#ifdef HD_HAVE_DNNL_UKERNEL
  return (dnnl_get_effective_cpu_isa () & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? 16 : 8;
#else
  return 8;
#endif
}

/* --- the context's products --- */

static guint
shape_hash (gconstpointer key)
{
  const HdCpuGemmShape *shape = key;
  guint                 hash = shape->m;

  hash = hash * 31 + shape->n;
  hash = hash * 31 + shape->k;
  hash = hash * 31 + shape->lda;
  hash = hash * 31 + shape->ldb;
  hash = hash * 31 + shape->ldc;

  return hash * 4 + (shape->bf16 ? 2 : 0) + (shape->accumulate ? 1 : 0);
}

static gboolean
shape_equal (gconstpointer a,
             gconstpointer b)
{
  return memcmp (a, b, sizeof (HdCpuGemmShape)) == 0;
}

static void
gemm_free (gpointer data)
{
  HdCpuGemm *gemm = data;

#ifdef HD_HAVE_DNNL_UKERNEL
  if (gemm->kernel != NULL)
    dnnl_brgemm_destroy (gemm->kernel);
#endif
  g_free (gemm);
}

void
hd_cpu_gemms_trim (HdCpuContext *cpu)
{
  if (cpu->gemms != NULL && g_hash_table_size (cpu->gemms) > MAX_GEMMS)
    g_hash_table_remove_all (cpu->gemms);
}

const HdCpuGemm *
hd_cpu_gemm_get (HdCpuContext         *cpu,
                 const HdCpuGemmShape *shape,
                 GError              **error)
{
  HdCpuGemm *gemm;

  if (cpu->gemms == NULL)
    cpu->gemms = g_hash_table_new_full (shape_hash, shape_equal, NULL, gemm_free);

  gemm = g_hash_table_lookup (cpu->gemms, shape);
  if (gemm != NULL)
    return gemm;

  gemm = g_new0 (HdCpuGemm, 1);
  gemm->shape = *shape;
#ifdef HD_HAVE_DNNL_UKERNEL
  if (has_micro_kernels () && !make_kernel (gemm, error))
    {
      gemm_free (gemm);
      return NULL;
    }
#endif
  g_hash_table_insert (cpu->gemms, &gemm->shape, gemm);

  return gemm;
}

gsize
hd_cpu_gemm_scratch (const HdCpuGemm *gemm)
{
  return gemm->scratch;
}

void
hd_cpu_gemm_select (const HdCpuGemm *gemm)
{
#ifdef HD_HAVE_DNNL_UKERNEL
  if (gemm->kernel != NULL)
    dnnl_brgemm_set_hw_context (gemm->kernel);
#endif
}

void
hd_cpu_gemm_run (const HdCpuGemm *gemm,
                 const void      *a,
                 const void      *b,
                 float           *c,
                 void            *scratch)
{
#ifdef HD_HAVE_DNNL_UKERNEL
  const dnnl_dim_t offsets[2] = { 0, 0 };

  if (gemm->kernel != NULL)
    {
      dnnl_brgemm_execute (gemm->kernel, a, b, offsets, c, scratch);
      return;
    }
#endif
  multiply (&gemm->shape, a, b, c);
}

void
hd_cpu_gemm_leave (void)
{
#ifdef HD_HAVE_DNNL_UKERNEL
  dnnl_brgemm_release_hw_context ();
#endif
}
