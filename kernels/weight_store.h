/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/context.h"

G_BEGIN_DECLS

/* How a context's weights are kept and what they take of the device's memory: the same on all devices, so that a dry
 * run tells it beforehand. For kernels/ alone. */

/**
 * HdWeightStore:
 * @form: for weights to be made that allow it
 * @streaming: likewise; zeros: none
 * @streamable: bytes of weights that may be streamed
 * @resident: bytes of these that are not
 * @n_streamed: weights that are
 * @largest_streamed: bytes of the largest of them, as it is kept
 * @n_packed: weights that are not kept as they are computed with
 * @largest_packed: bytes of the largest of them, as it is computed with
 */
typedef struct
{
  HdWeightForm form;
  HdStreaming  streaming;
  gsize        streamable;
  gsize        resident;
  int          n_streamed;
  gsize        largest_streamed;
  int          n_packed;
  gsize        largest_packed;
} HdWeightStore;

/* Decides about a new weight's form and place, and counts it; takes it away again. */
void  hd_weight_store_add    (HdContext *context, HdWeight *weight);
void  hd_weight_store_remove (HdContext *context, HdWeight *weight);

/* Bytes beside the weights' own: the ring through which they are streamed, which has room for two of the largest, and
 * the largest of 8 bits as it is computed with. */
gsize hd_weight_store_ring   (const HdWeightStore *store);
gsize hd_weight_store_room   (const HdWeightStore *store);

/* Channels from one row of a matrix (or tap of a kernel) to the next on a device: in multiples of eight, with zeros. */
int   hd_weight_stride       (const HdWeight *weight);

/* Bytes of a weight without scales: as it is kept, and as it is computed with. */
gsize hd_weight_kept_bytes   (const HdWeight *weight);
gsize hd_weight_full_bytes   (const HdWeight *weight);

/* Bytes of the output channels' scales; 0 where there are none. */
gsize hd_weight_scale_bytes  (const HdWeight *weight);

G_END_DECLS
