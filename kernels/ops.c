/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/ops_private.h"

/* The half of every operator that all devices share: shapes are checked, the result is made, the work is
 * counted; then the device computes. */

static int
conv_result_side (int                  side,
                  int                  kernel,
                  const HdConvOptions *options)
{
  gint64 places = side + 2 * (gint64) options->padding + options->padding_end
                  - (gint64) options->dilation * (kernel - 1);

  /* No place for the kernel, or too many: 0, which is no tensor's side. */
  return places >= 1 && places <= G_MAXINT ? (int) ((places - 1) / options->stride + 1) : 0;
}

static gboolean
check_conv (HdContext           *context,
            const HdTensor      *x,
            const HdConv        *conv,
            const HdConvOptions *options)
{
  const HdTensor *bias = options->channel_bias;
  int             out_channels = conv->weight->out_channels;

  if (!hd_op_check_contiguous (context, "Convolution", x)
      || !hd_op_check_weight (context, "Convolution", conv->weight, HD_WEIGHT_CONV, x->channels, x->dtype)
      || !hd_op_check_vector (context, "Convolution", conv->bias, out_channels))
    return FALSE;

  if (bias != NULL
      && (bias->batch != x->batch || bias->height != 1 || bias->width != 1
          || bias->channels != out_channels || bias->dtype != x->dtype || bias->pixel_stride != out_channels))
    return hd_op_reject (context, "Convolution: expected %d x 1 x 1 x %d to add to the channels, found %d x %d x %d x %d",
                         x->batch, out_channels, bias->batch, bias->height, bias->width, bias->channels);

  return (options->stride >= 1 && options->dilation >= 1 && options->padding >= 0 && options->padding_end >= 0)
         || hd_op_reject (context, "Convolution: stride %d, dilation %d, padding %d, %d", options->stride,
                          options->dilation, options->padding, options->padding_end);
}

HdTensor *
hd_conv2d (HdContext           *context,
           const HdTensor      *x,
           const HdConv        *conv,
           const HdConvOptions *options)
{
  HdConvOptions        settled = options != NULL ? *options : (HdConvOptions) { 0 };
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  const HdTensor      *size;
  GError              *error = NULL;
  gboolean             success;
  double               flops;
  double               bytes;

  if (hd_context_failed (context))
    return NULL;

  settled.stride = MAX (settled.stride, 1);
  settled.dilation = MAX (settled.dilation, 1);
  if (!check_conv (context, x, conv, &settled))
    return NULL;

  size = settled.upsample_like != NULL ? settled.upsample_like : x;
  y = hd_tensor_new (context, settled.float_result ? HD_DTYPE_F32 : x->dtype, x->batch,
                     conv_result_side (size->height, conv->weight->kernel_height, &settled),
                     conv_result_side (size->width, conv->weight->kernel_width, &settled),
                     conv->weight->out_channels);
  if (y == NULL || (settled.residual != NULL && !hd_op_check_like (context, "Convolution", y, settled.residual)))
    return NULL;

  flops = 2.0 * hd_tensor_elements (y) * conv->weight->in_channels
          * conv->weight->kernel_height * conv->weight->kernel_width;
  bytes = hd_op_tensor_bytes (x) + hd_op_tensor_bytes (y) + hd_op_tensor_bytes (settled.residual)
          + hd_op_weight_bytes (conv->weight);
  success = context->backend->conv2d (context, y, x, conv, &settled, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_CONV, flops, bytes, started);
}

