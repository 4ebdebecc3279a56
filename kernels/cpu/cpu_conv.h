/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cpu/cpu_private.h"

G_BEGIN_DECLS

/* A convolution at work, as its files share it. */
typedef struct
{
  HdCpuContext        *cpu;
  HdTensor            *y;
  const HdTensor      *x;
  const HdConv        *conv;
  const HdConvOptions *options;
  int                  height;         /* of the input, once it is resized */
  int                  width;
  gboolean             resize;
  int                  tile_images;
  int                  tile_rows;      /* of the result (enlarging: of the input); all if tile_images > 1 */
  float               *bias;           /* scratch: O */
  char                *band;           /* scratch: the tile's resized rows, or its results before they are joined */
} HdCpuConv;

/* What a tile's primitive depends on. */
typedef struct
{
  char   tag[8];
  gint32 type;
  gint32 result_type;
  gint32 residual;
  gint32 images;
  gint32 height;          /* input rows */
  gint32 width;
  gint32 in_channels;
  gint32 rows;            /* of the result */
  gint32 columns;
  gint32 out_channels;
  gint32 kernel_height;
  gint32 kernel_width;
  gint32 stride;
  gint32 dilation;
  gint32 pad_top;
  gint32 pad_left;
  gint32 pad_bottom;
  gint32 pad_right;
} HdCpuConvKey;

/* The primitive, made when it is first asked for. */
HdCpuPrimitive *hd_cpu_conv_primitive      (HdCpuContext *cpu, const HdCpuConvKey *key, GError **error);

/* TRUE if the same bias is added to all images, so that one primitive can do several. */
gboolean        hd_cpu_conv_bias_is_common (const HdCpuConv *job);

/* Fills job->bias: bias + channel_bias of @image, in float32. */
void            hd_cpu_conv_add_biases     (const HdCpuConv *job, int image);

/* Bytes of job->bias, so that what follows it is aligned. */
static inline gsize
hd_cpu_conv_bias_bytes (const HdCpuConv *job)
{
  return (job->y->channels * sizeof (float) + 4095) / 4096 * 4096;
}

/* --- cpu_conv_enlarge.c --- */

/* TRUE for a usual 3 x 3 convolution of a map that is first enlarged by whole numbers. */
gboolean        hd_cpu_conv_is_enlargement (const HdCpuConv *job);
gboolean        hd_cpu_conv_enlarge        (HdCpuConv *job, GError **error);

/* --- cpu_winograd.c --- */

/* TRUE for a usual 3 x 3 convolution that is faster by Winograd's filtering. */
gboolean        hd_cpu_conv_is_winograd    (const HdCpuConv *job);
gboolean        hd_cpu_conv_winograd       (HdCpuConv *job, GError **error);

G_END_DECLS
