/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/backend.h"

gsize
hd_dtype_size (HdDtype dtype)
{
  return dtype == HD_DTYPE_F32 ? 4 : 2;
}

const char *
hd_dtype_name (HdDtype dtype)
{
  switch (dtype)
    {
    case HD_DTYPE_F32:
      return "float32";
    case HD_DTYPE_F16:
      return "float16";
    case HD_DTYPE_BF16:
      return "bfloat16";
    }

  return "unknown";
}

/* FALSE on overflow; sides are >= 1. */
static gboolean
tensor_bytes (const HdTensor *tensor,
              gsize          *bytes)
{
  return g_size_checked_mul (bytes, tensor->batch, tensor->height)
         && g_size_checked_mul (bytes, *bytes, tensor->width)
         && g_size_checked_mul (bytes, *bytes, tensor->channels)
         && g_size_checked_mul (bytes, *bytes, hd_dtype_size (tensor->dtype))
         && *bytes <= G_MAXSSIZE;
}

static void
fail_no_room (HdContext      *context,
              const HdTensor *tensor)
{
  g_autofree char *capacity = g_format_size_full (hd_arena_get_capacity (context->arena), G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *used = g_format_size_full (hd_arena_get_used (context->arena), G_FORMAT_SIZE_IEC_UNITS);

  hd_context_fail (context,
                   g_error_new (HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
                                "No room for a tensor of %d x %d x %d x %d %s: %s of %s are taken",
                                tensor->batch, tensor->height, tensor->width, tensor->channels,
                                hd_dtype_name (tensor->dtype), used, capacity));
}

HdTensor *
hd_tensor_new (HdContext *context,
               HdDtype    dtype,
               int        batch,
               int        height,
               int        width,
               int        channels)
{
  HdTensor shape = {
    .dtype = dtype, .batch = batch, .height = height, .width = width,
    .channels = channels, .pixel_stride = channels, .context = context, .ref_count = 1,
  };
  HdTensor *tensor;

  if (hd_context_failed (context))
    return NULL;

  if (batch < 1 || height < 1 || width < 1 || channels < 1 || !tensor_bytes (&shape, &shape.arena_size))
    {
      hd_context_fail (context,
                       g_error_new (HD_KERNEL_ERROR, HD_KERNEL_ERROR_SHAPE,
                                    "Expected sides of at least 1 for a tensor, found %d x %d x %d x %d",
                                    batch, height, width, channels));
      return NULL;
    }

  if (!hd_arena_alloc (context->arena, shape.arena_size, &shape.arena_offset))
    {
      fail_no_room (context, &shape);
      return NULL;
    }

  tensor = g_new (HdTensor, 1);
  *tensor = shape;
  if (context->memory != NULL)
    {
      tensor->data = context->memory + tensor->arena_offset;
      if (!context->asynchronous)   /* else it is not the host's */
        hd_poison (tensor->data, tensor->arena_size);
    }
  context->n_tensors++;

  return tensor;
}

static HdTensor *
tensor_view (HdTensor *parent,
             gsize     first_element)
{
  HdTensor *view = g_new (HdTensor, 1);

  *view = *parent;
  view->parent = hd_tensor_ref (parent);
  view->ref_count = 1;
  if (view->data != NULL)
    view->data = (char *) parent->data + first_element * hd_dtype_size (parent->dtype);

  return view;
}

HdTensor *
hd_tensor_channels (HdTensor *tensor,
                    int       first,
                    int       count)
{
  HdTensor *view;

  if (tensor == NULL)
    return NULL;

  g_return_val_if_fail (first >= 0 && count >= 1 && first <= tensor->channels - count, NULL);

  view = tensor_view (tensor, first);
  view->channels = count;

  return view;
}

HdTensor *
hd_tensor_images (HdTensor *tensor,
                  int       first,
                  int       count)
{
  HdTensor *view;

  if (tensor == NULL)
    return NULL;

  g_return_val_if_fail (first >= 0 && count >= 1 && first <= tensor->batch - count, NULL);

  view = tensor_view (tensor, (gsize) first * tensor->height * tensor->width * tensor->pixel_stride);
  view->batch = count;

  return view;
}

HdTensor *
hd_tensor_rows (HdTensor *tensor,
                int       first,
                int       count)
{
  HdTensor *view;

  if (tensor == NULL)
    return NULL;

  g_return_val_if_fail (first >= 0 && count >= 1
                        && (gint64) first + count <= (gint64) tensor->batch * tensor->height, NULL);

  view = tensor_view (tensor, (gsize) first * tensor->width * tensor->pixel_stride);
  view->batch = 1;
  view->height = count;

  return view;
}

HdTensor *
hd_tensor_ref (HdTensor *tensor)
{
  if (tensor != NULL)
    tensor->ref_count++;

  return tensor;
}

void
hd_tensor_unref (HdTensor *tensor)
{
  if (tensor == NULL || --tensor->ref_count > 0)
    return;

  if (tensor->parent != NULL)
    {
      hd_tensor_unref (tensor->parent);
    }
  else
    {
      hd_arena_release (tensor->context->arena, tensor->arena_offset, tensor->arena_size);
      tensor->context->n_tensors--;
    }

  g_free (tensor);
}

gboolean
hd_tensor_is_shared (const HdTensor *tensor)
{
  return tensor->parent != NULL || tensor->ref_count > 1;
}

void
hd_tensor_take (HdTensor **tensor,
                HdTensor  *replacement)
{
  HdTensor *previous = *tensor;

  *tensor = replacement;
  hd_tensor_unref (previous);
}

HdJoined
hd_tensor_join (const HdTensor *x,
                const HdTensor *x2)
{
  return (HdJoined) { .channels = x->channels, .channels2 = x2 != NULL ? x2->channels : 0 };
}

gint64
hd_tensor_pixels (const HdTensor *tensor)
{
  return (gint64) tensor->batch * tensor->height * tensor->width;
}

gint64
hd_tensor_elements (const HdTensor *tensor)
{
  return hd_tensor_pixels (tensor) * tensor->channels;
}
