/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* The prompt with the history of prompts, and the negative prompt folded away below. Ctrl+Up and Ctrl+Down in the prompt go
 * through the history. */
#define HD_TYPE_PROMPT_BOX (hd_prompt_box_get_type ())
G_DECLARE_FINAL_TYPE (HdPromptBox, hd_prompt_box, HD, PROMPT_BOX, GtkBox)

GtkWidget *hd_prompt_box_new      (GObject     *config);

/* The prompts as they are go into the history. */
void       hd_prompt_box_remember (HdPromptBox *box);

/* Puts the cursor into the prompt. */
void       hd_prompt_box_focus    (HdPromptBox *box);

G_END_DECLS
