/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/resnet.h"

G_BEGIN_DECLS

/* Maps that are worked on in bands of rows, so that what lies between two convolutions is never in memory as a whole.
 *
 * A 3x3 convolution needs one row beyond its band on each side: bands are normalised with such a halo, and what the
 * convolution makes of the outermost rows, which it pads with zeros, is thrown away. GroupNorm needs to know the mean
 * and the deviation of whole groups: they are found first, band by band, and are those of the whole map. So there are
 * no seams: the result is that of the whole map up to the order of sums.
 *
 * All of it works on one image at a time: maps have a batch of 1. */

/**
 * HdBands:
 * @rows: of a band; 0: as suits the map
 * @again: what lies between the two convolutions of a resnet is computed twice, and kept nowhere
 *
 * How maps are cut.
 */
typedef struct
{
  int      rows;
  gboolean again;
} HdBands;

/**
 * HdBandSource:
 * @x: (1, h, W, C): the map, or what is enlarged to become it
 * @skip: (nullable): (1, H, W, C2), read as if it were concatenated to it
 * @sampler: (nullable): the convolution that enlarges @x to twice its size, band by band: the map itself is never there
 *
 * A map that is read in bands.
 */
typedef struct
{
  HdTensor     *x;
  HdTensor     *skip;
  const HdConv *sampler;
} HdBandSource;

int       hd_band_source_height (const HdBandSource *source);

/* Rows of a band of a map of @height rows with @row_bytes each. */
int       hd_bands_rows         (const HdBands      *bands,
                                 int                 height,
                                 gsize               row_bytes);

/**
 * hd_band_source_statistics:
 *
 * Returns: (transfer full) (nullable): what @norm needs to know of the whole map, for hd_group_norm_by().
 */
HdTensor *hd_band_source_statistics (HdContext          *context,
                                     const HdBandSource *source,
                                     const HdBands      *bands,
                                     const HdNorm       *norm);

/**
 * hd_norm_conv_in_bands:
 * @x: (1, H, W, C)
 * @conv: 3x3
 * @float_result: as in #HdConvOptions
 *
 * Returns: (1, H, W, O): hd_group_norm() with SiLU, then hd_conv2d() with a padding of 1.
 */
HdTensor *hd_norm_conv_in_bands (HdContext          *context,
                                 HdTensor           *x,
                                 const HdNorm       *norm,
                                 const HdConv       *conv,
                                 const HdBands      *bands,
                                 gboolean            float_result);

/**
 * hd_resnet_in_bands:
 * @source: (inout): the input; it gives up its tensors, whose memory the result may take
 * @time_embedding: (nullable): (1, 1, 1, E), after its SiLU
 *
 * Returns: (1, H, W, O): what hd_resnet() makes of it.
 */
HdTensor *hd_resnet_in_bands    (HdContext          *context,
                                 const HdResnet     *resnet,
                                 HdBandSource       *source,
                                 const HdTensor     *time_embedding,
                                 const HdBands      *bands);

void      hd_band_source_clear  (HdBandSource       *source);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HdBandSource, hd_band_source_clear)

G_END_DECLS
