/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "ui/folders-dialog.h"
#include "ui/settings-button.h"
#include "ui/start-hint.h"
#include "ui/task-dialog-private.h"
#include "ui/task-form.h"
#include "ui/welcome-page.h"

/* The model that comes along, and a prompt of words that it was trained with. */
#define DEMO_MODEL  "demo"
#define DEMO_PROMPT "a red star on a sky background"

/* --- what is installed ----------------------------------------------------------- */

void
hd_task_dialog_show_models (HdTaskDialog *self,
                            gboolean      show)
{
  gtk_stack_set_visible_child_name (GTK_STACK (self->stack), show ? "models" : "form");
  if (show)
    hd_welcome_page_focus (HD_WELCOME_PAGE (self->page));
  else
    hd_task_form_focus_prompt (HD_TASK_FORM (self->form));
}

static gboolean
is_page_shown (HdTaskDialog *self)
{
  return g_strcmp0 (gtk_stack_get_visible_child_name (GTK_STACK (self->stack)), "models") == 0;
}

/* A model that lies anywhere will do; as long as nobody knows, there is one. */
gboolean
hd_task_dialog_has_model (HdTaskDialog *self)
{
  g_autofree char *model = NULL;

  if (! hd_catalog_is_loaded (self->host->catalog))
    return TRUE;

  g_object_get (self->config, "model", &model, NULL);
  return (model && *model) || hd_catalog_list (self->host->catalog, HD_LIBRARY_MODEL)->len > 0;
}

static gboolean
has_only_demo (HdTaskDialog *self)
{
  const GPtrArray *models = hd_catalog_list (self->host->catalog, HD_LIBRARY_MODEL);

  return models->len == 1 && g_str_equal (((HdLibraryEntry *) models->pdata[0])->name, DEMO_MODEL);
}

static void
take_catalog (HdTaskDialog *self)
{
  gboolean had_model = ! is_page_shown (self);

  hd_file_taker_named (self->files);
  hd_task_form_show_catalog (HD_TASK_FORM (self->form));
  hd_welcome_page_set_has_model (HD_WELCOME_PAGE (self->page), hd_task_dialog_has_model (self));
  hd_start_hint_set_only_demo (HD_START_HINT (self->hint), has_only_demo (self));
  if (had_model != hd_task_dialog_has_model (self))
    hd_task_dialog_show_models (self, ! hd_task_dialog_has_model (self));
  hd_task_dialog_check_arguments (self);
}

void
hd_task_dialog_load_catalog (HdTaskDialog *self)
{
  if (self->loading)
    g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  self->loading = g_cancellable_new ();

  hd_catalog_load_async (self->host->catalog, self->loading, G_CALLBACK (take_catalog), self);
  hd_task_dialog_check_arguments (self);
}

static void
show_page (HdTaskDialog *self)
{
  hd_task_dialog_show_models (self, TRUE);
}

static void
show_form (HdTaskDialog *self)
{
  hd_task_dialog_show_models (self, FALSE);
}

static void
try_demo (HdTaskDialog *self)
{
  g_object_set (self->config, "model", "", "prompt", DEMO_PROMPT, NULL);
  hd_task_form_focus_prompt (HD_TASK_FORM (self->form));
}

static void
take_folders (const char * const *folders,
              gpointer            data)
{
  HdTaskDialog      *self = data;
  g_autoptr (GError) error = NULL;

  if (! hd_catalog_set_folders (self->host->catalog, folders, &error))
    hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, error->message);
  hd_task_dialog_load_catalog (self);
}

static void
change_folders (HdTaskDialog *self)
{
  hd_folders_dialog_show (GTK_WINDOW (self->dialog), hd_catalog_get_folders (self->host->catalog), take_folders, self);
}

/* --- what is dropped ------------------------------------------------------------- */

static gboolean
may_take_files (gpointer data)
{
  return ! hd_task_dialog_is_working (data) && hd_catalog_is_loaded (((HdTaskDialog *) data)->host->catalog);
}

static gboolean
read_picture (const char  *path,
              gpointer     data,
              char       **message,
              GError     **error)
{
  HdTaskDialog *self = data;

  if (! self->host->read_picture (path, self->config, self->host->data, message, error))
    return FALSE;

  hd_task_dialog_show_models (self, ! hd_task_dialog_has_model (self));
  return TRUE;
}

static void
take_settings (const char *path,
               gpointer    data)
{
  HdTaskDialog      *self = data;
  g_autofree char   *message = NULL;
  g_autoptr (GError) error = NULL;

  if (! may_take_files (self))
    return;

  if (read_picture (path, self, &message, &error))
    hd_task_dialog_show_message (self, GTK_MESSAGE_INFO, message);
  else
    hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, error->message);
}

GtkWidget *
hd_task_dialog_make_settings (HdTaskDialog *self)
{
  return hd_settings_button_new (take_settings, self);
}

static void
reload (gpointer data)
{
  hd_task_dialog_load_catalog (data);
}

static void
tell (GtkMessageType  type,
      const char     *text,
      gpointer        data)
{
  hd_task_dialog_show_message (data, type, text);
}

static const HdFileTakerFuncs file_funcs = {
  .may_take = may_take_files, .read_picture = read_picture, .reload = reload, .tell = tell,
};

static void
take_chosen (HdTaskDialog *self,
             char        **uris)
{
  hd_file_taker_take (self->files, (const char * const *) uris);
}

static void
tell_failure (HdTaskDialog *self,
              const char   *text)
{
  hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, text);
}

void
hd_task_dialog_take_files (HdTaskDialog *self)
{
  self->files = hd_file_taker_new (self->dialog, G_OBJECT (self->config), self->host->catalog, &file_funcs, self);
}

/* --- widgets -------------------------------------------------------------------- */

GtkWidget *
hd_task_dialog_make_page (HdTaskDialog *self)
{
  GtkWidget *scroller = gtk_scrolled_window_new (NULL, NULL);

  self->page = hd_welcome_page_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_container_add (GTK_CONTAINER (scroller), self->page);
  gtk_widget_show_all (scroller);

  g_signal_connect_swapped (self->page, "files-chosen", G_CALLBACK (take_chosen), self);
  g_signal_connect_swapped (self->page, "failed", G_CALLBACK (tell_failure), self);
  g_signal_connect_swapped (self->page, "change-folders", G_CALLBACK (change_folders), self);
  g_signal_connect_swapped (self->page, "look-again", G_CALLBACK (hd_task_dialog_load_catalog), self);
  g_signal_connect_swapped (self->page, "leave", G_CALLBACK (show_form), self);

  return scroller;
}

GtkWidget *
hd_task_dialog_make_hint (HdTaskDialog *self)
{
  self->hint = hd_start_hint_new ();
  g_signal_connect_swapped (self->hint, "try-demo", G_CALLBACK (try_demo), self);
  g_signal_connect_swapped (self->hint, "get-models", G_CALLBACK (show_page), self);

  return self->hint;
}
