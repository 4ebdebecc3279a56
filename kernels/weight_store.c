/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/backend.h"
#include "kernels/quantise.h"

#define CHANNEL_MULTIPLE 8
#define ALIGNMENT        256

static gboolean
is_matrix (const HdWeight *weight)
{
  return weight->kind == HD_WEIGHT_CONV || weight->kind == HD_WEIGHT_LINEAR;
}

int
hd_weight_stride (const HdWeight *weight)
{
  if (!is_matrix (weight) || weight->in_channels > G_MAXINT - CHANNEL_MULTIPLE)
    return weight->in_channels;

  return (weight->in_channels + CHANNEL_MULTIPLE - 1) / CHANNEL_MULTIPLE * CHANNEL_MULTIPLE;
}

static gsize
count_elements (const HdWeight *weight)
{
  return (gsize) weight->out_channels * weight->kernel_height * weight->kernel_width * hd_weight_stride (weight);
}

gsize
hd_weight_full_bytes (const HdWeight *weight)
{
  return count_elements (weight) * hd_dtype_size (weight->dtype);
}

gsize
hd_weight_kept_bytes (const HdWeight *weight)
{
  return weight->form == HD_WEIGHT_FORM_INT8 ? count_elements (weight) : hd_weight_full_bytes (weight);
}

gsize
hd_weight_scale_bytes (const HdWeight *weight)
{
  return weight->form == HD_WEIGHT_FORM_INT8 ? weight->out_channels * sizeof (float) : 0;
}

gsize
hd_weight_store_ring (const HdWeightStore *store)
{
  return 2 * ((store->largest_streamed + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

gsize
hd_weight_store_room (const HdWeightStore *store)
{
  return hd_weight_store_ring (store) + store->largest_packed;
}

/* Evenly: of what there has been so far, as much may be resident as of the whole. */
static gboolean
may_be_resident (const HdWeightStore *store,
                 gsize                bytes)
{
  const HdStreaming *streaming = &store->streaming;
  const double       share = MIN ((double) store->streamable / streaming->total, 1.0);

  return store->resident + bytes <= (gsize) (share * streaming->resident);
}

void
hd_weight_store_add (HdContext *context,
                     HdWeight  *weight)
{
  HdWeightStore *store = &context->weights;
  const gsize    row = (gsize) weight->in_channels * weight->kernel_height * weight->kernel_width;
  gsize          bytes;

  if (store->form == HD_WEIGHT_FORM_INT8 && weight->flags & HD_WEIGHT_MAY_QUANTISE && row <= HD_QUANTISE_MAX_ROW)
    {
      weight->form = HD_WEIGHT_FORM_INT8;
      store->n_packed++;
      store->largest_packed = MAX (store->largest_packed, hd_weight_full_bytes (weight));
    }

  if (!(weight->flags & HD_WEIGHT_MAY_STREAM))
    return;

  bytes = hd_weight_kept_bytes (weight);
  store->streamable += bytes;
  weight->streamed = store->streaming.total > 0 && !may_be_resident (store, bytes);
  if (weight->streamed)
    {
      store->n_streamed++;
      store->largest_streamed = MAX (store->largest_streamed, bytes);
    }
  else
    store->resident += bytes;
}

/* Room is kept until nothing needs it any more. */
void
hd_weight_store_remove (HdContext *context,
                        HdWeight  *weight)
{
  HdWeightStore *store = &context->weights;
  const gsize    bytes = hd_weight_kept_bytes (weight);

  if (weight->form == HD_WEIGHT_FORM_INT8 && --store->n_packed == 0)
    store->largest_packed = 0;
  if (weight->streamed && --store->n_streamed == 0)
    store->largest_streamed = 0;
  if (weight->flags & HD_WEIGHT_MAY_STREAM)
    {
      store->streamable -= bytes;
      store->resident -= weight->streamed ? 0 : bytes;
    }
}
