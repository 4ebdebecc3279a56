/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/cuda.h"

G_BEGIN_DECLS

/* The module's edge: one function, hd_cuda_module_open(), and what it returns. Program and module share GLib and the
 * structures of kernels/, so they have to be of one build. */

/**
 * HdCudaModule:
 * @version: HD_VERSION of the build
 * @structures: hd_cuda_module_structures() of the build
 */
typedef struct
{
  const char *version;
  guint64     structures;
  GPtrArray *(* list_devices) (GError **error);
  HdContext *(* context_new)  (int index, HdPrecision precision, GError **error);
} HdCudaModule;

typedef const HdCudaModule *(* HdCudaModuleOpen) (void);

#define HD_CUDA_MODULE_OPEN "hd_cuda_module_open"

/* A number that is another one as soon as a structure that both sides use has another size. */
static inline guint64
hd_cuda_module_structures (void)
{
  static const gsize sizes[] = {
    sizeof (HdContext), sizeof (HdBackend), sizeof (HdTensor), sizeof (HdWeight), sizeof (HdConvOptions),
    sizeof (HdLinearOptions), sizeof (HdAttentionOptions), sizeof (HdNorm), sizeof (HdWindow), HD_N_OPS
  };
  guint64     number = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    number = number * 1099511628211u + sizes[i];

  return number;
}

G_END_DECLS
