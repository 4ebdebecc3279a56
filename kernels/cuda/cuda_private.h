/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <cuda_runtime.h>

#include "kernels/backend.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/cuda_module.h"

/* What the files of the CUDA device share. C++ for the sake of kernels' templates alone: no exceptions, no
 * constructors, no library of C++.
 *
 * All work of a context is queued in its one stream; operators return before it is done, and what is queued never
 * takes longer than some tenths of a second, because operators say beforehand, with hd_cuda_pace(), how much work
 * they are about to queue. A launch takes at most cuda->launch_seconds by the same estimate: larger ones are split. */

#define HD_CUDA_STAGING_BUFFERS 2
#define HD_CUDA_PACE_EVENTS     4

/* Pinned host memory by the side of device memory of the same size, on the way to (or from) the device. */
typedef struct
{
  void       *host;
  void       *device;
  cudaEvent_t event;   /* what was last done with it */
} HdCudaStaging;

typedef struct
{
  HdContext     parent;

  int           device;
  cudaStream_t  stream;
  gboolean      lost;              /* the card or its driver has failed: nothing will work any more */

  int           major, minor;      /* compute capability */
  int           processors;        /* SMs */
  gsize         shared_bytes;      /* the most dynamic shared memory that a block can have */
  gboolean      display;           /* the driver ends launches that take long */
  double        flops;             /* per second, of 16-bit matrix products with mma.sync: a careful guess */
  double        bandwidth;         /* bytes per second of its memory: likewise */
  double        launch_seconds;    /* the longest that a launch is planned for */

  void         *scratch;
  gsize         scratch_bytes;

  HdCudaStaging staging[HD_CUDA_STAGING_BUFFERS];
  gsize         staging_bytes;
  int           staging_next;

  cudaEvent_t   pace_events[HD_CUDA_PACE_EVENTS];
  guint         pace_recorded;     /* events so far */
  double        pace_seconds;      /* estimated, queued since the last event */

  gpointer      products;          /* of choices.cpp */
  gpointer      ring;              /* of weight_ring.cpp */
  gpointer      slabs;             /* of weight_memory.cpp */

  void         *unpacked;          /* the weight of 8 bits that is multiplied with, as operators take it */
  gsize         unpacked_bytes;

  const int    *window_shifts;     /* (nullable): in device memory: the next calls of windowed attention read shift_y and
                                    * shift_x here, pair by pair, and not in their options, so that recorded calls can
                                    * be replayed with others */
  int           window_calls;      /* calls that have done so */

  gpointer      repeat;            /* of cuda_repeat.cpp */
  gboolean      capturing;         /* what operators queue is recorded: they must not wait for the device or allocate */
  double        planned_seconds;   /* by hd_cuda_pace(), of everything but measurements */
} HdCudaContext;

/* The device as it is between steps that are recorded or replayed (cuda_context.cpp). */
extern const HdBackend hd_cuda_backend;

void     hd_cuda_context_free (HdContext *context);
gboolean hd_cuda_synchronize  (HdContext *context, GError **error);

/* --- errors and pace (cuda_context.cpp) --- */

/* TRUE if @status is no error; else sets @error, with what was being done ("normalising"), and notes whether the
 * card is lost. */
gboolean hd_cuda_check   (HdCudaContext *cuda, cudaError_t status, const char *doing, GError **error);

/* Whether nothing works any more after @status, until the device is reset or the program restarted. */
gboolean hd_cuda_is_final (cudaError_t status);

/* For work of about @flops (16-bit, on tensor cores; others count as more) and @bytes that is about to be queued:
 * waits while too much is queued. FALSE if the run is cancelled or the card fails. */
gboolean hd_cuda_pace    (HdCudaContext *cuda, double flops, double bytes, GError **error);

/* The same for work that takes @seconds by its own estimate. */
gboolean hd_cuda_pace_seconds (HdCudaContext *cuda, double seconds, GError **error);

/* Waits for an event. FALSE if the run is cancelled meanwhile or the card fails. */
gboolean hd_cuda_wait    (HdCudaContext *cuda, cudaEvent_t event, GError **error);

/* How many of @n equal pieces of work, of @flops and @bytes together, may be in one launch: 1 to @n. */
gint64   hd_cuda_pieces_per_launch (const HdCudaContext *cuda, gint64 n, double flops, double bytes);

