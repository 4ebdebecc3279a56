/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_repeat.h"

/* The operators within a pass: each notes how it is called, then does its work or, where that will be replayed, leaves
 * its parameters. Notes are whole numbers and are compared one by one. */

/* Of operators of the kind HD_OP_GROUP_NORM, those that are no activation. */
enum
{
  MOMENTS = -1,
  STATISTICS = -2,
};

/* And of HD_OP_ELEMENTWISE. */
enum
{
  SUM = -1,
  COMBINATION = -2,
};

static void
note (HdCudaRepeatPass *pass,
      guint64           number)
{
  g_array_append_val (pass->calls, number);
}

static void
note_tensor (HdCudaRepeatPass *pass,
             const HdTensor   *x)
{
  if (x == NULL)
    {
      note (pass, 0);
      return;
    }

  note (pass, (guintptr) x->data);
  note (pass, (guint64) x->dtype << 32 | (guint32) x->batch);
  note (pass, (guint64) x->height << 32 | (guint32) x->width);
  note (pass, (guint64) x->channels << 32 | (guint32) x->pixel_stride);
}

/* A weight's device memory is not given to another one without a drop of all recordings. */
static void
note_weight (HdCudaRepeatPass *pass,
             const HdWeight   *weight)
{
  note (pass, weight != NULL ? (guintptr) weight->device : 0);
}

static void
note_float (HdCudaRepeatPass *pass,
            float             value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  note (pass, bits);
}

/* The notes of an operator begin with its kind and its result. */
static HdCudaRepeatPass *
begin_call (HdContext      *context,
            HdOpKind        kind,
            int             variant,
            const HdTensor *y)
{
  HdCudaRepeatPass *pass = hd_cuda_repeat_pass ((HdCudaContext *) context);

  note (pass, (guint64) kind << 32 | (guint32) variant);
  note_tensor (pass, y);

  return pass;
}

/* --- operators ------------------------------------------------------------------ */

static gboolean
repeat_conv2d (HdContext            *context,
               HdTensor             *y,
               const HdTensor       *x,
               const HdConv         *conv,
               const HdConvOptions  *options,
               GError              **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_CONV, options->float_result, y);

  note_tensor (pass, x);
  note_weight (pass, conv->weight);
  note_weight (pass, conv->bias);
  note (pass, (guint64) options->stride << 32 | (guint32) options->dilation);
  note (pass, (guint64) options->padding << 32 | (guint32) options->padding_end);
  note (pass, options->upsample_like != NULL ? (guint64) options->upsample_like->height << 32
                                               | (guint32) options->upsample_like->width : 0);
  note_tensor (pass, options->channel_bias);
  note_tensor (pass, options->residual);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_conv2d (context, y, x, conv, options, error);
}

static gboolean
repeat_linear (HdContext              *context,
               HdTensor               *y,
               const HdTensor         *x,
               const HdLinear         *linear,
               const HdLinearOptions  *options,
               GError                **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_LINEAR, options->activation, y);

  note_tensor (pass, x);
  note_weight (pass, linear->weight);
  note_weight (pass, linear->bias);
  note_tensor (pass, options->x2);
  note_tensor (pass, options->residual);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_linear (context, y, x, linear, options, error);
}

static void
note_norm (HdCudaRepeatPass *pass,
           const HdNorm     *norm)
{
  note_weight (pass, norm->gamma);
  note_weight (pass, norm->beta);
  note_float (pass, norm->epsilon);
  note (pass, norm->groups);
}

static gboolean
repeat_group_norm (HdContext       *context,
                   HdTensor        *y,
                   const HdTensor  *x,
                   const HdTensor  *x2,
                   const HdTensor  *statistics,
                   const HdNorm    *norm,
                   HdActivation     activation,
                   GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_GROUP_NORM, activation, y);

  note_tensor (pass, x);
  note_tensor (pass, x2);
  note_tensor (pass, statistics);
  note_norm (pass, norm);

  return pass->mode == HD_CUDA_REPEAT_REPLAY
         || hd_cuda_group_norm (context, y, x, x2, statistics, norm, activation, error);
}

static gboolean
repeat_channel_moments (HdContext       *context,
                        HdTensor        *y,
                        const HdTensor  *x,
                        const HdTensor  *x2,
                        GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_GROUP_NORM, MOMENTS, y);

  note_tensor (pass, x);
  note_tensor (pass, x2);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_channel_moments (context, y, x, x2, error);
}

