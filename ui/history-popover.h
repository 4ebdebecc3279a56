/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "ui/history.h"

G_BEGIN_DECLS

/* The list of prompts with a field to search in it. Emits "chosen" with a HdHistoryItem, which is the list's. */
#define HD_TYPE_HISTORY_POPOVER (hd_history_popover_get_type ())
G_DECLARE_FINAL_TYPE (HdHistoryPopover, hd_history_popover, HD, HISTORY_POPOVER, GtkPopover)

/* @history: (transfer none): to be kept as long as the popover */
GtkWidget *hd_history_popover_new    (HdHistory        *history);

/* The history has changed. @error: (nullable): why it cannot be kept */
void       hd_history_popover_update (HdHistoryPopover *popover,
                                      const GError     *error);

G_END_DECLS
