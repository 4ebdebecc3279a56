/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/launch.h"

/* The widest heads that the two kernels take. */
#define HD_ATTENTION_NARROW_SIZE 160
#define HD_ATTENTION_WIDE_SIZE   512

/* Launches @kernel for all blocks of @job, whose first_block and query_blocks are set here. */
static inline gboolean
hd_attention_launch (HdCudaContext   *cuda,
                     void          (* kernel) (HdAttentionJob),
                     HdAttentionJob  *job,
                     int              images,
                     int              block_queries,
                     int              padded_size,
                     int              threads,
                     gsize            shared,
                     GError         **error)
{
  const gint64 problems = (gint64) images * job->n_windows * job->heads;
  const double elements = (double) problems * job->queries * padded_size;
  const double flops = 4.0 * elements * job->keys;
  const double bytes = 2.0 * (2.0 * elements + 2.0 * problems * job->keys * padded_size);
  gint64       blocks;
  gint64       most;

  job->query_blocks = (job->queries + block_queries - 1) / block_queries;
  blocks = problems * job->query_blocks;
  if (blocks > G_MAXINT)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   "Attention: %d queries for each of %" G_GINT64_FORMAT " heads are too many", job->queries, problems);
      return FALSE;
    }

  most = hd_cuda_pieces_per_launch (cuda, blocks, flops, bytes);
  for (gint64 first = 0; first < blocks; first += most)
    {
      gint64 count = MIN (most, blocks - first);

      job->first_block = (int) first;
      if (!hd_cuda_pace (cuda, flops * count / blocks, bytes * count / blocks, error)
          || !hd_cuda_launch (cuda, "computing attention", error, kernel, dim3 ((unsigned) count), dim3 (threads),
                              shared, *job))
        return FALSE;
    }

  return TRUE;
}

/* Heads of up to HD_ATTENTION_WIDE_SIZE channels (cuda_attention_wide.cu). */
gboolean hd_cuda_attention_wide (HdCudaContext   *cuda,
                                 HdDtype          dtype,
                                 HdAttentionJob  *job,
                                 int              images,
                                 gboolean         aligned,
                                 GError         **error);
