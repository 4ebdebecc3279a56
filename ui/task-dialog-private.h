/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/tasks.h"
#include "ui/file-taker.h"
#include "ui/task-dialog.h"

G_BEGIN_DECLS

/* What the parts of a task's dialog have in common. */

/* GimpProcedureDialog's button, which has no name in public. */
#define HD_RESPONSE_RESET 1

typedef struct _HdTaskDialog HdTaskDialog;

/* The dialog is idle while @cancellable is NULL, and at work otherwise. It belongs to the main thread; the
 * engine is lent to a worker while at work. */
struct _HdTaskDialog
{
  GimpProcedure       *procedure;
  GimpProcedureConfig *config;
  const HdTaskHost    *host;
  const HdTaskTexts   *texts;
  HdEngine            *engine;
  HdFileTaker         *files;

  GtkWidget           *dialog;
  GtkWidget           *message;
  GtkWidget           *stack;        /* the form, or the page */
  GtkWidget           *form;
  GtkWidget           *page;         /* on models */
  GtkWidget           *hint;
  GtkWidget           *pane;
  GtkWidget           *cost;
  GtkWidget           *from_picture; /* button */
  GtkWidget           *status;

  gboolean             has_reason;   /* the status says why the work cannot begin */
  char                *unfit;        /* why the last forecast said so; NULL: it did not */
  int                  base_type;    /* of the image, as it is known to the user */
  GCancellable        *loading;      /* of the catalog */
  GCancellable        *cancellable;
  gint64               started;      /* monotonic time */
  GObject             *settings;     /* arguments when the run began */
  int                  n_made;       /* pictures of this run */
  gint64               first_seed;
  gboolean             closing;      /* to be closed as soon as the engine has stopped */
};

/* --- task-dialog.c -------------------------------------------------------------- */

gboolean   hd_task_dialog_is_working      (HdTaskDialog   *self);

/* @label: (nullable): as it is */
void       hd_task_dialog_set_button      (HdTaskDialog   *self,
                                           int             response,
                                           const char     *label,
                                           gboolean        sensitive,
                                           const char     *tooltip);
void       hd_task_dialog_set_text        (HdTaskDialog   *self,
                                           const char     *text);
void       hd_task_dialog_show_message    (HdTaskDialog   *self,
                                           GtkMessageType  type,
                                           const char     *text);

/* Lets the work begin, or says why it cannot. */
void       hd_task_dialog_check_arguments (HdTaskDialog   *self);

/* Lets the form know the image and the layer as they are now. */
void       hd_task_dialog_show_image      (HdTaskDialog   *self);

/* --- task-dialog-models.c: what is installed, and what is dropped ------------------ */

/* The page that says where models come from. */
GtkWidget *hd_task_dialog_make_page       (HdTaskDialog   *self);

/* What is shown where no picture was made yet. */
GtkWidget *hd_task_dialog_make_hint       (HdTaskDialog   *self);

/* Looks for what is installed; without any model the page is shown. */
void       hd_task_dialog_load_catalog    (HdTaskDialog   *self);

/* Shows the page in place of the form, or the form. */
void       hd_task_dialog_show_models     (HdTaskDialog   *self,
                                           gboolean        show);
gboolean   hd_task_dialog_has_model       (HdTaskDialog   *self);

/* What takes the settings of a picture over. */
GtkWidget *hd_task_dialog_make_settings   (HdTaskDialog   *self);

/* Lets files be dropped onto the dialog until hd_file_taker_free(). */
void       hd_task_dialog_take_files      (HdTaskDialog   *self);

/* --- task-dialog-work.c: at work, and what was made ------------------------------- */

/* The picture that grows, and those that were made. */
GtkWidget *hd_task_dialog_make_pane       (HdTaskDialog   *self);
void       hd_task_dialog_show_working    (HdTaskDialog   *self,
                                           gboolean        working);
void       hd_task_dialog_start           (HdTaskDialog   *self);
void       hd_task_dialog_stop            (HdTaskDialog   *self);

G_END_DECLS
