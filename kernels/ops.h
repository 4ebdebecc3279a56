/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"
#include "kernels/window.h"

G_BEGIN_DECLS

/* The operator set. Every operator
 *   - takes feature maps (N, H, W, C), channels innermost, which are token matrices (N, H * W, C) as well;
 *   - returns a new tensor (transfer full), or NULL if the context has failed now or before (see context.h);
 *   - has its shapes checked here, in ops.c, once for all devices;
 *   - accumulates in float32, whatever the type of its operands.
 */

typedef enum
{
  HD_ACTIVATION_NONE,
  HD_ACTIVATION_SILU,       /* x * sigmoid (x) */
  HD_ACTIVATION_GELU,       /* exact, with erf */
  HD_ACTIVATION_QUICK_GELU, /* x * sigmoid (1.702 x) */
  HD_ACTIVATION_GEGLU,      /* linear layers only: the first half of the outputs times GELU of the second */
} HdActivation;

/**
 * HdConvOptions:
 * @stride: step of the kernel in both directions; 0 means 1
 * @dilation: distance of the kernel's taps; 0 means 1
 * @padding: zeros on all four sides
 * @padding_end: further zeros at the bottom and at the right only (the VAE encoder's downsamplers pad there alone)
 * @upsample_like: (nullable): resize the input by nearest neighbour to this tensor's height and width
 *   while it is read; source index = floor (destination * in / out)
 * @channel_bias: (nullable): (N, 1, 1, O), added to every pixel of its image (the timestep's embedding)
 * @residual: (nullable): tensor of the result's shape that is added to it
 * @float_result: the result is float32, whatever the input's type
 */
typedef struct
{
  int             stride;
  int             dilation;
  int             padding;
  int             padding_end;
  const HdTensor *upsample_like;
  const HdTensor *channel_bias;
  const HdTensor *residual;
  gboolean        float_result;
} HdConvOptions;

/**
 * hd_conv2d:
 * @x: (N, H, W, I)
 * @conv: weight (O, I, K, K), bias (O)
 * @options: (nullable): %NULL for stride 1 without padding
 *
 * Convolution (cross-correlation, as torch.nn.Conv2d): (N, Ho, Wo, O) with
 * Ho = floor ((H + 2 padding + padding_end - dilation (K - 1) - 1) / stride) + 1.
 */
HdTensor *hd_conv2d (HdContext           *context,
                     const HdTensor      *x,
                     const HdConv        *conv,
                     const HdConvOptions *options);

/**
 * HdLinearOptions:
 * @x2: (nullable): further input channels, (N, H, W, I2): the layer reads both as if they were concatenated
 * @activation: applied to the product plus bias
 * @residual: (nullable): tensor of the result's shape that is added last
 */
typedef struct
{
  const HdTensor *x2;
  HdActivation    activation;
  const HdTensor *residual;
} HdLinearOptions;

/**
 * hd_linear:
 * @x: (N, H, W, I)
 * @linear: weight (O, I [+ I2]), bias (O)
 *
 * y = activation (x W^T + b) + residual for every pixel, so a convolution 1x1 too: (N, H, W, O),
 * or (N, H, W, O / 2) with %HD_ACTIVATION_GEGLU.
 */
HdTensor *hd_linear (HdContext             *context,
                     const HdTensor        *x,
                     const HdLinear        *linear,
                     const HdLinearOptions *options);

/**
 * hd_group_norm:
 * @x: (N, H, W, C)
 * @x2: (nullable): (N, H, W, C2): normalised as if it were concatenated; a group may reach across the seam
 * @norm: gamma and beta (C + C2), groups, epsilon
 * @activation: %HD_ACTIVATION_NONE or %HD_ACTIVATION_SILU
 *
 * GroupNorm over each image's pixels and group of channels, biased variance: (N, H, W, C + C2).
 */
HdTensor *hd_group_norm (HdContext      *context,
                         const HdTensor *x,
                         const HdTensor *x2,
                         const HdNorm   *norm,
                         HdActivation    activation);

/**
 * hd_group_norm_by:
 * @x: (1, h, W, C): rows of a map
 * @x2: (nullable): (1, h, W, C2)
 * @statistics: (1, 1, 2, C + C2) float32, from hd_group_statistics(): of the whole map
 *
 * What hd_group_norm() would make of the whole map, for these rows of it: (1, h, W, C + C2).
 */
HdTensor *hd_group_norm_by (HdContext      *context,
                            const HdTensor *x,
                            const HdTensor *x2,
                            const HdTensor *statistics,
                            const HdNorm   *norm,
                            HdActivation    activation);

/**
 * hd_channel_moments:
 * @x: (1, h, W, C): rows of a map
 * @x2: (nullable): (1, h, W, C2)
 *
 * Mean and biased variance of each channel over the pixels: (1, 1, 2, C + C2) float32.
 */
HdTensor *hd_channel_moments (HdContext      *context,
                              const HdTensor *x,
                              const HdTensor *x2);

/**
 * hd_group_statistics:
 * @moments: (1, B, 2, C) float32: what hd_channel_moments() gave of each of B bands of a map
 * @band_pixels: of every band but the last, which has the rest
 * @pixels: of the map
 * @norm: as for hd_group_norm()
 *
 * What GroupNorm needs to know of the whole map: of each channel its group's mean, and gamma divided by its group's
 * deviation: (1, 1, 2, C) float32. Bands are joined in float64 by the formula of Chan, Golub and LeVeque.
 */
