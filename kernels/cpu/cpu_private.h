/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include "kernels/backend.h"
#include "kernels/cpu/cpu.h"

G_BEGIN_DECLS

/* What the files of the CPU device share.
 *
 * Two kinds of code run here: oneDNN primitives, which spread over the threads by themselves, and loops of our
 * own, "#pragma omp parallel for num_threads (cpu->threads)" around a row function. Such row functions carry
 * HD_CPU_CLONES and are free of OpenMP directives: a parallel region's body is outlined into a function of its
 * own, which is compiled for the baseline processor whatever its parent's attributes say.
 */

/* Compiles a function for AVX-512, AVX2 and the baseline; the dynamic linker picks. Sanitizers instrument the
 * picking itself, which runs before they are set up. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(HD_CPU_NO_CLONES)
#define HD_CPU_CLONES __attribute__ ((target_clones ("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HD_CPU_CLONES
#endif

/* How an operator is chosen where there are two: tests choose by themselves. */
typedef enum
{
  HD_CPU_CHOICE_FASTER,
  HD_CPU_CHOICE_NEVER,
  HD_CPU_CHOICE_ALWAYS,   /* where it is possible */
} HdCpuChoice;

typedef struct
{
  HdContext     parent;

  int           threads;        /* >= 1 */
  double        tile_flops;     /* arithmetic that surely takes less than 100 ms */
  gsize         attention_bytes; /* the most keys and values that attention packs at once; 0: what is fast */
  HdCpuChoice   winograd;       /* convolutions by cpu_winograd.c */
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  GHashTable   *primitives;     /* GBytes (key) -> HdCpuPrimitive */
  GHashTable   *gemms;          /* HdCpuGemmShape -> HdCpuGemm; NULL until cpu_gemm.c needs it */
  guint64       operation;      /* number of the convolution or linear layer at work: see cpu_weight.h */

  gsize         memory_bytes;   /* of parent.memory */
  char         *scratch;
  gsize         scratch_bytes;
  char         *workspace;      /* oneDNN's scratchpads: apart from @scratch, as both are needed at once */
  gsize         workspace_bytes;
  char         *packing;        /* of cpu_weight.c: rows on their way from the checkpoint to oneDNN's layout */
  gsize         packing_bytes;
  HdWeight     *unpacked;       /* (nullable): the weight in 8 bits that has a packed form at present */
} HdCpuContext;

/* TRUE if oneDNN multiplies bf16 matrices in AMX's tiles. */
gboolean hd_cpu_has_amx    (void);

/* --- memory (cpu_memory.c) --- */

/* @bytes (> 0) of zeroed pages, huge ones if the system grants them; NULL with HD_KERNEL_ERROR_NO_MEMORY, naming
 * both figures, if the machine (or the control group) has less available. @what: for the message, as "weights". */
void    *hd_cpu_pages_new  (gsize bytes, const char *what, GError **error);

/* @bytes as it was asked for; does nothing for NULL. */
void     hd_cpu_pages_free (void *pages, gsize bytes);

/* The context's room for tensors: HdBackend.reserve. */
gboolean hd_cpu_reserve    (HdContext *context, gsize bytes, void **memory, GError **error);

/* Memory for the operator at work (never oneDNN's own workspace, which is apart), aligned to 4096, at least @bytes (all threads together: cut it up by thread
 * number, in multiples of 64). One block only, which the next call may move: it is for one operator from its
 * begin to its end. The contents are undefined. NULL with @error set if there is no memory. */
void    *hd_cpu_scratch    (HdCpuContext *cpu, gsize bytes, GError **error);

/* To be asked between tiles: TRUE, with @error set, once the run is cancelled. */
static inline gboolean
hd_cpu_is_cancelled (HdCpuContext *cpu,
                     GError      **error)
{
  if (!hd_context_is_cancelled (&cpu->parent))
    return FALSE;

  hd_context_set_cancelled_error (error);
  return TRUE;
}

/* --- oneDNN primitives (cpu_primitives.c) --- */

typedef struct _HdCpuPrimitive HdCpuPrimitive;

/* An argument of an execution: DNNL_ARG_..., and where its data is. */
typedef struct
{
  int         arg;
  const void *data;
} HdCpuArg;

/* Makes an error of a oneDNN status; @what says what was being done. Returns FALSE. */
gboolean        hd_cpu_set_error         (GError **error, dnnl_status_t status, const char *what);

/* The primitive that was inserted under the same @key_size bytes, or NULL. A key is a structure without padding
 * (or zeroed before it is filled) that begins with a tag that no other user has, say "conv". */
HdCpuPrimitive *hd_cpu_primitive_lookup  (HdCpuContext *cpu, const void *key, gsize key_size);

