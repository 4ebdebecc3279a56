/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/backend.h"

G_BEGIN_DECLS

/* What the halves of operators that all devices share have in common (ops.c, ops_bands.c, ops_transfer.c). */

/* Records what an operator met instead of what it takes. Returns FALSE, for use at the end of a condition. */
gboolean  hd_op_reject           (HdContext      *context,
                                  const char     *format,
                                  ...) G_GNUC_PRINTF (2, 3);

/* Whether @x is no view of some channels. */
gboolean  hd_op_is_whole         (const HdTensor *x);

/* Each check rejects what fails it, and then returns FALSE. @operator: its name, for the message. */

/* That @x is whole. */
gboolean  hd_op_check_contiguous (HdContext      *context,
                                  const char     *operator,
                                  const HdTensor *x);

/* That @a and @b are as many images of one size and type. */
gboolean  hd_op_check_same_map   (HdContext      *context,
                                  const char     *operator,
                                  const HdTensor *a,
                                  const HdTensor *b);

/* That @x is a whole tensor of the shape and type of @y. */
gboolean  hd_op_check_like       (HdContext      *context,
                                  const char     *operator,
                                  const HdTensor *y,
                                  const HdTensor *x);

/* @vector: (nullable) */
gboolean  hd_op_check_vector     (HdContext      *context,
                                  const char     *operator,
                                  const HdWeight *vector,
                                  int             length);
gboolean  hd_op_check_norm       (HdContext      *context,
                                  const char     *operator,
                                  const HdNorm   *norm,
                                  int             channels);
gboolean  hd_op_check_weight     (HdContext      *context,
                                  const char     *operator,
                                  const HdWeight *weight,
                                  HdWeightKind    kind,
                                  int             in_channels,
                                  HdDtype         dtype);

/* @x: (nullable) */
double    hd_op_tensor_bytes     (const HdTensor *x);
double    hd_op_weight_bytes     (const HdWeight *weight);

/* The common end of all operators: takes *@y out of its variable if the device succeeded, else leaves it to be dropped,
 * records @error and returns NULL. */
HdTensor *hd_op_finish           (HdContext      *context,
                                  HdTensor      **y,
                                  gboolean        success,
                                  GError         *error,
                                  HdOpKind        kind,
                                  double          flops,
                                  double          bytes,
                                  gint64          started);

G_END_DECLS
