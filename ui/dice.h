/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* The picture of a die, in the text's colour and as large as the icons of buttons: icon themes have none. */
GtkWidget *hd_dice_new (void);

G_END_DECLS