HdTensor *
hd_linear (HdContext             *context,
           const HdTensor        *x,
           const HdLinear        *linear,
           const HdLinearOptions *options)
{
  HdLinearOptions      settled = options != NULL ? *options : (HdLinearOptions) { 0 };
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  HdJoined             joined;
  int                  in_channels;
  int                  out_channels;
  GError              *error = NULL;
  gboolean             success;
  double               flops;
  double               bytes;

  if (hd_context_failed (context))
    return NULL;

  joined = hd_tensor_join (x, settled.x2);
  in_channels = hd_joined_total (&joined);
  out_channels = linear->weight->out_channels;
  if (!hd_op_check_contiguous (context, "Linear layer", x)
      || !hd_op_check_weight (context, "Linear layer", linear->weight, HD_WEIGHT_LINEAR, in_channels, x->dtype)
      || !hd_op_check_vector (context, "Linear layer", linear->bias, out_channels))
    return NULL;
  if (settled.x2 != NULL
      && (!hd_op_check_contiguous (context, "Linear layer", settled.x2)
          || !hd_op_check_same_map (context, "Linear layer", x, settled.x2)))
    return NULL;

  if (settled.activation == HD_ACTIVATION_GEGLU)
    {
      if (out_channels % 2 != 0)
        {
          hd_op_reject (context, "Linear layer: expected an even number of channels for GEGLU, found %d", out_channels);
          return NULL;
        }
      out_channels /= 2;
    }

  y = hd_tensor_new (context, x->dtype, x->batch, x->height, x->width, out_channels);
  if (y == NULL || (settled.residual != NULL && !hd_op_check_like (context, "Linear layer", y, settled.residual)))
    return NULL;

  flops = 2.0 * hd_tensor_pixels (y) * linear->weight->out_channels * in_channels;
  bytes = hd_op_tensor_bytes (x) + hd_op_tensor_bytes (settled.x2) + hd_op_tensor_bytes (y)
          + hd_op_tensor_bytes (settled.residual) + hd_op_weight_bytes (linear->weight);
  success = context->backend->linear (context, y, x, linear, &settled, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_LINEAR, flops, bytes, started);
}

/* What @x is normalised by: of each of its channels two numbers. */
static gboolean
check_statistics (HdContext      *context,
                  const HdTensor *statistics,
                  const HdTensor *x,
                  int             channels)
{
  return statistics == NULL
         || (x->batch == 1 && statistics->batch == 1 && statistics->height == 1 && statistics->width == 2
             && statistics->channels == channels && statistics->pixel_stride == channels
             && statistics->dtype == HD_DTYPE_F32)
         || hd_op_reject (context,
                          "GroupNorm: expected one image and 1 x 1 x 2 x %d statistics, found %d and %d x %d x %d x %d",
                          channels, x->batch, statistics->batch, statistics->height, statistics->width,
                          statistics->channels);
}

static HdTensor *
group_norm (HdContext      *context,
            const HdTensor *x,
            const HdTensor *x2,
            const HdTensor *statistics,
            const HdNorm   *norm,
            HdActivation    activation)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  HdJoined             joined;
  int                  channels;
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context))
    return NULL;

  joined = hd_tensor_join (x, x2);
  channels = hd_joined_total (&joined);
  if (!hd_op_check_contiguous (context, "GroupNorm", x)
      || (x2 != NULL && (!hd_op_check_contiguous (context, "GroupNorm", x2)
                         || !hd_op_check_same_map (context, "GroupNorm", x, x2)))
      || !hd_op_check_norm (context, "GroupNorm", norm, channels)
      || !check_statistics (context, statistics, x, channels))
    return NULL;
  if (norm->groups < 1 || channels % norm->groups != 0)
    {
      hd_op_reject (context, "GroupNorm: expected channels in multiples of %d groups, found %d", norm->groups, channels);
      return NULL;
    }
  if (activation != HD_ACTIVATION_NONE && activation != HD_ACTIVATION_SILU)
    {
      hd_op_reject (context, "GroupNorm: expected SiLU or no activation, found number %d", activation);
      return NULL;
    }

  y = hd_tensor_new (context, x->dtype, x->batch, x->height, x->width, channels);
  if (y == NULL)
    return NULL;

  success = context->backend->group_norm (context, y, x, x2, statistics, norm, activation, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_GROUP_NORM, 8.0 * hd_tensor_elements (y),
                       2.0 * hd_op_tensor_bytes (y), started);
}

HdTensor *
hd_group_norm (HdContext      *context,
               const HdTensor *x,
               const HdTensor *x2,
               const HdNorm   *norm,
               HdActivation    activation)
{
  return group_norm (context, x, x2, NULL, norm, activation);
}

HdTensor *
hd_group_norm_by (HdContext      *context,
                  const HdTensor *x,
                  const HdTensor *x2,
                  const HdTensor *statistics,
                  const HdNorm   *norm,
                  HdActivation    activation)
{
  return group_norm (context, x, x2, statistics, norm, activation);
}