/* --- memory (cuda_memory.cpp) --- */

gboolean hd_cuda_reserve   (HdContext *context, gsize bytes, void **memory, GError **error);
gsize    hd_cuda_available (HdContext *context);

/* Device memory, aligned to 256, for the @purpose of the message ("this picture"). */
gboolean hd_cuda_allocate  (HdCudaContext *cuda, gsize bytes, const char *purpose, void **memory, GError **error);

/* Device memory of at least @bytes that is valid until the next call: what was queued before may still use the same
 * memory, as one stream does one thing after the other. Small: it does not count as a tensor. */
void    *hd_cuda_scratch   (HdCudaContext *cuda, gsize bytes, GError **error);

/* A staging buffer of cuda->staging_bytes with which nothing is being done any more; hd_cuda_staging_used() when what
 * is to be done with it has been queued. */
HdCudaStaging *
         hd_cuda_staging_next (HdCudaContext *cuda, GError **error);
gboolean hd_cuda_staging_used (HdCudaContext *cuda, HdCudaStaging *staging, GError **error);
void     hd_cuda_staging_free (HdCudaContext *cuda);

/* --- weights (cuda_weight.cu) --- */

/* weight->device.
 *
 * A vector is out_channels float32. A table is (rows, C) of weight->dtype. A matrix is (O, I') and a convolution's
 * kernel (O, KH, KW, I'), with I' = in_stride = I rounded up to a multiple of 8, and zeros there: rows are aligned to 16
 * bytes. In 8 bits elements are of int8_t, and there are scales. */
typedef struct _HdCudaWeight HdCudaWeight;
struct _HdCudaWeight
{
  void         *data;         /* NULL: it is streamed */
  gsize         data_bytes;   /* of it */
  float        *scales;       /* of output channels; NULL: it is not of 8 bits */
  gsize         bytes;        /* of all that is on the device */
  int           in_stride;
  void         *rounded[2];   /* a bias in float16 and bfloat16: made by cuda_linear.cu for the library that wants it so */

  void         *host;         /* of a streamed one: what its data would be */
  gsize         host_bytes;
  gboolean      pinned;
  HdCudaWeight *next;         /* that is likely to be streamed after it */
};

gboolean hd_cuda_weight_make (HdContext *context, HdWeight *weight, gsize *bytes, GError **error);
void     hd_cuda_weight_free (HdContext *context, HdWeight *weight);

static inline const HdCudaWeight *
hd_cuda_weight (const HdWeight *weight)
{
  return (const HdCudaWeight *) weight->device;
}

/* A vector's elements, or NULL for no vector. */
static inline const float *
hd_cuda_vector (const HdWeight *vector)
{
  return vector != NULL ? (const float *) hd_cuda_weight (vector)->data : NULL;
}

/* A matrix' or kernel's elements of weight->dtype, wherever and however it is kept, for what is queued from now until
 * hd_cuda_weight_done(), which has to follow: one weight at a time (cuda_weight_use.cu). NULL with @error set. */
const void *
         hd_cuda_weight_use    (HdCudaContext *cuda, const HdWeight *weight, GError **error);
gboolean hd_cuda_weight_done   (HdCudaContext *cuda, const HdWeight *weight, GError **error);

/* Room for @bytes of a weight in 8 bits as it is computed with; 0: none any more. */
gboolean hd_cuda_weight_unpacked (HdCudaContext *cuda, gsize bytes, GError **error);

/* --- their memory (weight_memory.cpp) --- */

/* Memory for a weight that stays on the device, aligned to 256; gives it back, for what is queued from now on. */
gboolean hd_cuda_weight_take   (HdCudaContext *cuda, gsize bytes, void **memory, GError **error);
void     hd_cuda_weight_give   (HdCudaContext *cuda, void *memory, gsize bytes);
void     hd_cuda_weight_memory_free (HdCudaContext *cuda);

/* --- streamed weights (weight_ring.cpp) --- */

/* @bytes of the device's memory that streamed weights pass through, in place of what there was. */
gboolean hd_cuda_ring_provide  (HdCudaContext *cuda, gsize bytes, GError **error);

/* Where a new weight is made, before hd_cuda_ring_add(). */
void    *hd_cuda_ring_memory   (HdCudaContext *cuda);

