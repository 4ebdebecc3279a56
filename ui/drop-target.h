/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * HdDropFuncs:
 * @may_take: whether files can be taken now
 * @take: takes the paths, which are ended by NULL; what is not a local file is left out
 * @refuse: (nullable): told of one that is not
 */
typedef struct
{
  gboolean (* may_take) (gpointer            data);
  void     (* take)     (const char * const *paths,
                         gpointer            data);
  void     (* refuse)   (const char         *uri,
                         gpointer            data);
} HdDropFuncs;

/* Lets files and folders be dropped anywhere in a window. The fields in it, which would take their names for text, let
 * them pass. @funcs: (transfer none), to be kept */
void hd_drop_target_add  (GtkWidget         *window,
                          const HdDropFuncs *funcs,
                          gpointer           data);

/* What dropping does, for files that were chosen otherwise. */
void hd_drop_target_take (const char * const *uris,
                          const HdDropFuncs  *funcs,
                          gpointer            data);

G_END_DECLS