/* Makes and keeps the primitive of @descriptor, which it takes over, also when it fails; to be called between
 * hd_cpu_threads_begin() and _end(), as what makes the descriptor. The result is valid until the end of the
 * operator: only hd_cpu_primitives_trim() ever drops one. */
HdCpuPrimitive *hd_cpu_primitive_insert  (HdCpuContext *cpu, const void *key, gsize key_size,
                                          dnnl_primitive_desc_t descriptor, GError **error);

/* For the beginning of an operator that inserts primitives: empties the cache if it has grown large. */
void            hd_cpu_primitives_trim   (HdCpuContext *cpu);

/* Runs it to its end, on cpu->threads threads. The scratchpad (mode "user") is provided. */
gboolean        hd_cpu_primitive_run     (HdCpuContext *cpu, HdCpuPrimitive *primitive,
                                          const HdCpuArg *args, int n_args, GError **error);

/* The layout that the primitive has an argument in; owned by the primitive. */
const_dnnl_memory_desc_t
                hd_cpu_primitive_layout  (HdCpuPrimitive *primitive, int arg);

/* oneDNN's primitives divide their work when their descriptor is made, by OpenMP's thread number of the calling
 * thread: make descriptors between these two. Returns what to give to hd_cpu_threads_end(). */
int             hd_cpu_threads_begin     (HdCpuContext *cpu);
void            hd_cpu_threads_end       (int saved);

/* Copies between two layouts of one matrix or kernel, converting the type. */
gboolean        hd_cpu_reorder           (HdCpuContext *cpu, const_dnnl_memory_desc_t from, const void *source,
                                          const_dnnl_memory_desc_t to, void *destination, GError **error);

/* Attributes that every descriptor of ours has: the scratchpad is given by hd_cpu_primitive_run(). */
gboolean        hd_cpu_attributes_new    (dnnl_primitive_attr_t *attributes, GError **error);

/* oneDNN's type; float32 and bf16 only. */
dnnl_data_type_t hd_cpu_data_type        (HdDtype dtype);

/* --- weights (cpu_weight.c) --- */

gboolean     hd_cpu_weight_make (HdContext *context, HdWeight *weight, gsize *bytes, GError **error);
void         hd_cpu_weight_free (HdContext *context, HdWeight *weight);

/* A vector's elements (out_channels of them, float32). */
const float *hd_cpu_vector      (HdWeight *vector);

/* A table's row-major elements, of weight->dtype. */
const void  *hd_cpu_table       (HdWeight *table);

/* Whole matrices and kernels: see cpu_weight.h. */

/* --- operators, as HdBackend describes them --- */

gboolean hd_cpu_conv2d         (HdContext *context, HdTensor *y, const HdTensor *x, const HdConv *conv,
                                const HdConvOptions *options, GError **error);
gboolean hd_cpu_linear         (HdContext *context, HdTensor *y, const HdTensor *x, const HdLinear *linear,
                                const HdLinearOptions *options, GError **error);
gboolean hd_cpu_group_norm     (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2,
                                const HdTensor *statistics, const HdNorm *norm, HdActivation activation,
                                GError **error);
gboolean hd_cpu_channel_moments (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2,
                                 GError **error);
gboolean hd_cpu_group_statistics (HdContext *context, HdTensor *y, const HdTensor *moments, gint64 band_pixels,
                                  gint64 pixels, const HdNorm *norm, GError **error);
gboolean hd_cpu_layer_norm     (HdContext *context, HdTensor *y, const HdTensor *x, const HdNorm *norm,
                                GError **error);
gboolean hd_cpu_attention      (HdContext *context, HdTensor *y, const HdTensor *q, const HdTensor *k,
                                const HdTensor *v, const HdAttentionOptions *options, GError **error);
gboolean hd_cpu_avg_pool_2x2   (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
gboolean hd_cpu_resize_bicubic (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
gboolean hd_cpu_activate       (HdContext *context, HdTensor *y, const HdTensor *x, HdActivation activation,
                                GError **error);
gboolean hd_cpu_add            (HdContext *context, HdTensor *y, const HdTensor *a, const HdTensor *b,
                                float scale, GError **error);
gboolean hd_cpu_combine        (HdContext *context, HdTensor *y, float from_a, const HdTensor *a, float from_b,
                                const HdTensor *b, GError **error);
gboolean hd_cpu_embed_tokens   (HdContext *context, HdTensor *y, HdWeight *tokens, HdWeight *positions,
                                const gint32 *ids, GError **error);
gboolean hd_cpu_upload         (HdContext *context, HdTensor *y, const float *planes, const float *rows,
                                GError **error);
gboolean hd_cpu_download       (HdContext *context, const HdTensor *x, float *planes, float *rows,
                                GError **error);

G_END_DECLS
