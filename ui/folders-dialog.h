/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Takes the new list, which is ended by NULL. */
typedef void (* HdFoldersFunc) (const char * const *folders,
                                gpointer            user_data);

/**
 * hd_folders_dialog_show:
 * @folders: (array zero-terminated=1): those that models and what belongs to them are looked for in
 * @take: called if the user has changed the list, while @parent is there
 *
 * Lets the user change the list, in a modal dialog that goes with @parent.
 */
void hd_folders_dialog_show (GtkWindow           *parent,
                             const char * const  *folders,
                             HdFoldersFunc        take,
                             gpointer             user_data);

G_END_DECLS
