/* SPDX-License-Identifier: Apache-2.0 */

#include <unistd.h>

#include <glib/gi18n.h>

#include "ui/pixbuf.h"
#include "ui/results.h"

/* Screens of twice the resolution are common. */
#define MAX_SCREEN_SCALE 2

/* Thumbnails of this many pictures take some 20 MB. */
#define MAX_RESULTS 300

#define MEMORY_SHARE 16
#define MIN_MEMORY   ((gsize) 64 << 20)
#define MAX_MEMORY   ((gsize) 512 << 20)

struct _HdResults
{
  GPtrArray *list;
  gsize      max_bytes;
};

static void
hd_result_free (HdResult *result)
{
  hd_kept_picture_free (result->kept);
  g_clear_object (&result->settings);
  g_clear_object (&result->thumbnail);
  g_clear_object (&result->close_up);
  g_free (result->description);
  g_free (result);
}

HdResults *
hd_results_new (gsize max_bytes)
{
  HdResults *results = g_new0 (HdResults, 1);

  results->list = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_result_free);
  results->max_bytes = max_bytes;
  return results;
}

void
hd_results_free (HdResults *results)
{
  g_ptr_array_unref (results->list);
  g_free (results);
}

gsize
hd_results_usual_memory (void)
{
  long pages = sysconf (_SC_PHYS_PAGES);
  long page_size = sysconf (_SC_PAGESIZE);

  if (pages <= 0 || page_size <= 0)
    return MIN_MEMORY;

  return CLAMP ((gsize) pages / MEMORY_SHARE * (gsize) page_size, MIN_MEMORY, MAX_MEMORY);
}

/* --- bounds --------------------------------------------------------------------- */

static gsize
get_size (const HdResult *result)
{
  return hd_kept_picture_get_size (result->kept)
         + (result->close_up ? gdk_pixbuf_get_byte_length (result->close_up) : 0);
}

static void
drop_pixels (HdResult *result)
{
  hd_kept_picture_drop_pixels (result->kept);
  g_clear_object (&result->close_up);
}

static void
keep_bounds (HdResults *results,
             guint     *n_dropped)
{
  gsize left = results->max_bytes;
  guint too_many = results->list->len > MAX_RESULTS ? results->list->len - MAX_RESULTS : 0;

  for (guint i = results->list->len; i > 0; i--)
    {
      HdResult *result = g_ptr_array_index (results->list, i - 1);
      gsize     size = get_size (result);

      if (size > left && i < results->list->len)
        {
          drop_pixels (result);
          /* Older ones go, too, be they small or large. */
          left = 0;
        }
      else
        left -= MIN (size, left);
    }

  if (too_many > 0)
    g_ptr_array_remove_range (results->list, 0, too_many);
  *n_dropped = too_many;
}

/* --- the list ------------------------------------------------------------------- */

static char *
describe (const HdPicture *picture)
{
  const char *prompt = picture->request->prompt;

  if (! *prompt)
    /* TRANSLATORS: a seed, width and height in pixels. */
    return g_strdup_printf (_("Seed %d, %d × %d"), (int) picture->request->seed, picture->width, picture->height);

  /* TRANSLATORS: a seed, width and height in pixels, and a prompt. */
  return g_strdup_printf (_("Seed %d, %d × %d: %s"), (int) picture->request->seed, picture->width, picture->height,
                          prompt);
}

HdResult *
hd_results_add (HdResults       *results,
                const HdPicture *picture,
                HdKeptPicture   *kept,
                GObject         *settings,
                guint           *n_dropped)
{
  HdResult *result = g_new0 (HdResult, 1);

  *n_dropped = 0;
  result->kept = kept;
  result->settings = g_object_ref (settings);
  result->seed = picture->request->seed;
  result->description = describe (picture);
  result->close_up = hd_pixbuf_new (picture->pixels, picture->width, picture->height,
                                    HD_CLOSE_UP_SIDE * MAX_SCREEN_SCALE);
  if (result->close_up)
    result->thumbnail = hd_pixbuf_fit (result->close_up, HD_THUMBNAIL_SIDE * MAX_SCREEN_SCALE);
  if (! result->thumbnail)
    {
      hd_result_free (result);
      return NULL;
    }

  g_ptr_array_add (results->list, result);
  keep_bounds (results, n_dropped);
  return result;
}

guint
hd_results_count (const HdResults *results)
{
  return results->list->len;
}

HdResult *
hd_results_get (const HdResults *results,
                guint            index)
{
  return index < results->list->len ? g_ptr_array_index (results->list, index) : NULL;
}