/* Takes a copy of weight->host_bytes from there into the host's memory. */
gboolean hd_cuda_ring_add      (HdCudaContext *cuda, HdCudaWeight *weight, GError **error);
void     hd_cuda_ring_remove   (HdCudaContext *cuda, HdCudaWeight *weight);

/* A weight's data on the device, for what is queued from now until hd_cuda_ring_release(): one at a time. */
const void *
         hd_cuda_ring_take     (HdCudaContext *cuda, HdCudaWeight *weight, GError **error);
gboolean hd_cuda_ring_release  (HdCudaContext *cuda, GError **error);
void     hd_cuda_ring_free     (HdCudaContext *cuda);

/* --- operators, as HdBackend describes them --- */

gboolean hd_cuda_conv2d         (HdContext *context, HdTensor *y, const HdTensor *x, const HdConv *conv,
                                 const HdConvOptions *options, GError **error);
gboolean hd_cuda_linear         (HdContext *context, HdTensor *y, const HdTensor *x, const HdLinear *linear,
                                 const HdLinearOptions *options, GError **error);
gboolean hd_cuda_group_norm     (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2,
                                 const HdTensor *statistics, const HdNorm *norm, HdActivation activation,
                                 GError **error);
gboolean hd_cuda_channel_moments (HdContext *context, HdTensor *y, const HdTensor *x, const HdTensor *x2,
                                  GError **error);
gboolean hd_cuda_group_statistics (HdContext *context, HdTensor *y, const HdTensor *moments, gint64 band_pixels,
                                   gint64 pixels, const HdNorm *norm, GError **error);
gboolean hd_cuda_layer_norm     (HdContext *context, HdTensor *y, const HdTensor *x, const HdNorm *norm,
                                 GError **error);
gboolean hd_cuda_attention      (HdContext *context, HdTensor *y, const HdTensor *q, const HdTensor *k,
                                 const HdTensor *v, const HdAttentionOptions *options, GError **error);
gboolean hd_cuda_avg_pool_2x2   (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
gboolean hd_cuda_resize_bicubic (HdContext *context, HdTensor *y, const HdTensor *x, GError **error);
gboolean hd_cuda_activate       (HdContext *context, HdTensor *y, const HdTensor *x, HdActivation activation,
                                 GError **error);
gboolean hd_cuda_add            (HdContext *context, HdTensor *y, const HdTensor *a, const HdTensor *b,
                                 float scale, GError **error);
gboolean hd_cuda_combine        (HdContext *context, HdTensor *y, float from_a, const HdTensor *a, float from_b,
                                 const HdTensor *b, GError **error);
gboolean hd_cuda_embed_tokens   (HdContext *context, HdTensor *y, HdWeight *tokens, HdWeight *positions,
                                 const gint32 *ids, GError **error);
gboolean hd_cuda_upload         (HdContext *context, HdTensor *y, const float *planes, const float *rows,
                                 GError **error);
gboolean hd_cuda_download       (HdContext *context, const HdTensor *x, float *planes, float *rows,
                                 GError **error);

/* @on_device: the host's elements, planes or rows, where they have been copied to. */
gboolean hd_cuda_upload_from_device (HdCudaContext *cuda, HdTensor *y, gboolean planes, const float *on_device,
                                     GError **error);

/* --- steps that are recorded and replayed (cuda_repeat.cpp) --- */

void     hd_cuda_repeat_begin (HdContext *context, guint64 key);
gboolean hd_cuda_repeat_end   (HdContext *context);

/* While capturing, in place of waiting: work of about @seconds follows. */
gboolean hd_cuda_repeat_count (HdCudaContext *cuda, double seconds, GError **error);

/* What is being done cannot be recorded: weights come and go meanwhile. */
void     hd_cuda_repeat_forbid (HdCudaContext *cuda);

/* Forgets all that is recorded: to be called before memory that operators use is freed or given to something else. */
void     hd_cuda_repeat_drop  (HdCudaContext *cuda);
void     hd_cuda_repeat_free  (HdCudaContext *cuda);

/* How many phases are captured now, and of how many *@pieces they consist. */
guint    hd_cuda_repeat_get_captured (HdCudaContext *cuda, guint *pieces);

/* What choices.cpp keeps in cuda->products; NULL is nothing. */
void     hd_cuda_products_free  (gpointer products);
