/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The prompts that pictures were made of, the latest first, kept in a file with a JSON object a line from one session to the
 * next. Several dialogs may be open: what is added is added to what the file has by then. */

#define HD_HISTORY_MAX_ITEMS 500

/**
 * HdHistoryItem:
 * @prompt: as it was typed, before any style
 * @negative_prompt: likewise
 */
typedef struct
{
  char *prompt;
  char *negative_prompt;
} HdHistoryItem;

typedef struct _HdHistory HdHistory;

/* @path: the file, which may be missing. What cannot be read in it is passed over. */
HdHistory       *hd_history_new      (const char     *path);
void             hd_history_free     (HdHistory      *history);

/* (element-type HdHistoryItem): the latest first. Owned by the history, until it is changed. */
const GPtrArray *hd_history_get      (HdHistory      *history);

/**
 * hd_history_add:
 *
 * Puts the prompts first; if they are there already they move there. The oldest ones beyond %HD_HISTORY_MAX_ITEMS go.
 * Nothing is added if there is nothing but space in @prompt.
 *
 * Returns: %FALSE if the file cannot be written, or is something that must not be written over; the prompts are
 *   there for this session then.
 */
gboolean         hd_history_add      (HdHistory      *history,
                                      const char     *prompt,
                                      const char     *negative_prompt,
                                      GError        **error);

/* Forgets all. */
gboolean         hd_history_clear    (HdHistory      *history,
                                      GError        **error);

/* Brings back what the last hd_history_clear() forgot, below what was added since. */
gboolean         hd_history_restore  (HdHistory      *history,
                                      GError        **error);
gboolean         hd_history_can_restore (HdHistory   *history);

/* Whether all words of @words are in one of the two prompts, in small letters or capitals. */
gboolean         hd_history_item_matches (const HdHistoryItem *item,
                                          const char          *words);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HdHistory, hd_history_free)

G_END_DECLS
