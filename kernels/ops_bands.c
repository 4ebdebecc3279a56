/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/band_map.h"
#include "kernels/ops_private.h"

/* Operators for maps that are worked on band by band. */

#define LEAST_PARTS 64   /* a map is not moved by less than this part of it: it would take many copies */

HdTensor *
hd_channel_moments (HdContext      *context,
                    const HdTensor *x,
                    const HdTensor *x2)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  HdJoined             joined;
  double               elements;
  gboolean             success;

  if (hd_context_failed (context))
    return NULL;

  if (x->batch != 1 || !hd_op_is_whole (x)
      || (x2 != NULL && (x2->batch != 1 || x2->height != x->height || x2->width != x->width || x2->dtype != x->dtype
                         || !hd_op_is_whole (x2))))
    {
      hd_op_reject (context, "Moments: expected one whole image, or two of one size and type, found %d of %d x %d x %d",
                    x->batch, x->height, x->width, x->channels);
      return NULL;
    }

  joined = hd_tensor_join (x, x2);
  y = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 2, hd_joined_total (&joined));
  if (y == NULL)
    return NULL;

  elements = (double) hd_tensor_elements (x) + (x2 != NULL ? (double) hd_tensor_elements (x2) : 0.0);
  success = context->backend->channel_moments (context, y, x, x2, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_GROUP_NORM, 4.0 * elements,
                       elements * hd_dtype_size (x->dtype), started);
}

static gboolean
check_moments (HdContext      *context,
               const HdTensor *moments,
               gint64          band_pixels,
               gint64          pixels,
               const HdNorm   *norm)
{
  int channels = moments->channels;

  if (moments->batch != 1 || moments->width != 2 || moments->dtype != HD_DTYPE_F32 || !hd_op_is_whole (moments))
    hd_op_reject (context, "GroupNorm: expected 1 x B x 2 x C moments in float32, found %d x %d x %d x %d of %s",
                  moments->batch, moments->height, moments->width, channels, hd_dtype_name (moments->dtype));
  else if (band_pixels < 1 || hd_band_count (pixels, band_pixels) != moments->height)
    hd_op_reject (context, "GroupNorm: %d bands of %" G_GINT64_FORMAT " pixels do not make %" G_GINT64_FORMAT,
                  moments->height, band_pixels, pixels);
  else if (norm->gamma == NULL || norm->gamma->kind != HD_WEIGHT_VECTOR || norm->gamma->out_channels != channels
           || norm->groups < 1 || channels % norm->groups != 0)
    hd_op_reject (context, "GroupNorm: expected gamma of %d channels in whole groups, found %d groups", channels,
                  norm->groups);
  else
    return TRUE;

  return FALSE;
}

HdTensor *
hd_group_statistics (HdContext      *context,
                     const HdTensor *moments,
                     gint64          band_pixels,
                     gint64          pixels,
                     const HdNorm   *norm)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  double               elements;
  gboolean             success;

  if (hd_context_failed (context) || !check_moments (context, moments, band_pixels, pixels, norm))
    return NULL;

  y = hd_tensor_new (context, HD_DTYPE_F32, 1, 1, 2, moments->channels);
  if (y == NULL)
    return NULL;

  elements = (double) hd_tensor_elements (moments);
  success = context->backend->group_statistics (context, y, moments, band_pixels, pixels, norm, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_GROUP_NORM, 8.0 * elements, 4.0 * elements, started);
}

void
hd_copy_rows (HdContext      *context,
              HdTensor       *to,
              int             first,
              const HdTensor *from)
{
  g_autoptr (HdTensor) rows = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;

  if (hd_context_failed (context))
    return;

  if (from->batch != 1 || from->width != to->width || from->channels != to->channels || from->dtype != to->dtype
      || !hd_op_is_whole (from) || !hd_op_is_whole (to)
      || first < 0 || (gint64) first + from->height > (gint64) to->batch * to->height)
    {
      hd_op_reject (context, "Copy: expected rows of %d x %d %s for those from %d on of %d, found %d x %d x %d x %d %s",
                    to->width, to->channels, hd_dtype_name (to->dtype), first, to->batch * to->height,
                    from->batch, from->height, from->width, from->channels, hd_dtype_name (from->dtype));
      return;
    }

  rows = hd_tensor_rows (to, first, from->height);
  if (!context->backend->activate (context, rows, from, HD_ACTIVATION_NONE, &error))
    hd_context_fail (context, error);
  else
    hd_context_account (context, HD_OP_ELEMENTWISE, 0.0,
                        2.0 * hd_tensor_elements (from) * hd_dtype_size (from->dtype), started);
}

/* Copies @x by @distance bytes, into the gap below it, some rows at a time: as many as do not reach into where they come from. */
static gboolean
copy_down (HdContext *context,
           HdTensor  *x,
           gsize      distance,
           GError   **error)
{
  gsize row_bytes = (gsize) x->width * x->pixel_stride * hd_dtype_size (x->dtype);
  int   rows = (int) MIN (distance / row_bytes, (gsize) x->batch * x->height);
  int   height = x->batch * x->height;

  for (gint64 i = 0; i < hd_band_count (height, rows); i++)
    {
      HdBand               band = hd_band_at (height, rows, i);
      g_autoptr (HdTensor) from = hd_tensor_rows (x, (int) band.first, (int) hd_band_length (band));
      g_autoptr (HdTensor) to = hd_tensor_rows (x, (int) band.first, from->height);

      if (to->data != NULL)
        to->data = (char *) to->data - distance;
      if (!context->backend->activate (context, to, from, HD_ACTIVATION_NONE, error))
        return FALSE;
    }

  return TRUE;
}

void
hd_settle (HdContext *context,
           HdTensor  *x)
{
  gint64  started = g_get_monotonic_time ();
  GError *error = NULL;
  gsize   distance;

  if (hd_context_failed (context))
    return;

  g_return_if_fail (!hd_tensor_is_shared (x));

  distance = hd_arena_get_gap_below (context->arena, x->arena_offset);
  if (distance < x->arena_size / LEAST_PARTS
      || distance < (gsize) x->width * x->pixel_stride * hd_dtype_size (x->dtype))
    return;

  if (!copy_down (context, x, distance, &error))
    {
      hd_context_fail (context, error);
      return;
    }

  x->arena_offset = hd_arena_lower (context->arena, x->arena_offset, x->arena_size);
  if (x->data != NULL)
    x->data = (char *) x->data - distance;
  hd_context_account (context, HD_OP_ELEMENTWISE, 0.0,
                      2.0 * hd_tensor_elements (x) * hd_dtype_size (x->dtype), started);
}
