/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/cost-line.h"
#include "ui/dialog-config.h"
#include "ui/message-bar.h"
#include "ui/progress-text.h"
#include "ui/results-pane.h"
#include "ui/run-engine.h"
#include "ui/status-area.h"
#include "ui/task-dialog-private.h"
#include "ui/task-form.h"

/* --- at work ------------------------------------------------------------------- */

void
hd_task_dialog_show_working (HdTaskDialog *self,
                             gboolean      working)
{
  gtk_widget_set_sensitive (self->stack, ! working);
  gtk_widget_set_sensitive (self->from_picture, ! working);
  hd_results_pane_set_working (HD_RESULTS_PANE (self->pane), working);
  hd_task_dialog_set_button (self, HD_RESPONSE_RESET, NULL, ! working, NULL);
  hd_task_dialog_set_button (self, GTK_RESPONSE_CANCEL, working ? _("_Cancel") : _("_Close"), TRUE, NULL);
  if (working)
    {
      hd_task_dialog_set_button (self, GTK_RESPONSE_OK, NULL, FALSE, NULL);
      gtk_widget_grab_focus (gtk_dialog_get_widget_for_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_CANCEL));
    }
  else
    hd_task_form_focus_prompt (HD_TASK_FORM (self->form));

  hd_status_area_set_fraction (HD_STATUS_AREA (self->status), working ? 0.0 : -1.0);
}

static void
show_progress (const HdProgress *progress,
               gpointer          user_data)
{
  HdTaskDialog    *self = user_data;
  g_autofree char *text = hd_describe_progress (progress);

  hd_cost_line_take_progress (HD_COST_LINE (self->cost), progress);
  if (g_cancellable_is_cancelled (self->cancellable))
    return;

  hd_task_dialog_set_text (self, text);
  hd_status_area_set_fraction (HD_STATUS_AREA (self->status), progress->fraction);
  hd_results_pane_show_preview (HD_RESULTS_PANE (self->pane), progress->preview);
}

static gboolean
take_picture (const HdPicture  *picture,
              gpointer          user_data,
              GError          **error)
{
  HdTaskDialog    *self = user_data;
  HdKeptPicture   *kept = NULL;
  g_autofree char *message = NULL;

  if (! self->host->take_picture (picture, self->host->data, &kept, &message, error))
    return FALSE;

  gimp_displays_flush ();
  hd_results_pane_add (HD_RESULTS_PANE (self->pane), picture, kept, self->settings);
  if (self->n_made++ == 0)
    self->first_seed = picture->request->seed;
  hd_task_dialog_show_image (self);
  hd_task_form_set_seed (HD_TASK_FORM (self->form), picture->request->seed);
  if (message)
    hd_task_dialog_show_message (self, GTK_MESSAGE_INFO, message);

  return TRUE;
}

static void
tell_result (HdTaskDialog *self,
             const GError *error)
{
  double           seconds = (g_get_monotonic_time () - self->started) / (double) G_USEC_PER_SEC;
  g_autofree char *text = NULL;

  if (! error)
    text = hd_describe_done (self->n_made, self->first_seed, seconds);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    text = g_strdup (self->n_made > 0 ? _("Cancelled. The pictures that were ready are in the image.")
                                      : _("Cancelled."));
  else
    hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, error->message);

  hd_task_dialog_set_text (self, text ? text : "");
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  HdTaskDialog      *self = user_data;
  g_autoptr (GError) error = NULL;

  hd_run_engine_finish (result, &error);
  hd_cost_line_end_run (HD_COST_LINE (self->cost), error == NULL);

  g_clear_object (&self->cancellable);
  g_clear_object (&self->settings);
  hd_task_dialog_show_working (self, FALSE);
  /* Says why, if the image has become one that cannot take another picture. */
  hd_task_dialog_check_arguments (self);
  tell_result (self, error);

  if (self->closing)
    gtk_dialog_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_CANCEL);
}

void
hd_task_dialog_start (HdTaskDialog *self)
{
  static const HdRunFuncs funcs = { .progress = show_progress, .picture = take_picture };
  g_autoptr (HdRequest)   request = NULL;
  g_autoptr (GError)      error = NULL;

  hd_message_bar_clear (HD_MESSAGE_BAR (self->message));
  request = self->host->make_request (self->config, FALSE, self->host->data, &error);
  if (! request)
    {
      hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, error->message);
      return;
    }

  self->cancellable = g_cancellable_new ();
  self->settings = hd_dialog_config_copy (self->procedure, G_OBJECT (self->config));
  self->started = g_get_monotonic_time ();
  self->n_made = 0;
  hd_task_form_remember_prompt (HD_TASK_FORM (self->form));
  hd_cost_line_begin_run (HD_COST_LINE (self->cost));
  hd_task_dialog_show_working (self, TRUE);
  hd_task_dialog_set_text (self, _("Loading the model…"));

  hd_run_engine_async (self->engine, request, &funcs, self, self->cancellable, take_result, self);
}

void
hd_task_dialog_stop (HdTaskDialog *self)
{
  g_cancellable_cancel (self->cancellable);
  hd_task_dialog_set_button (self, GTK_RESPONSE_CANCEL, NULL, FALSE, NULL);
  hd_task_dialog_set_text (self, _("Cancelling…"));
}

/* --- pictures that were made before ----------------------------------------------- */

static void
bring_back (HdTaskDialog *self,
            HdResult     *result)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *message = NULL;

  if (! self->host->bring_back (result->kept, self->host->data, &message, &error))
    hd_task_dialog_show_message (self, GTK_MESSAGE_ERROR, error->message);
  else if (message)
    hd_task_dialog_show_message (self, GTK_MESSAGE_INFO, message);
  gimp_displays_flush ();
  hd_task_dialog_show_image (self);
}

static void
use_seed (HdTaskDialog *self,
          HdResult     *result)
{
  g_object_set (self->config, "seed", (int) result->seed, NULL);
}

static void
use_settings (HdTaskDialog *self,
              HdResult     *result)
{
  hd_dialog_config_restore (G_OBJECT (self->config), result->settings, result->seed);
  hd_task_dialog_show_models (self, ! hd_task_dialog_has_model (self));
}

GtkWidget *
hd_task_dialog_make_pane (HdTaskDialog *self)
{
  self->pane = hd_results_pane_new (hd_task_dialog_make_hint (self));
  gtk_widget_show (self->pane);

  g_signal_connect_swapped (self->pane, "bring-back", G_CALLBACK (bring_back), self);
  g_signal_connect_swapped (self->pane, "use-seed", G_CALLBACK (use_seed), self);
  g_signal_connect_swapped (self->pane, "use-settings", G_CALLBACK (use_settings), self);

  return self->pane;
}
