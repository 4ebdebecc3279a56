/* SPDX-License-Identifier: Apache-2.0 */

/* The arena against a map of its slots, one byte each. */

#include "kernels/arena.h"

#include <string.h>

#define N_SLOTS   4096
#define N_EVENTS  6000
#define MAX_ALIVE 64
#define MAX_SLOTS 80   /* of one allocation */

/* One alloc (offset is what it gave) or one release. */
typedef struct
{
  gboolean release;
  gsize    size;
  gsize    offset;
} Event;

typedef struct
{
  guint8 taken[N_SLOTS];
  gsize  top;    /* slots: behind the last one taken */
  gsize  peak;
  gsize  used;
} Model;

static gsize
slots_of (gsize size)
{
  return (size + HD_ARENA_ALIGNMENT - 1) / HD_ARENA_ALIGNMENT;
}

static void
model_mark (Model    *model,
            gsize     offset,
            gsize     size,
            gboolean  taken)
{
  gsize first = offset / HD_ARENA_ALIGNMENT;

  for (gsize i = first; i < first + slots_of (size); i++)
    {
      g_assert_cmpint (model->taken[i], !=, taken);
      model->taken[i] = taken;
    }

  model->used += taken ? slots_of (size) : -slots_of (size);
  model->top = N_SLOTS;
  while (model->top > 0 && !model->taken[model->top - 1])
    model->top--;
  model->peak = MAX (model->peak, model->top);
}

/* Length of the run of free slots that begins at @first, 0 if none begins there; below top. */
static gsize
model_gap (const Model *model,
           gsize        first)
{
  gsize end = first;

  if (first > 0 && !model->taken[first - 1])
    return 0;

  while (end < model->top && !model->taken[end])
    end++;

  return end - first;
}

/* The length of the gap that best fit takes; 0: the tail. */
static gsize
model_best_gap (const Model *model,
                gsize        slots)
{
  gsize best = 0;

  for (gsize i = 0; i < model->top; i++)
    {
      gsize gap = model_gap (model, i);

      if (gap >= slots && (best == 0 || gap < best))
        best = gap;
    }

  return best;
}

static void
check_alloc (HdArena *arena,
             Model   *model,
             gsize    size,
             GArray  *events)
{
  gsize slots = slots_of (size);
  gsize best = model_best_gap (model, slots);
  Event event = { .size = size };

  if (!hd_arena_alloc (arena, size, &event.offset))
    {
      g_assert_cmpuint (best, ==, 0);
      g_assert_cmpuint (model->top + slots, >, N_SLOTS);
      return;
    }

  g_assert_cmpuint (event.offset % HD_ARENA_ALIGNMENT, ==, 0);
  g_assert_cmpuint (event.offset / HD_ARENA_ALIGNMENT + slots, <=, N_SLOTS);
  if (best > 0)
    g_assert_cmpuint (model_gap (model, event.offset / HD_ARENA_ALIGNMENT), ==, best);
  else
    g_assert_cmpuint (event.offset / HD_ARENA_ALIGNMENT, ==, model->top);

  model_mark (model, event.offset, size, TRUE);
  g_array_append_val (events, event);
}

static void
check_figures (HdArena     *arena,
               const Model *model)
{
  g_assert_cmpuint (hd_arena_get_used (arena), ==, model->used * HD_ARENA_ALIGNMENT);
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, model->peak * HD_ARENA_ALIGNMENT);
}

/* Takes and gives back at random, as a U-Net does not in the order of a stack. */
static GArray *
run_random (HdArena *arena,
            Model   *model,
            guint32  seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  GArray           *events = g_array_new (FALSE, FALSE, sizeof (Event));
  Event             alive[MAX_ALIVE];
  int               n_alive = 0;

  for (int i = 0; i < N_EVENTS; i++)
    {
      if (n_alive < MAX_ALIVE && g_rand_boolean (rand))
        {
          guint before = events->len;

          check_alloc (arena, model, g_rand_int_range (rand, 1, MAX_SLOTS * HD_ARENA_ALIGNMENT), events);
          if (events->len > before)
            alive[n_alive++] = g_array_index (events, Event, before);
        }
      else if (n_alive > 0)
        {
          int   victim = g_rand_int_range (rand, 0, n_alive);
          Event event = alive[victim];

          event.release = TRUE;
          alive[victim] = alive[--n_alive];
          hd_arena_release (arena, event.offset, event.size);
          model_mark (model, event.offset, event.size, FALSE);
          g_array_append_val (events, event);
        }
      check_figures (arena, model);
    }

  while (n_alive-- > 0)
    {
      hd_arena_release (arena, alive[n_alive].offset, alive[n_alive].size);
      model_mark (model, alive[n_alive].offset, alive[n_alive].size, FALSE);
    }
  check_figures (arena, model);
  g_assert_cmpuint (hd_arena_get_used (arena), ==, 0);

  return events;
}

/* How many of the events succeed, at the offsets that they had. */
static guint
replay (const GArray *events,
        gsize         capacity)
{
  g_autoptr (HdArena) arena = hd_arena_new (capacity);

  for (guint i = 0; i < events->len; i++)
    {
      const Event *event = &g_array_index (events, Event, i);
      gsize        offset;

      if (event->release)
        {
          hd_arena_release (arena, event->offset, event->size);
          continue;
        }
      if (!hd_arena_alloc (arena, event->size, &offset))
        return i;
      g_assert_cmpuint (offset, ==, event->offset);
    }

  return events->len;
}

