/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/tensor.h"

G_BEGIN_DECLS

/**
 * HdWeightKind:
 * @HD_WEIGHT_CONV: convolution kernel (O, I, KH, KW)
 * @HD_WEIGHT_LINEAR: matrix (O, I)
 * @HD_WEIGHT_VECTOR: bias, gamma or beta (O); kept in float32 on every device
 * @HD_WEIGHT_TABLE: embedding table (rows, C), read by rows
 *
 * What a weight is used for, so that the device can lay it out as its operators read it fastest.
 */
typedef enum
{
  HD_WEIGHT_CONV,
  HD_WEIGHT_LINEAR,
  HD_WEIGHT_VECTOR,
  HD_WEIGHT_TABLE,
} HdWeightKind;

/**
 * HdWeightFlags:
 * @HD_WEIGHT_MAY_QUANTISE: it may be kept in 8 bits, if the context is asked to (hd_context_set_weight_form())
 * @HD_WEIGHT_MAY_STREAM: it may be kept in the host's memory (hd_context_set_streaming())
 *
 * What a network allows to be done to a matrix or a kernel, so that weights take less of the device's memory.
 */
typedef enum
{
  HD_WEIGHT_MAY_QUANTISE = 1 << 0,
  HD_WEIGHT_MAY_STREAM = 1 << 1,
} HdWeightFlags;

/**
 * HdWeightForm:
 * @HD_WEIGHT_FORM_FULL: the type that is computed with
 * @HD_WEIGHT_FORM_INT8: whole numbers of 8 bits and a float32 scale for each output channel: see quantise.h
 *
 * How a weight is kept.
 */
typedef enum
{
  HD_WEIGHT_FORM_FULL,
  HD_WEIGHT_FORM_INT8,
} HdWeightForm;

/**
 * HdWeightPart:
 * @dtype: type of the elements in @bytes
 * @out_channels: rows of this part, O
 * @bytes: the elements, row-major as the checkpoint has them: O * (elements per output channel)
 */
typedef struct
{
  HdDtype dtype;
  int     out_channels;
  GBytes *bytes;
} HdWeightPart;

/**
 * HdWeight:
 * @kind: what it is used for
 * @dtype: the type in which it is computed with
 * @out_channels: O (rows, for a table), summed over the parts
 * @in_channels: I; 1 for a vector
 * @kernel_height: KH, 1 but for a convolution
 * @kernel_width: KW
 * @form: how it is kept
 * @streamed: it is kept in the host's memory, and is on the device while it is used
 *
 * A parameter of the network on a context's device. Reference-counted; it must not outlive its context.
 */
typedef struct _HdWeight HdWeight;
struct _HdWeight
{
  HdWeightKind kind;
  HdDtype      dtype;
  int          out_channels;
  int          in_channels;
  int          kernel_height;
  int          kernel_width;
  HdWeightForm form;
  gboolean     streamed;

  /*< private >*/
  HdWeightFlags flags;
  HdContext    *context;
  HdWeightPart *parts;   /* (owned) dropped by the device once it has its own copy */
  int           n_parts;
  gpointer      device;  /* the device's own form, NULL until it is made */
  int           ref_count;
};

/**
 * hd_weight_new:
 * @context: the context whose device it is for
 * @kind: its use
 * @dtype: the type to compute with (vectors: always float32)
 * @parts: (array length=n_parts): one or more matrices that are stacked along the output channels
 *   (to_q, to_k and to_v become one product)
 * @in_channels: I; for a table the row's length C, for a vector 1
 *
 * The bytes are referenced, not copied, until the device makes its own form, at the latest at first use.
 *
 * Returns: (transfer full) (nullable): the weight; %NULL with @error set if a part's length is not
 *   O * I * KH * KW elements, a size is < 1, or the device has no memory.
 */
HdWeight *hd_weight_new (HdContext          *context,
                         HdWeightKind        kind,
                         HdDtype             dtype,
                         const HdWeightPart *parts,
                         int                 n_parts,
                         int                 in_channels,
                         int                 kernel_height,
                         int                 kernel_width,
                         GError            **error);

/* The same for a matrix or a kernel of a network that allows @flags. */
HdWeight *hd_weight_new_with (HdContext          *context,
                              HdWeightKind        kind,
                              HdWeightFlags       flags,
                              HdDtype             dtype,
                              const HdWeightPart *parts,
                              int                 n_parts,
                              int                 in_channels,
                              int                 kernel_height,
                              int                 kernel_width,
                              GError            **error);

HdWeight *hd_weight_ref   (HdWeight *weight);
void      hd_weight_unref (HdWeight *weight);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdWeight, hd_weight_unref)

/* A convolution's parameters: weight (O, I, K, K), bias (O) or NULL. */
typedef struct
{
  HdWeight *weight;
  HdWeight *bias;
} HdConv;

/* A linear layer's parameters: weight (O, I), bias (O) or NULL. */
typedef struct
{
  HdWeight *weight;
  HdWeight *bias;
} HdLinear;

/* A normalisation's parameters: gamma and beta (C); groups is read by GroupNorm only. */
typedef struct
{
  HdWeight *gamma;
  HdWeight *beta;
  float     epsilon;
  int       groups;
} HdNorm;

void hd_conv_clear   (HdConv   *conv);
void hd_linear_clear (HdLinear *linear);
void hd_norm_clear   (HdNorm   *norm);

G_END_DECLS