static gboolean
repeat_group_statistics (HdContext       *context,
                         HdTensor        *y,
                         const HdTensor  *moments,
                         gint64           band_pixels,
                         gint64           pixels,
                         const HdNorm    *norm,
                         GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_GROUP_NORM, STATISTICS, y);

  note_tensor (pass, moments);
  note (pass, (guint64) band_pixels);
  note (pass, (guint64) pixels);
  note_norm (pass, norm);

  return pass->mode == HD_CUDA_REPEAT_REPLAY
         || hd_cuda_group_statistics (context, y, moments, band_pixels, pixels, norm, error);
}

static gboolean
repeat_layer_norm (HdContext       *context,
                   HdTensor        *y,
                   const HdTensor  *x,
                   const HdNorm    *norm,
                   GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_LAYER_NORM, 0, y);

  note_tensor (pass, x);
  note_norm (pass, norm);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_layer_norm (context, y, x, norm, error);
}

/* Leaves the shift of @window among the parameters. */
static gboolean
leave_shift (HdCudaContext   *cuda,
             const HdWindow  *window,
             GError         **error)
{
  HdCudaRepeatPass *pass = hd_cuda_repeat_pass (cuda);
  int               shift[2] = { window->shift_y, window->shift_x };

  if (pass->mode != HD_CUDA_REPEAT_OBSERVE)
    {
      if (pass->shifts == pass->most_shifts)
        return hd_cuda_repeat_refuse (cuda, "more windows", error);
      memcpy (pass->host + sizeof shift * pass->shifts, shift, sizeof shift);
    }
  pass->shifts++;

  return TRUE;
}

static gboolean
repeat_attention (HdContext                 *context,
                  HdTensor                  *y,
                  const HdTensor            *q,
                  const HdTensor            *k,
                  const HdTensor            *v,
                  const HdAttentionOptions  *options,
                  GError                   **error)
{
  HdCudaContext    *cuda = (HdCudaContext *) context;
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_ATTENTION, options->heads, y);

  note_tensor (pass, q);
  note_tensor (pass, k);
  note_tensor (pass, v);
  note (pass, (guint64) (options->causal != FALSE) << 1 | (options->window != NULL));
  if (options->window != NULL && !leave_shift (cuda, options->window, error))
    return FALSE;

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_attention (context, y, q, k, v, options, error);
}

static gboolean
repeat_avg_pool_2x2 (HdContext       *context,
                     HdTensor        *y,
                     const HdTensor  *x,
                     GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_RESIZE, 0, y);

  note_tensor (pass, x);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_avg_pool_2x2 (context, y, x, error);
}

static gboolean
repeat_resize_bicubic (HdContext       *context,
                       HdTensor        *y,
                       const HdTensor  *x,
                       GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_RESIZE, 1, y);

  note_tensor (pass, x);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_resize_bicubic (context, y, x, error);
}

static gboolean
repeat_activate (HdContext       *context,
                 HdTensor        *y,
                 const HdTensor  *x,
                 HdActivation     activation,
                 GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_ELEMENTWISE, activation, y);

  note_tensor (pass, x);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_activate (context, y, x, activation, error);
}

static gboolean
repeat_add (HdContext       *context,
            HdTensor        *y,
            const HdTensor  *a,
            const HdTensor  *b,
            float            scale,
            GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_ELEMENTWISE, SUM, y);

  note_tensor (pass, a);
  note_tensor (pass, b);
  note_float (pass, scale);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_add (context, y, a, b, scale, error);
}

static gboolean
repeat_combine (HdContext       *context,
                HdTensor        *y,
                float            from_a,
                const HdTensor  *a,
                float            from_b,
                const HdTensor  *b,
                GError         **error)
{
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_ELEMENTWISE, COMBINATION, y);

  note_tensor (pass, a);
  note_tensor (pass, b);
  note_float (pass, from_a);
  note_float (pass, from_b);

  return pass->mode == HD_CUDA_REPEAT_REPLAY || hd_cuda_combine (context, y, from_a, a, from_b, b, error);
}

/* --- transfers ------------------------------------------------------------------ */

