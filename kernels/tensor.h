/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

#include "kernels/joined_map.h"

G_BEGIN_DECLS

typedef struct _HdContext HdContext;

/**
 * HdDtype:
 *
 * The element types that files, weights and activations have.
 */
typedef enum
{
  HD_DTYPE_F32,
  HD_DTYPE_F16,
  HD_DTYPE_BF16,
} HdDtype;

gsize       hd_dtype_size (HdDtype dtype);
const char *hd_dtype_name (HdDtype dtype);

/**
 * HdTensor:
 * @dtype: type of the elements
 * @batch: images, N
 * @height: rows of pixels, H; 1 for a sequence of tokens
 * @width: pixels in a row, W; the sequence's length for tokens
 * @channels: channels, C
 * @pixel_stride: elements from one pixel to the next; @channels, but for a view made by hd_tensor_channels()
 * @data: the first element in the memory of the context's device; %NULL on the dry device
 *
 * A feature map (N, H, W, C), channels innermost. Byte for byte it is the token matrix (N, H * W, C) too.
 * Tensors are made by the operators of ops.h, are reference-counted, and give their memory back to the
 * context's arena with the last reference.
 */
typedef struct _HdTensor HdTensor;
struct _HdTensor
{
  HdDtype dtype;
  int     batch;
  int     height;
  int     width;
  int     channels;
  int     pixel_stride;
  void   *data;

  /*< private >*/
  HdContext *context;
  HdTensor  *parent;
  gsize      arena_offset;
  gsize      arena_size;
  int        ref_count;
};

/**
 * hd_tensor_new:
 *
 * Takes room for a (@batch, @height, @width, @channels) tensor from @context's arena; its contents are undefined.
 *
 * Returns: (transfer full) (nullable): the tensor, or %NULL when @context has failed, be it now (no memory,
 *   a side < 1, a product that overflows) or before.
 */
HdTensor *hd_tensor_new (HdContext *context,
                         HdDtype    dtype,
                         int        batch,
                         int        height,
                         int        width,
                         int        channels);

/**
 * hd_tensor_channels:
 *
 * Returns: (transfer full) (nullable): a view of the channels [@first, @first + @count) of @tensor, which it
 *   keeps alive. %NULL if @tensor is.
 */
HdTensor *hd_tensor_channels (HdTensor *tensor,
                              int       first,
                              int       count);

/**
 * hd_tensor_images:
 *
 * Returns: (transfer full) (nullable): a view of the images [@first, @first + @count) of the batch.
 */
HdTensor *hd_tensor_images (HdTensor *tensor,
                            int       first,
                            int       count);

/**
 * hd_tensor_rows:
 *
 * Returns: (transfer full) (nullable): a view of the rows of pixels [@first, @first + @count), counted over all images
 *   of the batch: one image of @count rows.
 */
HdTensor *hd_tensor_rows (HdTensor *tensor,
                          int       first,
                          int       count);

HdTensor *hd_tensor_ref     (HdTensor *tensor);
void      hd_tensor_unref   (HdTensor *tensor);

/* Whether anybody else holds @tensor's memory. */
gboolean  hd_tensor_is_shared (const HdTensor *tensor);

/* Drops what *@tensor holds and takes over @replacement: the assignment of an HdTensor variable. */
void      hd_tensor_take    (HdTensor **tensor,
                             HdTensor  *replacement);

/* How @x and, if it is not %NULL, @x2 are read as one. */
HdJoined  hd_tensor_join    (const HdTensor *x,
                             const HdTensor *x2);

/* Number of pixels (or tokens) over the whole batch, N * H * W. */
gint64    hd_tensor_pixels  (const HdTensor *tensor);

/* Number of elements, N * H * W * C. */
gint64    hd_tensor_elements (const HdTensor *tensor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdTensor, hd_tensor_unref)

G_END_DECLS
