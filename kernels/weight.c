/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/backend.h"

static gboolean
check_part (const HdWeightPart *part,
            gsize               elements_per_output,
            GError            **error)
{
  gsize expected;
  gsize found = g_bytes_get_size (part->bytes);

  if (part->out_channels < 1
      || !g_size_checked_mul (&expected, elements_per_output, part->out_channels)
      || !g_size_checked_mul (&expected, expected, hd_dtype_size (part->dtype))
      || expected != found)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE,
                   "Expected %d x %" G_GSIZE_FORMAT " elements of %s for a weight, found %" G_GSIZE_FORMAT " bytes",
                   part->out_channels, elements_per_output, hd_dtype_name (part->dtype), found);
      return FALSE;
    }

  return TRUE;
}

static void
weight_drop_parts (HdWeight *weight)
{
  for (int i = 0; i < weight->n_parts; i++)
    g_bytes_unref (weight->parts[i].bytes);

  g_clear_pointer (&weight->parts, g_free);
  weight->n_parts = 0;
}

HdWeight *
hd_weight_new (HdContext          *context,
               HdWeightKind        kind,
               HdDtype             dtype,
               const HdWeightPart *parts,
               int                 n_parts,
               int                 in_channels,
               int                 kernel_height,
               int                 kernel_width,
               GError            **error)
{
  return hd_weight_new_with (context, kind, 0, dtype, parts, n_parts, in_channels, kernel_height, kernel_width, error);
}

HdWeight *
hd_weight_new_with (HdContext          *context,
                    HdWeightKind        kind,
                    HdWeightFlags       flags,
                    HdDtype             dtype,
                    const HdWeightPart *parts,
                    int                 n_parts,
                    int                 in_channels,
                    int                 kernel_height,
                    int                 kernel_width,
                    GError            **error)
{
  g_autoptr (HdWeight) weight = NULL;
  gsize                elements_per_output;
  gsize                kept = 0;
  gint64               out_channels = 0;

  if (n_parts < 1 || in_channels < 1 || kernel_height < 1 || kernel_width < 1
      || !g_size_checked_mul (&elements_per_output, in_channels, kernel_height)
      || !g_size_checked_mul (&elements_per_output, elements_per_output, kernel_width))
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE,
                   "Expected sides of at least 1 for a weight, found %d parts of %d x %d x %d",
                   n_parts, in_channels, kernel_height, kernel_width);
      return NULL;
    }

  for (int i = 0; i < n_parts; i++)
    {
      if (!check_part (&parts[i], elements_per_output, error))
        return NULL;
      out_channels += parts[i].out_channels;
    }
  if (out_channels > G_MAXINT)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE,
                   "Expected at most %d output channels, found %" G_GINT64_FORMAT, G_MAXINT, out_channels);
      return NULL;
    }

  weight = g_new0 (HdWeight, 1);
  weight->kind = kind;
  weight->dtype = kind == HD_WEIGHT_VECTOR ? HD_DTYPE_F32 : dtype;
  weight->out_channels = (int) out_channels;
  weight->in_channels = in_channels;
  weight->kernel_height = kernel_height;
  weight->kernel_width = kernel_width;
  weight->flags = kind == HD_WEIGHT_CONV || kind == HD_WEIGHT_LINEAR ? flags : 0;
  weight->context = context;
  weight->ref_count = 1;
  weight->parts = g_memdup2 (parts, sizeof *parts * n_parts);
  weight->n_parts = n_parts;
  for (int i = 0; i < n_parts; i++)
    g_bytes_ref (parts[i].bytes);

  hd_weight_store_add (context, weight);
  if (!context->backend->weight_make (context, weight, &kept, error))
    return NULL;
  context->weight_bytes += kept;

  return g_steal_pointer (&weight);
}

HdWeight *
hd_weight_ref (HdWeight *weight)
{
  if (weight != NULL)
    weight->ref_count++;

  return weight;
}

void
hd_weight_unref (HdWeight *weight)
{
  if (weight == NULL || --weight->ref_count > 0)
    return;

  weight->context->backend->weight_free (weight->context, weight);
  hd_weight_store_remove (weight->context, weight);
  weight_drop_parts (weight);
  g_free (weight);
}

void
hd_conv_clear (HdConv *conv)
{
  g_clear_pointer (&conv->weight, hd_weight_unref);
  g_clear_pointer (&conv->bias, hd_weight_unref);
}

void
hd_linear_clear (HdLinear *linear)
{
  g_clear_pointer (&linear->weight, hd_weight_unref);
  g_clear_pointer (&linear->bias, hd_weight_unref);
}

void
hd_norm_clear (HdNorm *norm)
{
  g_clear_pointer (&norm->gamma, hd_weight_unref);
  g_clear_pointer (&norm->beta, hd_weight_unref);
}
