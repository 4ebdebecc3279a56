/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

#include "plugin/catalog.h"

G_BEGIN_DECLS

/**
 * HdFileTakerFuncs:
 * @may_take: whether files can be taken now
 * @read_picture: fills the arguments from a picture that knows how it was made; may set *message
 * @reload: the catalog has to be loaded again
 * @tell: shows the user a message
 *
 * What is asked of the dialog.
 */
typedef struct
{
  gboolean (* may_take)     (gpointer         data);
  gboolean (* read_picture) (const char      *path,
                             gpointer         data,
                             char           **message,
                             GError         **error);
  void     (* reload)       (gpointer         data);
  void     (* tell)         (GtkMessageType   type,
                             const char      *text,
                             gpointer         data);
} HdFileTakerFuncs;

/* Takes files and folders that are dropped onto a dialog: looks what they are, and uses them. */
typedef struct _HdFileTaker HdFileTaker;

/* @funcs: (transfer none), to be kept */
HdFileTaker *hd_file_taker_new   (GtkWidget              *window,
                                  GObject                *config,
                                  HdCatalog              *catalog,
                                  const HdFileTakerFuncs *funcs,
                                  gpointer                data);
void         hd_file_taker_free  (HdFileTaker            *taker);

/* Takes files that were chosen otherwise; ended by NULL. */
void         hd_file_taker_take  (HdFileTaker            *taker,
                                  const char * const     *uris);

/* To be called once the catalog was loaded. */
void         hd_file_taker_named (HdFileTaker            *taker);

G_END_DECLS
