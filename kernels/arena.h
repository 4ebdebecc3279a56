/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A range of offsets [0, capacity) from which tensors take their room: best fit, neighbours merged when they
 * are freed. It holds offsets, not memory, so that the dry device, the CPU and a GPU share it; the same run
 * gives the same offsets everywhere, which is why a dry run's peak is the very capacity that the run needs. */

#define HD_ARENA_ALIGNMENT 256

typedef struct _HdArena HdArena;

HdArena *hd_arena_new   (gsize    capacity);
void     hd_arena_free  (HdArena *arena);

/* *@offset of @size bytes (> 0, rounded up to the alignment). FALSE if no gap is large enough. */
gboolean hd_arena_alloc (HdArena *arena, gsize size, gsize *offset);

/* Gives back what hd_arena_alloc() gave; @size as it was asked for. */
void     hd_arena_release (HdArena *arena, gsize offset, gsize size);

/* The size of the gap right below the allocation at @offset; 0 if there is none. */
gsize    hd_arena_get_gap_below (HdArena *arena, gsize offset);

/* Moves the allocation of @size at @offset down to where that gap begins, and returns this offset. */
gsize    hd_arena_lower         (HdArena *arena, gsize offset, gsize size);

gsize    hd_arena_get_capacity (HdArena *arena);
gsize    hd_arena_get_used     (HdArena *arena);

/* The highest end of an allocation since the last reset: a capacity with which the same requests succeed. */
gsize    hd_arena_get_peak     (HdArena *arena);
void     hd_arena_reset_peak   (HdArena *arena);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdArena, hd_arena_free)

G_END_DECLS
