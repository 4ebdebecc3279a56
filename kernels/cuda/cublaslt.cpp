/* SPDX-License-Identifier: Apache-2.0 */

#include <dlfcn.h>
#include <glob.h>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/cublaslt_api.h"

#define ENVIRONMENT "HIDIFFUSION_CUBLASLT"
#define MOST_FOUND  16
/* Of operands, in bytes: that of rows of eight channels. The library takes 256 for granted where nobody says so, which
 * rows of a map need not be. */
#define ALIGNMENT   16

struct _HdLt
{
  void                *library;
  HdLtHandle           handle;
  gsize                version;

  HdLtCreate           create;
  HdLtDestroy          destroy;
  HdLtGetVersion       get_version;
  HdLtDescCreate       desc_create;
  HdLtFree             desc_destroy;
  HdLtSetAttribute     desc_set;
  HdLtLayoutCreate     layout_create;
  HdLtFree             layout_destroy;
  HdLtPreferenceCreate preference_create;
  HdLtFree             preference_destroy;
  HdLtSetAttribute     preference_set;
  HdLtGetHeuristic     get_heuristic;
  HdLtCheck            check;
  HdLtMatmul           matmul;
};

/* --- opening --- */

static gboolean
find_symbol (HdLt       *lt,
             const char *name,
             void       *function)
{
  void *symbol = dlsym (lt->library, name);

  memcpy (function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static gboolean
find_symbols (HdLt *lt)
{
  return find_symbol (lt, "cublasLtCreate", &lt->create)
         && find_symbol (lt, "cublasLtDestroy", &lt->destroy)
         && find_symbol (lt, "cublasLtGetVersion", &lt->get_version)
         && find_symbol (lt, "cublasLtMatmulDescCreate", &lt->desc_create)
         && find_symbol (lt, "cublasLtMatmulDescDestroy", &lt->desc_destroy)
         && find_symbol (lt, "cublasLtMatmulDescSetAttribute", &lt->desc_set)
         && find_symbol (lt, "cublasLtMatrixLayoutCreate", &lt->layout_create)
         && find_symbol (lt, "cublasLtMatrixLayoutDestroy", &lt->layout_destroy)
         && find_symbol (lt, "cublasLtMatmulPreferenceCreate", &lt->preference_create)
         && find_symbol (lt, "cublasLtMatmulPreferenceDestroy", &lt->preference_destroy)
         && find_symbol (lt, "cublasLtMatmulPreferenceSetAttribute", &lt->preference_set)
         && find_symbol (lt, "cublasLtMatmulAlgoGetHeuristic", &lt->get_heuristic)
         && find_symbol (lt, "cublasLtMatmulAlgoCheck", &lt->check)
         && find_symbol (lt, "cublasLtMatmul", &lt->matmul);
}

/* The library at @path, or NULL. It stays loaded for the life of the process: CUDA's libraries register what they do
 * at exit. */
static HdLt *
open_file (const char *path)
{
  HdLt *lt = g_new0 (HdLt, 1);

  lt->library = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (lt->library != NULL && find_symbols (lt) && lt->create (&lt->handle) == HD_LT_SUCCESS)
    {
      lt->version = lt->get_version ();
      return lt;
    }

  if (lt->library != NULL)
    dlclose (lt->library);
  g_free (lt);
  return NULL;
}

/* The first that opens of the files that @pattern stands for. */
static HdLt *
open_pattern (const char *pattern)
{
  glob_t found = { };
  HdLt  *lt = NULL;

  if (glob (pattern, 0, NULL, &found) == 0)
    for (gsize i = 0; lt == NULL && i < found.gl_pathc; i++)
      lt = open_file (found.gl_pathv[i]);
  globfree (&found);

  return lt;
}

static HdLt *
open_version (int version)
{
  g_autofree char *name = g_strdup_printf ("libcublasLt.so.%d", version);
  const char      *environment = g_getenv ("VIRTUAL_ENV");
  const char      *conda = g_getenv ("CONDA_PREFIX");
  const char      *roots[] = { environment, conda, NULL, "/usr/local", "/usr" };
  g_autofree char *local = g_build_filename (g_get_home_dir (), ".local", NULL);
  HdLt            *lt = open_file (name);

  roots[2] = local;
  if (lt == NULL)
    {
      g_autofree char *pattern = g_strdup_printf ("/usr/local/cuda*/lib64/%s", name);

      lt = open_pattern (pattern);
    }

  /* Python packages: nvidia/cublas for CUDA 12, nvidia/cu13 for CUDA 13. */
  for (guint i = 0; lt == NULL && i < G_N_ELEMENTS (roots); i++)
    {
      g_autofree char *pattern = NULL;

      if (roots[i] == NULL || roots[i][0] == '\0')
        continue;
      pattern = g_strdup_printf ("%s/lib/python3*/*-packages/nvidia/*/lib/%s", roots[i], name);
      lt = open_pattern (pattern);
    }

  return lt;
}

HdLt *
hd_lt_open (HdCudaContext *cuda)
{
  const char *file = g_getenv (ENVIRONMENT);
  HdLt       *lt = NULL;
  int         driver = 0;

  if (cudaSetDevice (cuda->device) != cudaSuccess || cudaDriverGetVersion (&driver) != cudaSuccess)
    {
      cudaGetLastError ();
      return NULL;
    }

  if (file != NULL)
    return file[0] != '\0' ? open_file (file) : NULL;

#ifdef HD_CUDA_EMULATION
  /* The real one wants a real card. */
  driver = 0;
#endif
  for (int version = 13; lt == NULL && version >= 12; version--)
    if (driver >= version * 1000)
      lt = open_version (version);

  return lt;
}

void
hd_lt_close (HdLt *lt)
{
  if (lt == NULL)
    return;

  lt->destroy (lt->handle);
  dlclose (lt->library);
  g_free (lt);
}

gsize
hd_lt_version (const HdLt *lt)
{
  return lt != NULL ? lt->version : 0;
}

/* --- a product's description --- */

/* The library counts columns first: there, y^T (outputs, rows) = (weight^T)^T x^T. */
typedef struct
{
  HdLtDescriptor product;
  HdLtDescriptor weight;
  HdLtDescriptor x;
  HdLtDescriptor y;
} Description;

static void
drop (HdLt        *lt,
      Description *description)
{
  if (description->product != NULL)
    lt->desc_destroy (description->product);
  if (description->weight != NULL)
    lt->layout_destroy (description->weight);
  if (description->x != NULL)
    lt->layout_destroy (description->x);
  if (description->y != NULL)
    lt->layout_destroy (description->y);
}

static gboolean
set_product (HdLt              *lt,
             HdLtDescriptor     descriptor,
             int                attribute,
             const void        *value,
             gsize              bytes)
{
  return lt->desc_set (descriptor, attribute, value, bytes) == HD_LT_SUCCESS;
}

/* Zeroed and FALSE if the library refuses anything. */
static gboolean
describe (HdLt              *lt,
          const HdLtProduct *product,
          Description       *description)
{
  const gint32 type = product->dtype == HD_DTYPE_F16 ? HD_LT_R_16F : HD_LT_R_16BF;
  const gint32 transposed = HD_LT_OP_T;
  const gint32 plain = HD_LT_OP_N;
  const gint32 epilogue = product->bias != NULL ? HD_LT_EPILOGUE_BIAS : HD_LT_EPILOGUE_DEFAULT;

  *description = { };
  if (lt->desc_create (&description->product, HD_LT_COMPUTE_32F, HD_LT_R_32F) == HD_LT_SUCCESS
      && set_product (lt, description->product, HD_LT_DESC_TRANSA, &transposed, sizeof transposed)
      && set_product (lt, description->product, HD_LT_DESC_TRANSB, &plain, sizeof plain)
      && set_product (lt, description->product, HD_LT_DESC_EPILOGUE, &epilogue, sizeof epilogue)
      && (product->bias == NULL
          || (set_product (lt, description->product, HD_LT_DESC_BIAS_POINTER, &product->bias, sizeof product->bias)
              && set_product (lt, description->product, HD_LT_DESC_BIAS_DATA_TYPE, &type, sizeof type)))
      && lt->layout_create (&description->weight, type, product->depth, product->outputs,
                            product->depth) == HD_LT_SUCCESS
      && lt->layout_create (&description->x, type, product->depth, product->rows, product->depth) == HD_LT_SUCCESS
      && lt->layout_create (&description->y, type, product->outputs, product->rows,
                            product->outputs) == HD_LT_SUCCESS)
    return TRUE;

  drop (lt, description);
  *description = { };
  return FALSE;
}

/* What algorithms may ask for; NULL if the library refuses anything. */
static HdLtDescriptor
make_preference (HdLt *lt)
{
  const guint64  workspace = HD_LT_WORKSPACE;
  const guint32  alignment = ALIGNMENT;
  HdLtDescriptor preference = NULL;
  gboolean       success;

  if (lt->preference_create (&preference) != HD_LT_SUCCESS)
    return NULL;

  success = lt->preference_set (preference, HD_LT_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                sizeof workspace) == HD_LT_SUCCESS;
  for (int operand = HD_LT_PREF_MIN_ALIGNMENT_A_BYTES; operand <= HD_LT_PREF_MIN_ALIGNMENT_D_BYTES; operand++)
    success = success && lt->preference_set (preference, operand, &alignment, sizeof alignment) == HD_LT_SUCCESS;
  if (success)
    return preference;

  lt->preference_destroy (preference);
  return NULL;
}

int
hd_lt_find (HdLt              *lt,
            const HdLtProduct *product,
            HdLtAlgorithm     *algorithms,
            int                most)
{
  HdLtDescriptor preference;
  HdLtHeuristic  found[MOST_FOUND] = { };
  Description    description;
  int            n_found = 0;
  int            n = 0;

  if (!describe (lt, product, &description))
    return 0;

  preference = make_preference (lt);
  if (preference != NULL
      && lt->get_heuristic (lt->handle, description.product, description.weight, description.x, description.y,
                            description.y, preference, MIN (most, MOST_FOUND), found, &n_found) == HD_LT_SUCCESS)
    for (int i = 0; i < MIN (n_found, MOST_FOUND) && n < most; i++)
      if (found[i].state == HD_LT_SUCCESS && found[i].workspace_bytes <= HD_LT_WORKSPACE)
        memcpy (algorithms[n++].words, found[i].algorithm, sizeof found[i].algorithm);

  if (preference != NULL)
    lt->preference_destroy (preference);
  drop (lt, &description);

  return n;
}

gboolean
hd_lt_accepts (HdLt                *lt,
               const HdLtProduct   *product,
               const HdLtAlgorithm *algorithm)
{
  HdLtHeuristic result = { };
  Description   description;
  gboolean      accepted;

  if (!describe (lt, product, &description))
    return FALSE;

  accepted = lt->check (lt->handle, description.product, description.weight, description.x, description.y,
                        description.y, algorithm->words, &result) == HD_LT_SUCCESS
             && result.workspace_bytes <= HD_LT_WORKSPACE;
  drop (lt, &description);

  return accepted;
}

static int
multiply (HdLt                 *lt,
          cudaStream_t          stream,
          const HdLtProduct    *product,
          const HdLtAlgorithm  *algorithm,
          void                 *workspace)
{
  const float one = 1.0f;
  const float zero = 0.0f;
  Description description;
  int         status = -1;

  if (describe (lt, product, &description))
    status = lt->matmul (lt->handle, description.product, &one, product->weight, description.weight,
                         product->x, description.x, product->residual != NULL ? &one : &zero,
                         product->residual != NULL ? product->residual : product->y, description.y,
                         product->y, description.y, algorithm->words, workspace, HD_LT_WORKSPACE, (HdLtStream) stream);
  drop (lt, &description);

  return status;
}

#ifdef HD_CUDA_EMULATION
/* What stands in for the library computes at once: it is called when its turn has come. */
static int
emulate_multiply (HdLt                *lt,
                  HdCudaContext       *cuda,
                  const HdLtProduct   *product,
                  const HdLtAlgorithm *algorithm,
                  void                *workspace)
{
  const HdLtProduct   later = *product;
  const HdLtAlgorithm how = *algorithm;

  if (cuda->capturing)
    {
      hd_emulated_queue (cuda->stream, [=] () { multiply (lt, NULL, &later, &how, workspace); });
      return hd_lt_accepts (lt, product, algorithm) ? HD_LT_SUCCESS : -1;
    }

  cudaStreamSynchronize (cuda->stream);
  return multiply (lt, cuda->stream, product, algorithm, workspace);
}
#endif

gboolean
hd_lt_run (HdLt                 *lt,
           HdCudaContext        *cuda,
           const HdLtProduct    *product,
           const HdLtAlgorithm  *algorithm,
           void                 *workspace,
           GError              **error)
{
#ifdef HD_CUDA_EMULATION
  const int status = emulate_multiply (lt, cuda, product, algorithm, workspace);
#else
  const int status = multiply (lt, cuda->stream, product, algorithm, workspace);
#endif

  if (status != HD_LT_SUCCESS)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_FAILED,
                   "cuBLASLt %" G_GSIZE_FORMAT ": status %d multiplying %d x %d by %d x %d", lt->version, status,
                   product->rows, product->depth, product->depth, product->outputs);
      return FALSE;
    }

  return hd_cuda_check (cuda, cudaGetLastError (), "multiplying", error);
}
