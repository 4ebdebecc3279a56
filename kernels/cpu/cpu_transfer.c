/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cpu/cpu_convert.h"
#include "kernels/cpu/cpu_parallel.h"
#include "kernels/i18n.h"

/* Host memory is float32; a step is one row of pixels. */

typedef struct
{
  HdTensor *x;
  float    *planes;     /* exactly one of both is not NULL */
  float    *rows;
  gboolean  download;
} Transfer;

HD_CPU_CLONES static void
narrow (guint16     *restrict to,
        const float *restrict from,
        gsize        n)
{
  for (gsize i = 0; i < n; i++)
    to[i] = hd_bf16_from_float (from[i]);
}

HD_CPU_CLONES static void
widen (float         *restrict to,
       const guint16 *restrict from,
       gsize          n)
{
  for (gsize i = 0; i < n; i++)
    to[i] = hd_float_from_bf16 (from[i]);
}

/* @count elements, @tensor_step apart in the tensor and side by side in host memory. */
static void
copy_strided (gboolean    bf16,
              gboolean    download,
              void       *tensor,
              gsize       tensor_step,
              float      *host,
              int         count)
{
  guint16 *tensor16 = tensor;
  float   *tensor32 = tensor;

  if (bf16 && download)
    for (int i = 0; i < count; i++)
      host[i] = hd_float_from_bf16 (tensor16[i * tensor_step]);
  else if (bf16)
    for (int i = 0; i < count; i++)
      tensor16[i * tensor_step] = hd_bf16_from_float (host[i]);
  else if (download)
    for (int i = 0; i < count; i++)
      host[i] = tensor32[i * tensor_step];
  else
    for (int i = 0; i < count; i++)
      tensor32[i * tensor_step] = host[i];
}

static void
transfer_planes (const Transfer *transfer,
                 gint64          index,
                 char           *row)
{
  const HdTensor *x = transfer->x;
  gint64          image = index / x->height;
  gint64          y = index % x->height;
  gsize           size = hd_dtype_size (x->dtype);

  for (int channel = 0; channel < x->channels; channel++)
    {
      float *plane = transfer->planes + (((gsize) image * x->channels + channel) * x->height + y) * x->width;

      copy_strided (x->dtype == HD_DTYPE_BF16, transfer->download, row + channel * size, x->pixel_stride,
                    plane, x->width);
    }
}

static void
transfer_row (const Transfer *transfer,
              gint64          index,
              char           *row)
{
  const HdTensor *x = transfer->x;
  gsize           n = (gsize) x->width * x->channels;
  float          *host = transfer->rows + index * n;

  if (x->dtype != HD_DTYPE_BF16)
    memcpy (transfer->download ? (void *) host : row, transfer->download ? row : (void *) host, n * sizeof (float));
  else if (transfer->download)
    widen (host, (const guint16 *) row, n);
  else
    narrow ((guint16 *) row, host, n);
}

static void
transfer_step (gpointer data,
               gint64   index,
               int      thread)
{
  const Transfer *transfer = data;
  const HdTensor *x = transfer->x;
  char           *row = (char *) x->data
                        + (gsize) index * x->width * x->pixel_stride * hd_dtype_size (x->dtype);

  if (transfer->planes != NULL)
    transfer_planes (transfer, index, row);
  else
    transfer_row (transfer, index, row);
}

static gboolean
run (HdContext *context,
     Transfer  *transfer,
     GError   **error)
{
  if (transfer->x->dtype == HD_DTYPE_F16)
    {
      g_set_error_literal (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                           _("The CPU computes in float32 or bfloat16, not in float16"));
      return FALSE;
    }

  return hd_cpu_loop ((HdCpuContext *) context, (gint64) transfer->x->batch * transfer->x->height,
                      transfer_step, transfer, error);
}

gboolean
hd_cpu_upload (HdContext   *context,
               HdTensor    *y,
               const float *planes,
               const float *rows,
               GError     **error)
{
  Transfer transfer = { .x = y, .planes = (float *) planes, .rows = (float *) rows };

  return run (context, &transfer, error);
}

gboolean
hd_cpu_download (HdContext      *context,
                 const HdTensor *x,
                 float          *planes,
                 float          *rows,
                 GError        **error)
{
  Transfer transfer = { .x = (HdTensor *) x, .planes = planes, .rows = rows, .download = TRUE };

  return run (context, &transfer, error);
}
