/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/dry/dry.h"

#include <string.h>

#include "kernels/backend.h"

/* ops.c does everything that this device is for; what is left is to do nothing, successfully. */

static gboolean
dry_reserve (HdContext  *context,
             gsize       bytes,
             void      **memory,
             GError    **error)
{
  *memory = NULL;

  return TRUE;
}

static void
dry_free (HdContext *context)
{
  g_free (context);
}

static gboolean
dry_synchronize (HdContext  *context,
                 GError    **error)
{
  return TRUE;
}

static gsize
weight_bytes (const HdWeight *weight)
{
  return hd_weight_scale_bytes (weight) + (weight->streamed ? 0 : hd_weight_kept_bytes (weight));
}

static gboolean
dry_weight_make (HdContext  *context,
                 HdWeight   *weight,
                 gsize      *bytes,
                 GError    **error)
{
  *bytes = weight_bytes (weight);

  return TRUE;
}

static void
dry_weight_free (HdContext *context,
                 HdWeight  *weight)
{
  context->weight_bytes -= weight_bytes (weight);
}

static gboolean
dry_conv2d (HdContext           *context,
            HdTensor            *y,
            const HdTensor      *x,
            const HdConv        *conv,
            const HdConvOptions *options,
            GError             **error)
{
  return TRUE;
}

static gboolean
dry_linear (HdContext             *context,
            HdTensor              *y,
            const HdTensor        *x,
            const HdLinear        *linear,
            const HdLinearOptions *options,
            GError               **error)
{
  return TRUE;
}

static gboolean
dry_group_norm (HdContext      *context,
                HdTensor       *y,
                const HdTensor *x,
                const HdTensor *x2,
                const HdTensor *statistics,
                const HdNorm   *norm,
                HdActivation    activation,
                GError        **error)
{
  return TRUE;
}

static gboolean
dry_channel_moments (HdContext      *context,
                     HdTensor       *y,
                     const HdTensor *x,
                     const HdTensor *x2,
                     GError        **error)
{
  return TRUE;
}

static gboolean
dry_group_statistics (HdContext      *context,
                      HdTensor       *y,
                      const HdTensor *moments,
                      gint64          band_pixels,
                      gint64          pixels,
                      const HdNorm   *norm,
                      GError        **error)
{
  return TRUE;
}

static gboolean
dry_layer_norm (HdContext      *context,
                HdTensor       *y,
                const HdTensor *x,
                const HdNorm   *norm,
                GError        **error)
{
  return TRUE;
}

static gboolean
dry_attention (HdContext                *context,
               HdTensor                 *y,
               const HdTensor           *q,
               const HdTensor           *k,
               const HdTensor           *v,
               const HdAttentionOptions *options,
               GError                  **error)
{
  return TRUE;
}

static gboolean
dry_resize (HdContext      *context,
            HdTensor       *y,
            const HdTensor *x,
            GError        **error)
{
  return TRUE;
}

static gboolean
dry_activate (HdContext      *context,
              HdTensor       *y,
              const HdTensor *x,
              HdActivation    activation,
              GError        **error)
{
  return TRUE;
}

static gboolean
dry_add (HdContext      *context,
         HdTensor       *y,
         const HdTensor *a,
         const HdTensor *b,
         float           scale,
         GError        **error)
{
  return TRUE;
}

static gboolean
dry_combine (HdContext      *context,
             HdTensor       *y,
             float           from_a,
             const HdTensor *a,
             float           from_b,
             const HdTensor *b,
             GError        **error)
{
  return TRUE;
}

static gboolean
dry_embed_tokens (HdContext    *context,
                  HdTensor     *y,
                  HdWeight     *tokens,
                  HdWeight     *positions,
                  const gint32 *ids,
                  GError      **error)
{
  return TRUE;
}

static gboolean
dry_upload (HdContext   *context,
            HdTensor    *y,
            const float *planes,
            const float *rows,
            GError     **error)
{
  return TRUE;
}

static gboolean
dry_download (HdContext      *context,
              const HdTensor *x,
              float          *planes,
              float          *rows,
              GError        **error)
{
  memset (planes != NULL ? planes : rows, 0, hd_tensor_elements (x) * sizeof (float));

  return TRUE;
}

static const HdBackend dry_backend = {
  .streams = TRUE,
  .reserve = dry_reserve,
  .free = dry_free,
  .synchronize = dry_synchronize,
  .weight_make = dry_weight_make,
  .weight_free = dry_weight_free,
  .conv2d = dry_conv2d,
  .linear = dry_linear,
  .group_norm = dry_group_norm,
  .channel_moments = dry_channel_moments,
  .group_statistics = dry_group_statistics,
  .layer_norm = dry_layer_norm,
  .attention = dry_attention,
  .avg_pool_2x2 = dry_resize,
  .resize_bicubic = dry_resize,
  .activate = dry_activate,
  .add = dry_add,
  .combine = dry_combine,
  .embed_tokens = dry_embed_tokens,
  .upload = dry_upload,
  .download = dry_download,
};

HdContext *
hd_dry_context_new (HdDtype dtype)
{
  HdContext *context = g_new0 (HdContext, 1);

  hd_context_init (context, &dry_backend, g_strdup ("dry run"), dtype, TRUE);

  return context;
}