HdTensor *hd_group_statistics (HdContext      *context,
                               const HdTensor *moments,
                               gint64          band_pixels,
                               gint64          pixels,
                               const HdNorm   *norm);

/**
 * hd_copy_rows:
 * @to: (N, H, W, C): of which rows are overwritten
 * @first: the first of them, counted over all images
 * @from: (1, h, W, C), of the same type
 */
void      hd_copy_rows (HdContext      *context,
                        HdTensor       *to,
                        int             first,
                        const HdTensor *from);

/* Moves @x, which nobody else may hold, down into the gap right below it in the context's arena, where there is one worth
 * the copy: so that gaps join, and there is room for larger tensors. */
void      hd_settle    (HdContext      *context,
                        HdTensor       *x);

/* LayerNorm over the channels of every pixel: (N, H, W, C). */
HdTensor *hd_layer_norm (HdContext      *context,
                         const HdTensor *x,
                         const HdNorm   *norm);

/**
 * HdAttentionOptions:
 * @heads: number of heads; head size = C / heads
 * @causal: token i sees the tokens 0..i only
 * @window: (nullable): self-attention within the four windows of this map (window.h) instead of the whole;
 *   reads and writes go through the map, the tensors stay in the order of pixels
 */
typedef struct
{
  int             heads;
  gboolean        causal;
  const HdWindow *window;
} HdAttentionOptions;

/**
 * hd_attention:
 * @q: (N, H, W, C): the queries, H * W of them; may be a view
 * @k: (N, Hk, Wk, C): the keys; may be a view
 * @v: (N, Hk, Wk, C): the values; may be a view
 *
 * softmax (q k^T / sqrt (head size)) v per head: (N, H, W, C). The score matrix is never stored whole.
 */
HdTensor *hd_attention (HdContext                *context,
                        const HdTensor           *q,
                        const HdTensor           *k,
                        const HdTensor           *v,
                        const HdAttentionOptions *options);

/* Mean of each 2x2 square, ceil mode: (N, ceil (H / 2), ceil (W / 2), C); a cut-off square divides by the
 * pixels it has (torch.nn.AvgPool2d (2, ceil_mode=True)). */
HdTensor *hd_avg_pool_2x2 (HdContext      *context,
                           const HdTensor *x);

/* Bicubic resize (a = -0.75, align_corners false, taps clamped at the border): (N, height, width, C). */
HdTensor *hd_resize_bicubic (HdContext      *context,
                             const HdTensor *x,
                             int             height,
                             int             width);

/* activation (x), element by element (not GEGLU). */
HdTensor *hd_activate (HdContext      *context,
                       const HdTensor *x,
                       HdActivation    activation);

/* a + b, of one shape and type. */
HdTensor *hd_add (HdContext      *context,
                  const HdTensor *a,
                  const HdTensor *b);

/* a + scale * b, of one shape and type; rounded once. */
HdTensor *hd_add_scaled (HdContext      *context,
                         const HdTensor *a,
                         const HdTensor *b,
                         double          scale);

/**
 * hd_combine:
 * @a: (1 or N, H, W, C), whole
 * @b: (nullable): the same shape, whole; %NULL: nothing is added
 * @y: (N, H, W, C), which may be a view of channels: overwritten; it may be @a or @b
 *
 * y = from_a a + from_b b, element by element, for all images alike where @a is one: what samplers and guidance do with
 * latents, which keep their place from step to step. Types may differ. Each product and the sum are rounded to float32,
 * on every device: steps are the same on all of them.
 */
void      hd_combine (HdContext      *context,
                      double          from_a,
                      const HdTensor *a,
                      double          from_b,
                      const HdTensor *b,
                      HdTensor       *y);

/**
 * hd_embed_tokens:
 * @tokens: table (V, C); @positions: table (at least @length, C)
 * @ids: (array): @batch * @length token ids; one outside [0, V) is an error
 *
 * tokens[id] + positions[place]: (@batch, 1, @length, C).
 */
HdTensor *hd_embed_tokens (HdContext    *context,
                           HdWeight     *tokens,
                           HdWeight     *positions,
                           const gint32 *ids,
                           int           batch,
                           int           length);

/**
 * hd_upload:
 * @planes: host memory, float32, (N, C, H, W) as samplers and files have it
 *
 * Returns: the same numbers as an (N, H, W, C) tensor of @dtype.
 */
HdTensor *hd_upload (HdContext   *context,
                     HdDtype      dtype,
                     int          batch,
                     int          height,
                     int          width,
                     int          channels,
                     const float *planes);

/**
 * hd_download:
 * @x: (N, H, W, C)
 * @planes: host memory for N * C * H * W float32, filled as (N, C, H, W); zeros on the dry device
 *
 * Waits for the device. Does nothing if the context has failed.
 */
void      hd_download (HdContext      *context,
                       const HdTensor *x,
                       float          *planes);

/* The same for token matrices: host memory is row-major (N, H, W, C), as the tensor. */
HdTensor *hd_upload_rows   (HdContext   *context,
                            HdDtype      dtype,
                            int          batch,
                            int          height,
                            int          width,
                            int          channels,
                            const float *rows);
void      hd_download_rows (HdContext      *context,
                            const HdTensor *x,
                            float          *rows);

G_END_DECLS
