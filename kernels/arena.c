/* SPDX-License-Identifier: Apache-2.0 */

#include "kernels/arena.h"

typedef struct
{
  gsize offset;
  gsize size;
} Gap;

struct _HdArena
{
  gsize   capacity;
  gsize   used;
  gsize   peak;
  gsize   top;    /* [top, capacity) is free; no gap touches it */
  GArray *gaps;   /* of Gap below top, by offset */
};

HdArena *
hd_arena_new (gsize capacity)
{
  HdArena *arena = g_new0 (HdArena, 1);

  arena->capacity = capacity;
  arena->gaps = g_array_new (FALSE, FALSE, sizeof (Gap));

  return arena;
}

void
hd_arena_free (HdArena *arena)
{
  if (arena == NULL)
    return;

  g_array_unref (arena->gaps);
  g_free (arena);
}

/* FALSE if the aligned size does not fit into a gsize. */
static gboolean
align (gsize  size,
       gsize *aligned)
{
  if (!g_size_checked_add (aligned, size, HD_ARENA_ALIGNMENT - 1))
    return FALSE;

  *aligned &= ~(gsize) (HD_ARENA_ALIGNMENT - 1);

  return TRUE;
}

static guint
find_best_gap (HdArena *arena,
               gsize    size)
{
  guint best = arena->gaps->len;

  for (guint i = 0; i < arena->gaps->len; i++)
    {
      gsize gap = g_array_index (arena->gaps, Gap, i).size;

      if (gap >= size
          && (best == arena->gaps->len || gap < g_array_index (arena->gaps, Gap, best).size))
        best = i;
    }

  return best;
}

gboolean
hd_arena_alloc (HdArena *arena,
                gsize    size,
                gsize   *offset)
{
  guint best;

  if (!align (size, &size))
    return FALSE;

  /* The free tail comes last, however well it would fit: placement must not depend on the capacity. */
  best = find_best_gap (arena, size);
  if (best < arena->gaps->len)
    {
      Gap *gap = &g_array_index (arena->gaps, Gap, best);

      *offset = gap->offset;
      gap->offset += size;
      gap->size -= size;
      if (gap->size == 0)
        g_array_remove_index (arena->gaps, best);
    }
  else
    {
      if (size > arena->capacity - arena->top)
        return FALSE;

      *offset = arena->top;
      arena->top += size;
      arena->peak = MAX (arena->peak, arena->top);
    }

  arena->used += size;

  return TRUE;
}

/* The gap at @index has grown: joins it with its neighbours, and the last one with the tail. */
static void
merge_gap (HdArena *arena,
           guint    index)
{
  Gap *gap = &g_array_index (arena->gaps, Gap, index);

  if (index + 1 < arena->gaps->len && gap->offset + gap->size == gap[1].offset)
    {
      gap->size += gap[1].size;
      g_array_remove_index (arena->gaps, index + 1);
    }

  if (index > 0 && gap[-1].offset + gap[-1].size == gap->offset)
    {
      gap[-1].size += gap->size;
      g_array_remove_index (arena->gaps, index);
      index--;
    }

  gap = &g_array_index (arena->gaps, Gap, index);
  if (gap->offset + gap->size == arena->top)
    {
      arena->top = gap->offset;
      g_array_remove_index (arena->gaps, index);
    }
}

void
hd_arena_release (HdArena *arena,
                  gsize    offset,
                  gsize    size)
{
  Gap   gap = { .offset = offset };
  guint index = 0;

  if (!align (size, &gap.size))
    g_return_if_reached ();

  while (index < arena->gaps->len && g_array_index (arena->gaps, Gap, index).offset < offset)
    index++;

  g_array_insert_val (arena->gaps, index, gap);
  merge_gap (arena, index);
  arena->used -= gap.size;
}

/* The index of the gap that ends at @offset, or the number of gaps. */
static guint
find_gap_below (HdArena *arena,
                gsize    offset)
{
  guint i = 0;

  while (i < arena->gaps->len
         && g_array_index (arena->gaps, Gap, i).offset + g_array_index (arena->gaps, Gap, i).size != offset)
    i++;

  return i;
}

gsize
hd_arena_get_gap_below (HdArena *arena,
                        gsize    offset)
{
  guint i = find_gap_below (arena, offset);

  return i < arena->gaps->len ? g_array_index (arena->gaps, Gap, i).size : 0;
}

gsize
hd_arena_lower (HdArena *arena,
                gsize    offset,
                gsize    size)
{
  guint i = find_gap_below (arena, offset);
  Gap  *gap;

  if (i == arena->gaps->len || !align (size, &size))
    return offset;

  gap = &g_array_index (arena->gaps, Gap, i);
  offset = gap->offset;
  gap->offset += size;
  merge_gap (arena, i);

  return offset;
}

gsize
hd_arena_get_capacity (HdArena *arena)
{
  return arena->capacity;
}

gsize
hd_arena_get_used (HdArena *arena)
{
  return arena->used;
}

gsize
hd_arena_get_peak (HdArena *arena)
{
  return arena->peak;
}

void
hd_arena_reset_peak (HdArena *arena)
{
  arena->peak = arena->top;
}
