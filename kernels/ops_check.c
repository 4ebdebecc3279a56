/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/ops_private.h"

gboolean
hd_op_reject (HdContext  *context,
              const char *format,
              ...)
{
  va_list          arguments;
  g_autofree char *message = NULL;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  hd_context_fail (context, g_error_new_literal (HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE, message));

  return FALSE;
}

gboolean
hd_op_is_whole (const HdTensor *x)
{
  return x->pixel_stride == x->channels;
}

gboolean
hd_op_check_contiguous (HdContext      *context,
                        const char     *operator,
                        const HdTensor *x)
{
  return hd_op_is_whole (x)
         || hd_op_reject (context, "%s: expected a whole tensor, found a view of %d of %d channels",
                          operator, x->channels, x->pixel_stride);
}

gboolean
hd_op_check_same_map (HdContext      *context,
                      const char     *operator,
                      const HdTensor *a,
                      const HdTensor *b)
{
  return (a->batch == b->batch && a->height == b->height && a->width == b->width && a->dtype == b->dtype)
         || hd_op_reject (context, "%s: expected two maps of %d x %d x %d %s, found one of %d x %d x %d %s", operator,
                          a->batch, a->height, a->width, hd_dtype_name (a->dtype),
                          b->batch, b->height, b->width, hd_dtype_name (b->dtype));
}

gboolean
hd_op_check_like (HdContext      *context,
                  const char     *operator,
                  const HdTensor *y,
                  const HdTensor *x)
{
  return hd_op_check_contiguous (context, operator, x)
         && hd_op_check_same_map (context, operator, y, x)
         && (y->channels == x->channels
             || hd_op_reject (context, "%s: expected %d channels, found %d", operator, y->channels, x->channels));
}

gboolean
hd_op_check_vector (HdContext      *context,
                    const char     *operator,
                    const HdWeight *vector,
                    int             length)
{
  return vector == NULL
         || (vector->kind == HD_WEIGHT_VECTOR && vector->out_channels == length)
         || hd_op_reject (context, "%s: expected a vector of %d, found one of %d", operator, length, vector->out_channels);
}

gboolean
hd_op_check_norm (HdContext    *context,
                  const char   *operator,
                  const HdNorm *norm,
                  int           channels)
{
  if (norm->gamma == NULL || norm->beta == NULL)
    return hd_op_reject (context, "%s: expected gamma and beta, found none", operator);

  return hd_op_check_vector (context, operator, norm->gamma, channels)
         && hd_op_check_vector (context, operator, norm->beta, channels);
}

gboolean
hd_op_check_weight (HdContext      *context,
                    const char     *operator,
                    const HdWeight *weight,
                    HdWeightKind    kind,
                    int             in_channels,
                    HdDtype         dtype)
{
  return (weight->kind == kind && weight->in_channels == in_channels && weight->dtype == dtype)
         || hd_op_reject (context, "%s: expected %d input channels of %s, found %d of %s", operator,
                          weight->in_channels, hd_dtype_name (weight->dtype), in_channels, hd_dtype_name (dtype));
}

double
hd_op_tensor_bytes (const HdTensor *x)
{
  return x == NULL ? 0.0 : (double) hd_tensor_elements (x) * hd_dtype_size (x->dtype);
}

double
hd_op_weight_bytes (const HdWeight *weight)
{
  return (double) weight->out_channels * weight->in_channels * weight->kernel_height * weight->kernel_width
         * hd_dtype_size (weight->dtype);
}

HdTensor *
hd_op_finish (HdContext  *context,
              HdTensor  **y,
              gboolean    success,
              GError     *error,
              HdOpKind    kind,
              double      flops,
              double      bytes,
              gint64      started)
{
  if (!success)
    {
      hd_context_fail (context, error);
      return NULL;
    }

  hd_context_account (context, kind, flops, bytes, started);

  return g_steal_pointer (y);
}
