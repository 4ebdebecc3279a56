/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/ops_private.h"

/* Operators that bring numbers to the device and back. */

static HdTensor *
upload (HdContext   *context,
        HdDtype      dtype,
        int          batch,
        int          height,
        int          width,
        int          channels,
        const float *planes,
        const float *rows)
{
  g_autoptr (HdTensor) y = NULL;
  gint64               started = g_get_monotonic_time ();
  GError              *error = NULL;
  gboolean             success;

  if (hd_context_failed (context))
    return NULL;

  y = hd_tensor_new (context, dtype, batch, height, width, channels);
  if (y == NULL)
    return NULL;

  success = context->backend->upload (context, y, planes, rows, &error);

  return hd_op_finish (context, &y, success, error, HD_OP_TRANSFER, 0.0, 2.0 * hd_op_tensor_bytes (y), started);
}

HdTensor *
hd_upload (HdContext   *context,
           HdDtype      dtype,
           int          batch,
           int          height,
           int          width,
           int          channels,
           const float *planes)
{
  return upload (context, dtype, batch, height, width, channels, planes, NULL);
}

HdTensor *
hd_upload_rows (HdContext   *context,
                HdDtype      dtype,
                int          batch,
                int          height,
                int          width,
                int          channels,
                const float *rows)
{
  return upload (context, dtype, batch, height, width, channels, NULL, rows);
}

static void
download (HdContext      *context,
          const HdTensor *x,
          float          *planes,
          float          *rows)
{
  gint64  started = g_get_monotonic_time ();
  GError *error = NULL;

  if (hd_context_failed (context) || !hd_op_check_contiguous (context, "Download", x))
    return;

  if (!context->backend->download (context, x, planes, rows, &error))
    hd_context_fail (context, error);
  else
    hd_context_account (context, HD_OP_TRANSFER, 0.0, 2.0 * hd_op_tensor_bytes (x), started);
}

void
hd_download (HdContext      *context,
             const HdTensor *x,
             float          *planes)
{
  download (context, x, planes, NULL);
}

void
hd_download_rows (HdContext      *context,
                  const HdTensor *x,
                  float          *rows)
{
  download (context, x, NULL, rows);
}