HdTensor *
hd_layer_norm (HdContext      *context,
               const HdTensor *x,
               const HdNorm   *norm)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context))
    return NULL;

  if (!hd_op_check_contiguous (context, "LayerNorm", x)
      || !hd_op_check_norm (context, "LayerNorm", norm, x->channels))
    return NULL;

  y = hd_tensor_new (context, x->dtype, x->batch, x->height, x->width, x->channels);
  if (y == NULL)
    return NULL;

  success = context->backend->layer_norm (context, y, x, norm, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_LAYER_NORM, 8.0 * hd_tensor_elements (y),
                       2.0 * hd_op_tensor_bytes (y), started);
}

static gboolean
check_attention (HdContext                *context,
                 const HdTensor           *q,
                 const HdTensor           *k,
                 const HdTensor           *v,
                 const HdAttentionOptions *options)
{
  const HdWindow *window = options->window;

  if (!hd_op_check_same_map (context, "Attention", k, v))
    return FALSE;
  if (q->batch != k->batch || q->dtype != k->dtype || q->channels != k->channels || q->channels != v->channels)
    return hd_op_reject (context, "Attention: expected keys and values of %d x %d channels, found %d x %d and %d",
                         q->batch, q->channels, k->batch, k->channels, v->channels);
  if (options->heads < 1 || q->channels % options->heads != 0)
    return hd_op_reject (context, "Attention: expected channels in multiples of %d heads, found %d",
                         options->heads, q->channels);
  if (window == NULL)
    return TRUE;

  return (window->height == q->height && window->width == q->width && q->height == k->height && q->width == k->width
          && !options->causal
          && window->window_height * HD_WINDOWS_PER_SIDE == window->height
          && window->window_width * HD_WINDOWS_PER_SIDE == window->width
          && window->shift_y >= 0 && window->shift_y < window->window_height
          && window->shift_x >= 0 && window->shift_x < window->window_width)
         || hd_op_reject (context, "Attention: windows of %d x %d, shifted by %d, %d, do not cut a map of %d x %d in four",
                          window->window_height, window->window_width, window->shift_y, window->shift_x,
                          q->height, q->width);
}

HdTensor *
hd_attention (HdContext                *context,
              const HdTensor           *q,
              const HdTensor           *k,
              const HdTensor           *v,
              const HdAttentionOptions *options)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;
  double               keys;
  double               bytes;

  if (hd_context_failed (context) || !check_attention (context, q, k, v, options))
    return NULL;

  y = hd_tensor_new (context, q->dtype, q->batch, q->height, q->width, q->channels);
  if (y == NULL)
    return NULL;

  keys = (double) k->height * k->width;
  if (options->window != NULL)
    keys /= HD_WINDOWS_PER_SIDE * HD_WINDOWS_PER_SIDE;
  bytes = hd_op_tensor_bytes (q) + hd_op_tensor_bytes (k) + hd_op_tensor_bytes (v) + hd_op_tensor_bytes (y);
  success = context->backend->attention (context, y, q, k, v, options, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_ATTENTION, 4.0 * hd_tensor_elements (q) * keys,
                       bytes, started);
}

HdTensor *
hd_avg_pool_2x2 (HdContext      *context,
                 const HdTensor *x)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context) || !hd_op_check_contiguous (context, "Pooling", x))
    return NULL;

  y = hd_tensor_new (context, x->dtype, x->batch, (x->height + 1) / 2, (x->width + 1) / 2, x->channels);
  if (y == NULL)
    return NULL;

  success = context->backend->avg_pool_2x2 (context, y, x, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_RESIZE, (double) hd_tensor_elements (x),
                       hd_op_tensor_bytes (x) + hd_op_tensor_bytes (y), started);
}

HdTensor *
hd_resize_bicubic (HdContext      *context,
                   const HdTensor *x,
                   int             height,
                   int             width)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context) || !hd_op_check_contiguous (context, "Resize", x))
    return NULL;

  y = hd_tensor_new (context, x->dtype, x->batch, height, width, x->channels);
  if (y == NULL)
    return NULL;

  success = context->backend->resize_bicubic (context, y, x, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_RESIZE, 32.0 * hd_tensor_elements (y),
                       hd_op_tensor_bytes (x) + hd_op_tensor_bytes (y), started);
}

