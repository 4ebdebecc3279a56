/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/arena.h"
#include "kernels/cuda/cuda_private.h"
#include "kernels/i18n.h"

/* The device's memory of weights that stay there. What is larger than one MiB the driver hands out in whole pages of two:
 * of a network's hundreds of matrices, one by one, that would be a fifteenth more than they have, of which no dry run
 * knows. So they lie side by side in slabs.
 *
 * Networks come and go as a whole. Only the newest slabs take new weights, so that an older network leaves nearly all of
 * its memory behind even if a younger one was loaded before it went. */

#define LEAST_BYTES ((gsize) 1 << 20)   /* smaller ones share pages without our help */
#define SLAB_BYTES  ((gsize) 64 << 20)
#define OPEN_SLABS  4

typedef struct
{
  char    *memory;
  gsize    bytes;
  HdArena *arena;
} Slab;

static void
slab_free (gpointer data)
{
  Slab *slab = (Slab *) data;

  cudaFree (slab->memory);
  cudaGetLastError ();
  hd_arena_free (slab->arena);
  g_free (slab);
}

static GPtrArray *
get_slabs (HdCudaContext *cuda)
{
  if (cuda->slabs == NULL)
    cuda->slabs = g_ptr_array_new_with_free_func (slab_free);

  return (GPtrArray *) cuda->slabs;
}

static gboolean
add_slab (HdCudaContext *cuda,
          gsize          bytes,
          GError       **error)
{
  void *memory;
  Slab *slab;

  if (!hd_cuda_allocate (cuda, bytes, _("the model's weights"), &memory, error))
    return FALSE;

  slab = g_new0 (Slab, 1);
  slab->memory = (char *) memory;
  slab->bytes = bytes;
  slab->arena = hd_arena_new (bytes);
  g_ptr_array_add (get_slabs (cuda), slab);

  return TRUE;
}

static void *
take_from (Slab  *slab,
           gsize  bytes)
{
  gsize offset;

  return hd_arena_alloc (slab->arena, bytes, &offset) ? slab->memory + offset : NULL;
}

gboolean
hd_cuda_weight_take (HdCudaContext *cuda,
                     gsize          bytes,
                     void         **memory,
                     GError       **error)
{
  GPtrArray  *slabs = get_slabs (cuda);
  const gsize aligned = (bytes + HD_ARENA_ALIGNMENT - 1) / HD_ARENA_ALIGNMENT * HD_ARENA_ALIGNMENT;

  *memory = NULL;
  if (bytes < LEAST_BYTES)
    return hd_cuda_allocate (cuda, bytes, _("the model's weights"), memory, error);

  for (guint i = 0; *memory == NULL && i < MIN (slabs->len, OPEN_SLABS); i++)
    *memory = take_from ((Slab *) g_ptr_array_index (slabs, slabs->len - 1 - i), bytes);
  if (*memory != NULL)
    return TRUE;

  /* The last ones may find room where a whole slab does not. */
  if ((aligned > SLAB_BYTES / 2 || !add_slab (cuda, SLAB_BYTES, NULL)) && !add_slab (cuda, aligned, error))
    return FALSE;

  *memory = take_from ((Slab *) g_ptr_array_index (slabs, slabs->len - 1), bytes);
  return TRUE;
}

void
hd_cuda_weight_give (HdCudaContext *cuda,
                     void          *memory,
                     gsize          bytes)
{
  GPtrArray *slabs = get_slabs (cuda);
  char      *place = (char *) memory;

  for (guint i = 0; place != NULL && bytes >= LEAST_BYTES && i < slabs->len; i++)
    {
      Slab *slab = (Slab *) g_ptr_array_index (slabs, i);

      if (place < slab->memory || place >= slab->memory + slab->bytes)
        continue;

      /* What is queued may still read it: whoever takes it next is queued behind. */
      hd_arena_release (slab->arena, (gsize) (place - slab->memory), bytes);
      if (hd_arena_get_used (slab->arena) == 0)
        g_ptr_array_remove_index (slabs, i);
      return;
    }

  cudaFree (memory);
  cudaGetLastError ();
}

void
hd_cuda_weight_memory_free (HdCudaContext *cuda)
{
  if (cuda->slabs != NULL)
    g_ptr_array_unref (get_slabs (cuda));
  cuda->slabs = NULL;
}