static void
test_random (void)
{
  for (guint32 seed = 1; seed <= 8; seed++)
    {
      g_autoptr (HdArena) arena = hd_arena_new (N_SLOTS * HD_ARENA_ALIGNMENT);
      g_autofree Model   *model = g_new0 (Model, 1);
      g_autoptr (GArray)  events = run_random (arena, model, seed);
      gsize               offset;

      /* Everything has grown together again. */
      g_assert_true (hd_arena_alloc (arena, hd_arena_get_capacity (arena), &offset));
      g_assert_cmpuint (offset, ==, 0);
    }
}

static void
test_replay (void)
{
  /* As the dry device: room without end, to learn how much is needed. */
  g_autoptr (HdArena) arena = hd_arena_new (G_MAXSSIZE);
  g_autofree Model   *model = g_new0 (Model, 1);
  g_autoptr (GArray)  events = run_random (arena, model, 42);
  gsize               peak = hd_arena_get_peak (arena);

  g_assert_cmpuint (peak, >, 0);
  g_assert_cmpuint (replay (events, peak), ==, events->len);
  g_assert_cmpuint (replay (events, G_MAXSIZE), ==, events->len);
  g_assert_cmpuint (replay (events, peak - 1), <, events->len);
}

static void
test_exhaustion (void)
{
  g_autoptr (HdArena) arena = hd_arena_new (4 * HD_ARENA_ALIGNMENT);
  gsize               offsets[4];
  gsize               offset = 12345;

  for (int i = 0; i < 4; i++)
    g_assert_true (hd_arena_alloc (arena, 1, &offsets[i]));
  g_assert_false (hd_arena_alloc (arena, 1, &offset));

  /* Two gaps of one slot each: two slots in a row are not to be had. */
  hd_arena_release (arena, offsets[0], 1);
  hd_arena_release (arena, offsets[2], 1);
  g_assert_false (hd_arena_alloc (arena, HD_ARENA_ALIGNMENT + 1, &offset));
  g_assert_cmpuint (hd_arena_get_used (arena), ==, 2 * HD_ARENA_ALIGNMENT);

  /* With the one between them, there are three. */
  hd_arena_release (arena, offsets[1], 1);
  g_assert_true (hd_arena_alloc (arena, 3 * HD_ARENA_ALIGNMENT, &offset));
  g_assert_cmpuint (offset, ==, 0);
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, hd_arena_get_capacity (arena));
}

static void
test_empty (void)
{
  g_autoptr (HdArena) arena = hd_arena_new (0);
  g_autoptr (HdArena) small = hd_arena_new (HD_ARENA_ALIGNMENT - 1);
  gsize               offset;

  g_assert_false (hd_arena_alloc (arena, 1, &offset));
  g_assert_false (hd_arena_alloc (small, 1, &offset));
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, 0);
}

/* Sizes whose rounding up, or whose sum with what is taken, would wrap around. */
static void
test_overflow (void)
{
  static const gsize  sizes[] = { G_MAXSIZE, G_MAXSIZE - HD_ARENA_ALIGNMENT + 2, G_MAXSIZE - HD_ARENA_ALIGNMENT };
  g_autoptr (HdArena) arena = hd_arena_new (G_MAXSIZE);
  gsize               offset;

  g_assert_true (hd_arena_alloc (arena, 1, &offset));
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_false (hd_arena_alloc (arena, sizes[i], &offset));
  g_assert_cmpuint (hd_arena_get_used (arena), ==, HD_ARENA_ALIGNMENT);
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, HD_ARENA_ALIGNMENT);

  g_assert_true (hd_arena_alloc (arena, G_MAXSIZE - 3 * HD_ARENA_ALIGNMENT, &offset));
  g_assert_cmpuint (offset, ==, HD_ARENA_ALIGNMENT);
}

static void
test_reset_peak (void)
{
  g_autoptr (HdArena) arena = hd_arena_new (16 * HD_ARENA_ALIGNMENT);
  gsize               first;
  gsize               second;

  g_assert_true (hd_arena_alloc (arena, 2 * HD_ARENA_ALIGNMENT, &first));
  g_assert_true (hd_arena_alloc (arena, 8 * HD_ARENA_ALIGNMENT, &second));
  hd_arena_release (arena, second, 8 * HD_ARENA_ALIGNMENT);
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, 10 * HD_ARENA_ALIGNMENT);

  hd_arena_reset_peak (arena);
  g_assert_cmpuint (hd_arena_get_peak (arena), ==, 2 * HD_ARENA_ALIGNMENT);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/arena/random", test_random);
  g_test_add_func ("/arena/replay", test_replay);
  g_test_add_func ("/arena/exhaustion", test_exhaustion);
  g_test_add_func ("/arena/empty", test_empty);
  g_test_add_func ("/arena/overflow", test_overflow);
  g_test_add_func ("/arena/reset-peak", test_reset_peak);

  return g_test_run ();
}
