/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "kernels/backend.h"
#include "kernels/dry/dry.h"

/* What tests of contexts and of what they count share. */

/* The context's error is this one, and is gone afterwards. */
static inline void
assert_failed (HdContext  *context,
               int         code,
               const char *named)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (hd_context_check (context, &error));
  g_assert_error (error, HD_KERNEL_ERROR, code);
  g_assert_nonnull (strstr (error->message, named));
  g_assert_true (hd_context_check (context, NULL));
}

static inline void
assert_shape (const HdTensor *tensor,
              int             batch,
              int             height,
              int             width,
              int             channels)
{
  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->batch, ==, batch);
  g_assert_cmpint (tensor->height, ==, height);
  g_assert_cmpint (tensor->width, ==, width);
  g_assert_cmpint (tensor->channels, ==, channels);
}

/* A weight of zeros. */
static inline HdWeight *
weight_new (HdContext    *context,
            HdWeightKind  kind,
            int           out_channels,
            int           in_channels,
            int           kernel)
{
  HdDtype            dtype = hd_context_get_dtype (context);
  gsize              size = (gsize) out_channels * in_channels * kernel * kernel * hd_dtype_size (dtype);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);
  HdWeightPart       part = { dtype, out_channels, bytes };
  g_autoptr (GError) error = NULL;
  HdWeight          *weight = hd_weight_new (context, kind, dtype, &part, 1, in_channels, kernel, kernel, &error);

  g_assert_no_error (error);
  g_assert_nonnull (weight);

  return weight;
}

static inline void
assert_statistics (HdContext *context,
                   HdOpKind   kind,
                   gint64     calls,
                   double     flops,
                   double     bytes)
{
  HdOpStatistics statistics = hd_context_get_statistics (context, kind);

  g_assert_cmpint (statistics.calls, ==, calls);
  g_assert_true (statistics.flops == flops);
  g_assert_true (statistics.bytes == bytes);
}
