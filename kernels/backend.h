/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "kernels/arena.h"
#include "kernels/ops.h"
#include "kernels/weight_store.h"

G_BEGIN_DECLS

/* What a device implements, for kernels/ alone.
 *
 * ops.c has checked every shape and type, and made the result tensor, before one of these functions is called:
 * they fill @y and return TRUE, or return FALSE with @error set. They must call hd_context_is_cancelled()
 * between tiles of at most 100 ms of work and return FALSE with hd_context_set_cancelled_error() when it is
 * TRUE. NULL options never reach them; a stride or dilation of 0 has become 1.
 */
typedef struct
{
  /* Weights may be streamed. */
  gboolean    streams;

  /* Room for tensors: *memory of @bytes, aligned to 256; frees the one it had. bytes == 0: only frees. */
  gboolean (* reserve)      (HdContext *context, gsize bytes, void **memory, GError **error);
  void     (* free)         (HdContext *context);
  /* Bytes of the device's memory that are free for tensors and weights; NULL: there is no end to them. */
  gsize    (* available)    (HdContext *context);
  gboolean (* synchronize)  (HdContext *context, GError **error);

  /* Make the device's form of a weight (weight->device); called once, before its first use or at creation,
   * as the device prefers; weight_free takes it away, and its bytes from context->weight_bytes. Returns bytes
   * kept through @bytes, which are added there. weight->form and weight->streamed say how it is to be kept. */
  gboolean (* weight_make)  (HdContext *context, HdWeight *weight, gsize *bytes, GError **error);
  void     (* weight_free)  (HdContext *context, HdWeight *weight);

  gboolean (* conv2d)       (HdContext *context, HdTensor *y, const HdTensor *x, const HdConv *conv,
                             const HdConvOptions *options, GError **error);
  gboolean (* linear)       (HdContext *context, HdTensor *y, const HdTensor *x, const HdLinear *linear,
                             const HdLinearOptions *options, GError **error);
  /* @statistics: NULL, or what group_statistics() made of a map of which @x and @x2 are a part. */
  gboolean (* group_norm)   (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2,
                             const HdTensor *statistics, const HdNorm *norm, HdActivation activation, GError **error);
  gboolean (* channel_moments) (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2, GError **error);
  gboolean (* group_statistics) (HdContext *context, HdTensor *y, const HdTensor *moments, gint64 band_pixels,
                                 gint64 pixels, const HdNorm *norm, GError **error);
  gboolean (* layer_norm)   (HdContext *context, HdTensor *y, const HdTensor *x, const HdNorm *norm, GError **error);
  gboolean (* attention)    (HdContext *context, HdTensor *y, const HdTensor *q, const HdTensor *k,
                             const HdTensor *v, const HdAttentionOptions *options, GError **error);
  gboolean (* avg_pool_2x2) (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
  gboolean (* resize_bicubic) (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
  gboolean (* activate)     (HdContext *context, HdTensor *y, const HdTensor *x, HdActivation activation, GError **error);
  /* a + scale * b */
  gboolean (* add)          (HdContext *context, HdTensor *y, const HdTensor *a, const HdTensor *b, float scale,
                             GError **error);
  /* y = from_a a + from_b b; @a, @b: of one image or as many as @y, and whole; @b: or NULL. All that is rounded is rounded
   * to float32 first. */
  gboolean (* combine)      (HdContext *context, HdTensor *y, float from_a, const HdTensor *a, float from_b,
                             const HdTensor *b, GError **error);
  gboolean (* embed_tokens) (HdContext *context, HdTensor *y, HdWeight *tokens, HdWeight *positions,
                             const gint32 *ids, GError **error);
  /* planes: host (N, C, H, W); rows: host (N, H, W, C); exactly one of both is not NULL. */
  gboolean (* upload)       (HdContext *context, HdTensor *y, const float *planes, const float *rows, GError **error);
  gboolean (* download)     (HdContext *context, const HdTensor *x, float *planes, float *rows, GError **error);

  /* hd_context_repeat()'s, around its function; both NULL where there is nothing to gain. repeat_end() returns FALSE if
   * the function has to be called again, between another pair of them: nothing has been computed then, and the error
   * that the context may have met does not count. */
  void     (* repeat_begin) (HdContext *context, guint64 key);
  gboolean (* repeat_end)   (HdContext *context);
} HdBackend;

/* What every device's context begins with. */
struct _HdContext
{
  const HdBackend *backend;
  char            *name;
  HdDtype          dtype;
  gboolean         dry;

  HdArena         *arena;
  char            *memory;      /* of the device; NULL on the dry one */
  gsize            weight_bytes;
  HdWeightStore    weights;
  int              n_tensors;   /* alive */

  GCancellable    *cancellable;
  GError          *error;       /* the sticky one */
  HdContextFunc    progress_func;
  gpointer         progress_data;
  gint64           progress_time;
  HdOpStatistics   statistics[HD_N_OPS];
  gboolean         asynchronous; /* operators return before they are done */
  gboolean         timed;

  int              ref_count;
};

/* For a device's constructor: fills the common part of a zeroed structure; takes @name over. */
void     hd_context_init (HdContext *context, const HdBackend *backend, char *name, HdDtype dtype, gboolean dry);

/* Safe in any thread. */
gboolean hd_context_is_cancelled        (HdContext *context);
void     hd_context_set_cancelled_error (GError **error);

/* TRUE if the context has failed or is cancelled (which it then records): nothing more is to be done. */
gboolean hd_context_failed (HdContext *context);

/* After an operator that began at @started (g_get_monotonic_time()): counts it and tells the progress function. */
void     hd_context_account (HdContext *context, HdOpKind kind, double flops, double bytes, gint64 started);

/* In builds for tests (-Dpoison=true) fills @bytes of host memory with NaN of every type, so that whoever reads them
 * before they are written is found out; else does nothing. */
static inline void
hd_poison (void  *memory,
           gsize  bytes)
{
#ifdef HD_POISON
  memset (memory, 0xff, bytes);
#endif
}

/* Records @error, unless there is one already; takes it over. */
void     hd_context_fail   (HdContext *context, GError *error);

G_END_DECLS
