/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

#include "engine/request.h"
#include "plugin/catalog.h"

G_BEGIN_DECLS

/* The fields for all arguments of a task's procedure, in frames. */
#define HD_TYPE_TASK_FORM (hd_task_form_get_type ())
G_DECLARE_FINAL_TYPE (HdTaskForm, hd_task_form, HD, TASK_FORM, GtkBox)

/* Emits "folders-changed" when the user has added or removed folders: the catalog has to be loaded again. */
GtkWidget *hd_task_form_new          (GObject         *config,
                                      HdTask           task,
                                      HdCatalog       *catalog);

/* Offers what is installed, once the catalog is loaded. */
void       hd_task_form_show_catalog (HdTaskForm      *form);

/* The image that pictures go into and the layer that they are made from; NULL if there is none. */
void       hd_task_form_set_image    (HdTaskForm      *form,
                                      GimpImage       *image,
                                      GimpLayer       *source);

/* What the model makes of all that was left to it, and the side of the pictures that it was trained on. */
void       hd_task_form_set_suited   (HdTaskForm      *form,
                                      const HdRequest *settled,
                                      int              native_size);

/* The seed that the last picture was made with. */
void       hd_task_form_set_seed     (HdTaskForm      *form,
                                      gint64           seed);

/* The prompt is being used: it goes into the history. */
void       hd_task_form_remember_prompt (HdTaskForm   *form);

/* Puts the cursor where most people begin. */
void       hd_task_form_focus_prompt (HdTaskForm      *form);

G_END_DECLS