static gboolean
repeat_upload (HdContext    *context,
               HdTensor     *y,
               const float  *planes,
               const float  *rows,
               GError      **error)
{
  HdCudaContext    *cuda = (HdCudaContext *) context;
  HdCudaRepeatPass *pass = begin_call (context, HD_OP_TRANSFER, planes != NULL, y);
  const gsize       bytes = hd_tensor_elements (y) * sizeof (float);
  const gsize       first = hd_cuda_repeat_shift_bytes (pass->most_shifts) + pass->upload_bytes;

  if (pass->mode == HD_CUDA_REPEAT_OBSERVE)
    {
      pass->upload_bytes += bytes;
      return hd_cuda_upload (context, y, planes, rows, error);
    }

  if (bytes > pass->most_upload_bytes - pass->upload_bytes)
    return hd_cuda_repeat_refuse (cuda, "larger inputs", error);
  memcpy (pass->host + first, planes != NULL ? planes : rows, bytes);
  pass->upload_bytes += bytes;

  return pass->mode == HD_CUDA_REPEAT_REPLAY
         || hd_cuda_upload_from_device (cuda, y, planes != NULL, (const float *) (pass->device + first), error);
}

static gboolean
repeat_download (HdContext       *context,
                 const HdTensor  *x,
                 float           *planes,
                 float           *rows,
                 GError         **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (hd_cuda_repeat_pass (cuda)->mode != HD_CUDA_REPEAT_OBSERVE)
    return hd_cuda_repeat_refuse (cuda, "a download", error);

  hd_cuda_repeat_pass (cuda)->refused = TRUE;
  return hd_cuda_download (context, x, planes, rows, error);
}

static gboolean
repeat_embed_tokens (HdContext     *context,
                     HdTensor      *y,
                     HdWeight      *tokens,
                     HdWeight      *positions,
                     const gint32  *ids,
                     GError       **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (hd_cuda_repeat_pass (cuda)->mode != HD_CUDA_REPEAT_OBSERVE)
    return hd_cuda_repeat_refuse (cuda, "tokens", error);

  hd_cuda_repeat_pass (cuda)->refused = TRUE;
  return hd_cuda_embed_tokens (context, y, tokens, positions, ids, error);
}

/* --- the rest of a backend ------------------------------------------------------ */

static gboolean
repeat_weight_make (HdContext  *context,
                    HdWeight   *weight,
                    gsize      *bytes,
                    GError    **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (hd_cuda_repeat_pass (cuda)->mode != HD_CUDA_REPEAT_OBSERVE)
    return hd_cuda_repeat_refuse (cuda, "a new weight", error);

  return hd_cuda_weight_make (context, weight, bytes, error);
}

/* What is being recorded cannot be waited for. */
static gboolean
repeat_synchronize (HdContext  *context,
                    GError    **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  if (hd_cuda_repeat_pass (cuda)->mode != HD_CUDA_REPEAT_OBSERVE)
    return hd_cuda_repeat_refuse (cuda, "a synchronisation", error);

  hd_cuda_repeat_pass (cuda)->refused = TRUE;
  return hd_cuda_synchronize (context, error);
}

const HdBackend hd_cuda_repeat_backend = {
  .streams = TRUE,
  .reserve = hd_cuda_reserve,
  .free = hd_cuda_context_free,
  .available = hd_cuda_available,
  .synchronize = repeat_synchronize,
  .weight_make = repeat_weight_make,
  .weight_free = hd_cuda_weight_free,
  .conv2d = repeat_conv2d,
  .linear = repeat_linear,
  .group_norm = repeat_group_norm,
  .channel_moments = repeat_channel_moments,
  .group_statistics = repeat_group_statistics,
  .layer_norm = repeat_layer_norm,
  .attention = repeat_attention,
  .avg_pool_2x2 = repeat_avg_pool_2x2,
  .resize_bicubic = repeat_resize_bicubic,
  .activate = repeat_activate,
  .add = repeat_add,
  .combine = repeat_combine,
  .embed_tokens = repeat_embed_tokens,
  .upload = repeat_upload,
  .download = repeat_download,
  .repeat_begin = NULL,
  .repeat_end = NULL,
};

/* Whatever a backend gets, a recorded step has to know. */
G_STATIC_ASSERT (sizeof (HdBackend) == 24 * sizeof (gpointer));
