/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* The fields for all arguments of the procedure, in frames. */
#define HD_TYPE_GENERATE_FORM (hd_generate_form_get_type ())
G_DECLARE_FINAL_TYPE (HdGenerateForm, hd_generate_form, HD, GENERATE_FORM, GtkBox)

/* @models: the folders of the installed models, the default one first. */
GtkWidget *hd_generate_form_new          (GimpProcedureDialog *dialog,
                                          GObject             *config,
                                          const char * const  *models);

/* The image that pictures go into; NULL if there is none. */
void       hd_generate_form_set_image    (HdGenerateForm      *form,
                                          GimpImage           *image);

/* The seed that the last picture was made with. */
void       hd_generate_form_set_seed     (HdGenerateForm      *form,
                                          gint64               seed);

/* Puts the cursor where most people begin. */
void       hd_generate_form_focus_prompt (HdGenerateForm      *form);

G_END_DECLS
