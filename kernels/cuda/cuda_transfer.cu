/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/launch.h"

/* Host memory is float32, in planes (N, C, H, W) or in rows (N, H, W, C) as tensors are. It goes through pinned memory
 * in pieces; the type and the order change on the device, unless they are the same. */

#define THREADS       256
#define PART_ELEMENTS ((gint64) 4 << 20)   /* of a launch that has nothing to wait for */

/* Where element @i of the host's planes is in the tensor. */
static __device__ __forceinline__ int64_t
find_in_tensor (int64_t i,
                int64_t pixels,       /* H * W */
                int     channels)     /* C; 1 for rows: the order is the same */
{
  const int64_t plane = i / pixels;

  return (plane / channels * pixels + i % pixels) * channels + plane % channels;
}

template <typename T> __global__ void __launch_bounds__ (THREADS)
upload_kernel (T           *y,          /* the tensor */
               const float *host,       /* (@n): elements [@first, @first + @n) of the host's */
               int64_t      first,
               int          n,
               int64_t      pixels,
               int          channels)
{
  const int i = blockIdx.x * THREADS + threadIdx.x;

  if (i < n)
    y[find_in_tensor (first + i, pixels, channels)] = hd_from_float<T> (host[i]);
}

template <typename T> __global__ void __launch_bounds__ (THREADS)
download_kernel (float   *host,
                 const T *x,
                 int64_t  first,
                 int      n,
                 int64_t  pixels,
                 int      channels)
{
  const int i = blockIdx.x * THREADS + threadIdx.x;

  if (i < n)
    host[i] = hd_to_float (x[find_in_tensor (first + i, pixels, channels)]);
}

/* --- launching --- */

typedef struct
{
  const HdTensor *x;
  const float    *from;        /* of the host; NULL: download */
  float          *to;          /* of the host */
  gint64          pixels;
  int             channels;
} Transfer;

/* The tensor's bytes are the host's. */
static gboolean
is_plain (const Transfer *work)
{
  return work->x->dtype == HD_DTYPE_F32 && work->pixels == 1;
}

template <typename T> static gboolean
upload_part (HdCudaContext  *cuda,
             HdCudaStaging  *staging,
             const Transfer *work,
             gint64          first,
             int             n,
             GError        **error)
{
  void *to = is_plain (work) ? (void *) ((T *) work->x->data + first) : staging->device;

  memcpy (staging->host, work->from + first, n * sizeof (float));
  if (!hd_cuda_check (cuda, cudaMemcpyAsync (to, staging->host, n * sizeof (float), cudaMemcpyHostToDevice,
                                             cuda->stream), "copying", error))
    return FALSE;

  return (is_plain (work)
          || hd_cuda_launch (cuda, "copying", error, upload_kernel<T>, (n + THREADS - 1) / THREADS, THREADS, 0,
                             (T *) work->x->data, (const float *) staging->device, first, n, work->pixels,
                             work->channels))
         && hd_cuda_staging_used (cuda, staging, error);
}

template <typename T> static gboolean
download_part (HdCudaContext  *cuda,
               HdCudaStaging  *staging,
               const Transfer *work,
               gint64          first,
               int             n,
               GError        **error)
{
  const void *from = is_plain (work) ? (const void *) ((const T *) work->x->data + first) : staging->device;

  if (!is_plain (work)
      && !hd_cuda_launch (cuda, "copying", error, download_kernel<T>, (n + THREADS - 1) / THREADS, THREADS, 0,
                          (float *) staging->device, (const T *) work->x->data, first, n, work->pixels, work->channels))
    return FALSE;
  if (!hd_cuda_check (cuda, cudaMemcpyAsync (staging->host, from, n * sizeof (float),
                                                cudaMemcpyDeviceToHost, cuda->stream), "copying", error)
      || !hd_cuda_staging_used (cuda, staging, error)
      || !hd_cuda_wait (cuda, staging->event, error))
    return FALSE;

  memcpy (work->to + first, staging->host, n * sizeof (float));
  return TRUE;
}

template <typename T> static gboolean
transfer (HdCudaContext  *cuda,
          const Transfer *work,
          GError        **error)
{
  const gint64 elements = hd_tensor_elements (work->x);
  gint64       first = 0;

  while (first < elements)
    {
      HdCudaStaging *staging;
      int            n;

      if (!hd_cuda_pace (cuda, 0.0, 0.0, error))
        return FALSE;
      staging = hd_cuda_staging_next (cuda, error);
      if (staging == NULL)
        return FALSE;

      n = (int) MIN (elements - first, (gint64) (cuda->staging_bytes / sizeof (float)));
      if (!(work->from != NULL ? upload_part<T> : download_part<T>) (cuda, staging, work, first, n, error))
        return FALSE;
      first += n;
    }

  return TRUE;
}

template <typename T> static gboolean
upload_from_device (HdCudaContext *cuda,
                    HdTensor      *y,
                    gint64         pixels,
                    int            channels,
                    const float   *on_device,
                    GError       **error)
{
  const gint64 elements = hd_tensor_elements (y);

  for (gint64 first = 0; first < elements; first += PART_ELEMENTS)
    {
      const int n = (int) MIN (elements - first, PART_ELEMENTS);

      if (!hd_cuda_pace (cuda, 0.0, 8.0 * n, error)
          || !hd_cuda_launch (cuda, "copying", error, upload_kernel<T>, (n + THREADS - 1) / THREADS, THREADS, 0,
                              (T *) y->data, on_device + first, first, n, pixels, channels))
        return FALSE;
    }

  return TRUE;
}

/* --- entries --- */

gboolean
hd_cuda_upload (HdContext   *context,
                HdTensor    *y,
                const float *planes,
                const float *rows,
                GError     **error)
{
  const Transfer work = {
    .x = y, .from = planes != NULL ? planes : rows, .to = NULL,
    .pixels = planes != NULL ? (gint64) y->height * y->width : 1, .channels = planes != NULL ? y->channels : 1
  };

  return HD_CUDA_DISPATCH (y->dtype, transfer, (HdCudaContext *) context, &work, error);
}

gboolean
hd_cuda_upload_from_device (HdCudaContext *cuda,
                            HdTensor      *y,
                            gboolean       planes,
                            const float   *on_device,
                            GError       **error)
{
  const gint64 pixels = planes ? (gint64) y->height * y->width : 1;

  return HD_CUDA_DISPATCH (y->dtype, upload_from_device, cuda, y, pixels, planes ? y->channels : 1, on_device, error);
}

gboolean
hd_cuda_download (HdContext      *context,
                  const HdTensor *x,
                  float          *planes,
                  float          *rows,
                  GError        **error)
{
  const Transfer work = {
    .x = x, .from = NULL, .to = planes != NULL ? planes : rows,
    .pixels = planes != NULL ? (gint64) x->height * x->width : 1, .channels = planes != NULL ? x->channels : 1
  };

  return HD_CUDA_DISPATCH (x->dtype, transfer, (HdCudaContext *) context, &work, error);
}
