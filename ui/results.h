/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>
#include <gdk-pixbuf/gdk-pixbuf.h>

#include "engine/engine.h"
#include "plugin/kept-picture.h"

G_BEGIN_DECLS

/* Sides of a thumbnail, and of a picture to look at closely, on a screen of ordinary resolution. */
#define HD_THUMBNAIL_SIDE 72
#define HD_CLOSE_UP_SIDE  320

/**
 * HdResult:
 * @kept: the picture, to bring its layer back
 * @settings: the dialog's arguments when the run began
 * @thumbnail: the picture, small
 * @close_up: (nullable): the picture, larger; %NULL once it was made too long ago to be kept
 * @seed: the picture's
 * @description: (owned): what it shows, for users
 *
 * A picture that was made since the dialog was opened.
 */
typedef struct
{
  HdKeptPicture *kept;
  GObject       *settings;
  GdkPixbuf     *thumbnail;
  GdkPixbuf     *close_up;
  gint64         seed;
  char          *description;
} HdResult;

/* The pictures that were made since the dialog was opened, the first one first. What they take is bounded: the oldest
 * lose their pixels, then their places in the list. */
typedef struct _HdResults HdResults;

/**
 * hd_results_new:
 * @max_bytes: of memory for pixels; the newest picture keeps its own in any case
 */
HdResults *hd_results_new            (gsize             max_bytes);
void       hd_results_free           (HdResults        *results);

/* A sixteenth of the machine's memory, within bounds. */
gsize      hd_results_usual_memory   (void);

/**
 * hd_results_add:
 * @kept: (transfer full)
 * @settings: the arguments that it was made with
 * @n_dropped: (out): how many results at the beginning of the list are gone for it
 *
 * Returns: (transfer none) (nullable): the result; %NULL without memory for a thumbnail.
 */
HdResult  *hd_results_add            (HdResults        *results,
                                      const HdPicture  *picture,
                                      HdKeptPicture    *kept,
                                      GObject          *settings,
                                      guint            *n_dropped);

guint      hd_results_count          (const HdResults  *results);

/* The result of that place in the list, or NULL. */
HdResult  *hd_results_get            (const HdResults  *results,
                                      guint             index);

G_END_DECLS