HdTensor *
hd_activate (HdContext      *context,
             const HdTensor *x,
             HdActivation    activation)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context) || !hd_op_check_contiguous (context, "Activation", x))
    return NULL;
  if (activation == HD_ACTIVATION_GEGLU)
    {
      hd_op_reject (context, "Activation: GEGLU belongs to linear layers");
      return NULL;
    }

  y = hd_tensor_new (context, x->dtype, x->batch, x->height, x->width, x->channels);
  if (y == NULL)
    return NULL;

  success = context->backend->activate (context, y, x, activation, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_ELEMENTWISE, 8.0 * hd_tensor_elements (y),
                       2.0 * hd_op_tensor_bytes (y), started);
}

HdTensor *
hd_add (HdContext      *context,
        const HdTensor *a,
        const HdTensor *b)
{
  return hd_add_scaled (context, a, b, 1.0);
}

HdTensor *
hd_add_scaled (HdContext      *context,
               const HdTensor *a,
               const HdTensor *b,
               double          scale)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context) || !hd_op_check_contiguous (context, "Sum", a)
      || !hd_op_check_like (context, "Sum", a, b))
    return NULL;

  y = hd_tensor_new (context, a->dtype, a->batch, a->height, a->width, a->channels);
  if (y == NULL)
    return NULL;

  success = context->backend->add (context, y, a, b, (float) scale, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_ELEMENTWISE, (double) hd_tensor_elements (y),
                       3.0 * hd_op_tensor_bytes (y), started);
}

static gboolean
check_combined (HdContext      *context,
                const HdTensor *x,
                const HdTensor *y)
{
  if (!hd_op_check_contiguous (context, "Combination", x))
    return FALSE;
  if (x->height == y->height && x->width == y->width && x->channels == y->channels
      && (x->batch == 1 || x->batch == y->batch))
    return TRUE;

  return hd_op_reject (context, "Combination: expected 1 or %d x %d x %d x %d, found %d x %d x %d x %d",
                       y->batch, y->height, y->width, y->channels, x->batch, x->height, x->width, x->channels);
}

void
hd_combine (HdContext      *context,
            double          from_a,
            const HdTensor *a,
            double          from_b,
            const HdTensor *b,
            HdTensor       *y)
{
  gint64  started = g_get_monotonic_time ();
  GError *error = NULL;

  /* An operand is missing where one before it has failed. */
  if (hd_context_failed (context) || !check_combined (context, a, y)
      || (b != NULL && !check_combined (context, b, y)))
    return;

  if (!context->backend->combine (context, y, (float) from_a, a, (float) from_b, b, &error))
    {
      hd_context_fail (context, error);
      return;
    }

  hd_context_account (context, HD_OP_ELEMENTWISE, 3.0 * hd_tensor_elements (y),
                      hd_op_tensor_bytes (a) + hd_op_tensor_bytes (b) + hd_op_tensor_bytes (y), started);
}

static gboolean
check_ids (HdContext      *context,
           const HdWeight *tokens,
           const HdWeight *positions,
           const gint32   *ids,
           int             batch,
           int             length)
{
  if (tokens->kind != HD_WEIGHT_TABLE || positions->kind != HD_WEIGHT_TABLE
      || tokens->in_channels != positions->in_channels || positions->out_channels < length)
    return hd_op_reject (context, "Embedding: expected a table of %d positions of %d channels, found %d of %d",
                         length, tokens->in_channels, positions->out_channels, positions->in_channels);

  for (int i = 0; i < batch * length; i++)
    if (ids[i] < 0 || ids[i] >= tokens->out_channels)
      return hd_op_reject (context, "Embedding: expected token ids below %d, found %d", tokens->out_channels, ids[i]);

  return TRUE;
}

HdTensor *
hd_embed_tokens (HdContext    *context,
                 HdWeight     *tokens,
                 HdWeight     *positions,
                 const gint32 *ids,
                 int           batch,
                 int           length)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context) || !check_ids (context, tokens, positions, ids, batch, length))
    return NULL;

  y = hd_tensor_new (context, tokens->dtype, batch, 1, length, tokens->in_channels);
  if (y == NULL)
    return NULL;

  success = context->backend->embed_tokens (context, y, tokens, positions, ids, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_ELEMENTWISE, (double) hd_tensor_elements (y),
                       3.0 * hd_op_tensor_bytes (y), started);
}
