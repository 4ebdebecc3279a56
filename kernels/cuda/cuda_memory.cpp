/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/cuda/cuda_repeat.h"
#include "kernels/i18n.h"

/* Of the card's free memory, what is left to the driver and the kernels that it loads (of cuBLASLt, too), to scratch and
 * staging memory, to the end of the last slab of weights and to the desktop. */
#define HEADROOM      ((gsize) 320 << 20)
#define STAGING_BYTES ((gsize) 16 << 20)

gsize
hd_cuda_available (HdContext *context)
{
  HdCudaContext *cuda = (HdCudaContext *) context;
  size_t         available = 0;
  size_t         total = 0;

  if (cuda->lost || cudaSetDevice (cuda->device) != cudaSuccess || cudaMemGetInfo (&available, &total) != cudaSuccess)
    {
      cudaGetLastError ();
      return 0;
    }

  return available > HEADROOM ? available - HEADROOM : 0;
}

gboolean
hd_cuda_allocate (HdCudaContext *cuda,
                  gsize          bytes,
                  const char    *purpose,
                  void         **memory,
                  GError       **error)
{
  g_autofree char *asked = NULL;
  g_autofree char *left = NULL;
  cudaError_t      status;

  *memory = NULL;
  if (cuda->capturing)
    return hd_cuda_repeat_refuse (cuda, "taking memory", error);
  if (!hd_cuda_check (cuda, cudaSetDevice (cuda->device), "taking memory", error))
    return FALSE;

  status = cudaMalloc (memory, bytes);
  if (status != cudaErrorMemoryAllocation)
    return hd_cuda_check (cuda, status, "taking memory", error);

  cudaGetLastError ();
  *memory = NULL;
  asked = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  left = g_format_size_full (hd_cuda_available (&cuda->parent), G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_NO_MEMORY,
               _("Not enough memory on %s for %s: %s are needed, %s are available"), cuda->parent.name, purpose, asked, left);

  return FALSE;
}

gboolean
hd_cuda_reserve (HdContext *context,
                 gsize      bytes,
                 void     **memory,
                 GError   **error)
{
  HdCudaContext *cuda = (HdCudaContext *) context;

  /* First, as there may not be room for both. It waits for what is queued. */
  if (*memory != NULL)
    {
      cudaSetDevice (cuda->device);
      hd_cuda_repeat_drop (cuda);
      cudaFree (*memory);
      cudaGetLastError ();
      *memory = NULL;
    }

  return bytes == 0 || hd_cuda_allocate (cuda, bytes, _("this picture"), memory, error);
}

void *
hd_cuda_scratch (HdCudaContext *cuda,
                 gsize          bytes,
                 GError       **error)
{
  void *larger;

  if (cuda->scratch_bytes >= bytes && cuda->scratch != NULL)
    return cuda->scratch;

  if (cuda->capturing)
    {
      hd_cuda_repeat_refuse (cuda, "more intermediate results", error);
      return NULL;
    }

  /* Freeing waits for what is queued, which may still use it. */
  hd_cuda_repeat_drop (cuda);
  cudaFree (cuda->scratch);
  cuda->scratch = NULL;
  cuda->scratch_bytes = 0;
  bytes = MAX (bytes, (gsize) 1 << 20);
  if (!hd_cuda_allocate (cuda, bytes, _("intermediate results"), &larger, error))
    return NULL;

  cuda->scratch = larger;
  cuda->scratch_bytes = bytes;
  return larger;
}

/* --- staging --- */

static gboolean
staging_make (HdCudaContext *cuda,
              HdCudaStaging *staging,
              GError       **error)
{
  return hd_cuda_check (cuda, cudaHostAlloc (&staging->host, STAGING_BYTES, cudaHostAllocDefault),
                        "transfers: taking memory of the system", error)
         && hd_cuda_allocate (cuda, STAGING_BYTES, "transfers", &staging->device, error)
         && hd_cuda_check (cuda, cudaEventCreateWithFlags (&staging->event, cudaEventDisableTiming), "starting", error);
}

HdCudaStaging *
hd_cuda_staging_next (HdCudaContext *cuda,
                      GError       **error)
{
  HdCudaStaging *staging;

  if (cuda->capturing)
    {
      hd_cuda_repeat_refuse (cuda, "a transfer", error);
      return NULL;
    }

  if (cuda->staging_bytes == 0)
    {
      for (int i = 0; i < HD_CUDA_STAGING_BUFFERS; i++)
        if (!staging_make (cuda, &cuda->staging[i], error))
          {
            hd_cuda_staging_free (cuda);
            return NULL;
          }
      cuda->staging_bytes = STAGING_BYTES;
    }

  staging = &cuda->staging[cuda->staging_next];
  cuda->staging_next = (cuda->staging_next + 1) % HD_CUDA_STAGING_BUFFERS;

  return hd_cuda_check (cuda, cudaEventSynchronize (staging->event), "copying", error) ? staging : NULL;
}

gboolean
hd_cuda_staging_used (HdCudaContext *cuda,
                      HdCudaStaging *staging,
                      GError       **error)
{
  return hd_cuda_check (cuda, cudaEventRecord (staging->event, cuda->stream), "copying", error);
}

void
hd_cuda_staging_free (HdCudaContext *cuda)
{
  for (int i = 0; i < HD_CUDA_STAGING_BUFFERS; i++)
    {
      HdCudaStaging *staging = &cuda->staging[i];

      if (staging->event != NULL)
        cudaEventDestroy (staging->event);
      cudaFree (staging->device);
      cudaFreeHost (staging->host);
      *staging = HdCudaStaging {};
    }

  cuda->staging_bytes = 0;
  cudaGetLastError ();
}
