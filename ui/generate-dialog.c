/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/generate-dialog.h"
#include "ui/generate-form.h"
#include "ui/message-bar.h"
#include "ui/progress-text.h"
#include "ui/run-engine.h"
#include "ui/status-area.h"

/* Milliseconds between the last change of an argument and a new estimate. */
#define ESTIMATE_DELAY 250

/* GimpProcedureDialog's button, which has no name in public. */
#define RESPONSE_RESET 1

/* The dialog is idle while @cancellable is NULL, and at work otherwise. It belongs to the main thread; the
 * engine is lent to a worker while at work. */
typedef struct
{
  GimpProcedureConfig  *config;
  const HdGenerateHost *host;
  HdEngine             *engine;

  GtkWidget            *dialog;
  GtkWidget            *message;
  GtkWidget            *form;
  GtkWidget            *status;

  int                   base_type;    /* of the image, as it is known to the user */
  GCancellable         *cancellable;
  gint64                started;      /* monotonic time */
  gboolean              closing;      /* to be closed as soon as the engine has stopped */
  guint                 estimate_id;
} HdGenerateDialog;

static gboolean
is_working (HdGenerateDialog *self)
{
  return self->cancellable != NULL;
}

static void
set_button (HdGenerateDialog *self,
            int               response,
            const char       *label,
            gboolean          sensitive,
            const char       *tooltip)
{
  GtkWidget *button = gtk_dialog_get_widget_for_response (GTK_DIALOG (self->dialog), response);

  if (label)
    gtk_button_set_label (GTK_BUTTON (button), label);
  gtk_widget_set_sensitive (button, sensitive);
  gtk_widget_set_tooltip_text (button, tooltip);
}

/* --- idle: what can be run, and what it would need ----------------------------- */

static gboolean
show_estimate (gpointer data)
{
  HdGenerateDialog     *self = data;
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (GError)    error = NULL;
  g_autofree char      *text = NULL;
  HdEstimate            estimate = { 0, };

  self->estimate_id = 0;
  if (is_working (self))
    return G_SOURCE_REMOVE;

  request = self->host->make_request (self->config, self->host->data, NULL);
  if (! request)
    return G_SOURCE_REMOVE;

  if (hd_engine_estimate (self->engine, request, &estimate, &error))
    text = hd_describe_estimate (&estimate);
  hd_status_area_set_text (HD_STATUS_AREA (self->status), text ? text : error->message);
  hd_estimate_clear (&estimate);

  return G_SOURCE_REMOVE;
}

/* Lets Generate be pressed, or says why it cannot be. */
static void
check_arguments (HdGenerateDialog *self)
{
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (GError)    error = NULL;

  if (is_working (self))
    return;

  request = self->host->make_request (self->config, self->host->data, &error);
  set_button (self, GTK_RESPONSE_OK, NULL, request != NULL, request ? NULL : error->message);

  g_clear_handle_id (&self->estimate_id, g_source_remove);
  hd_status_area_set_text (HD_STATUS_AREA (self->status), request ? "" : error->message);
  if (request)
    self->estimate_id = g_timeout_add (ESTIMATE_DELAY, show_estimate, self);
}

static void check_image (HdGenerateDialog *self);

static void
convert_image (HdGenerateDialog *self)
{
  GimpImage *image = self->host->get_image (self->host->data);

  if (image)
    {
      gimp_image_convert_rgb (image);
      gimp_displays_flush ();
    }
  check_image (self);
}

static void
tell_base_type (HdGenerateDialog *self)
{
  HdMessageBar *bar = HD_MESSAGE_BAR (self->message);

  switch (self->base_type)
    {
    case GIMP_RGB:
      hd_message_bar_clear (bar);
      return;

    case GIMP_GRAY:
      hd_message_bar_show (bar, GTK_MESSAGE_INFO,
                           _("The image is in grayscale. The layer will be, too."));
      break;

    case GIMP_INDEXED:
      hd_message_bar_show (bar, GTK_MESSAGE_WARNING,
                           _("The image has a palette, which cannot hold the colours of a picture."));
      break;
    }

  hd_message_bar_offer (bar, _("Convert to RGB"), G_CALLBACK (convert_image), self);
}

/* The image may have been changed or closed since it was looked at last. */
static void
check_image (HdGenerateDialog *self)
{
  GimpImage         *image = self->host->get_image (self->host->data);
  GimpImageBaseType  base_type = image ? gimp_image_get_base_type (image) : GIMP_RGB;

  hd_generate_form_set_image (HD_GENERATE_FORM (self->form), image);
  if ((int) base_type != self->base_type)
    {
      self->base_type = base_type;
      tell_base_type (self);
    }

  check_arguments (self);
}

/* --- at work ------------------------------------------------------------------- */

static void
show_working (HdGenerateDialog *self,
              gboolean          working)
{
  gtk_widget_set_sensitive (self->form, ! working);
  set_button (self, RESPONSE_RESET, NULL, ! working, NULL);
  set_button (self, GTK_RESPONSE_CANCEL, working ? _("_Cancel") : _("_Close"), TRUE, NULL);
  if (working)
    {
      set_button (self, GTK_RESPONSE_OK, NULL, FALSE, NULL);
      gtk_widget_grab_focus (gtk_dialog_get_widget_for_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_CANCEL));
    }
  else
    hd_generate_form_focus_prompt (HD_GENERATE_FORM (self->form));

  hd_status_area_set_fraction (HD_STATUS_AREA (self->status), working ? 0.0 : -1.0);
}

static void
show_progress (const HdProgress *progress,
               gpointer          user_data)
{
  HdGenerateDialog *self = user_data;
  g_autofree char  *text = hd_describe_progress (progress);

  if (g_cancellable_is_cancelled (self->cancellable))
    return;

  hd_status_area_set_text (HD_STATUS_AREA (self->status), text);
  hd_status_area_set_fraction (HD_STATUS_AREA (self->status), progress->fraction);
}

static void
take_picture (HdGenerateDialog *self,
              const HdPicture  *picture)
{
  double              seconds = (g_get_monotonic_time () - self->started) / (double) G_USEC_PER_SEC;
  g_autoptr (GError)  error = NULL;
  g_autofree char    *message = NULL;
  g_autofree char    *text = NULL;

  if (! self->host->take_picture (picture, self->host->data, &message, &error))
    {
      hd_message_bar_show (HD_MESSAGE_BAR (self->message), GTK_MESSAGE_ERROR, error->message);
      return;
    }

  gimp_displays_flush ();
  hd_generate_form_set_image (HD_GENERATE_FORM (self->form), self->host->get_image (self->host->data));
  hd_generate_form_set_seed (HD_GENERATE_FORM (self->form), picture->request->seed);
  if (message)
    hd_message_bar_show (HD_MESSAGE_BAR (self->message), GTK_MESSAGE_INFO, message);

  text = g_strdup_printf (_("Done in %.1f seconds, with the seed %d."), seconds, (int) picture->request->seed);
  hd_status_area_set_text (HD_STATUS_AREA (self->status), text);
}

static void
take_result (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  HdGenerateDialog     *self = user_data;
  g_autoptr (GError)    error = NULL;
  g_autoptr (HdPicture) picture = hd_run_engine_finish (result, &error);

  g_clear_object (&self->cancellable);
  show_working (self, FALSE);
  /* Says why, if the image has become one that cannot take another picture. */
  check_arguments (self);
  g_clear_handle_id (&self->estimate_id, g_source_remove);

  if (picture)
    take_picture (self, picture);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    hd_status_area_set_text (HD_STATUS_AREA (self->status), _("Cancelled."));
  else
    {
      hd_status_area_set_text (HD_STATUS_AREA (self->status), "");
      hd_message_bar_show (HD_MESSAGE_BAR (self->message), GTK_MESSAGE_ERROR, error->message);
    }

  if (self->closing)
    gtk_dialog_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_CANCEL);
}

static void
start_working (HdGenerateDialog *self)
{
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (GError)    error = NULL;

  hd_message_bar_clear (HD_MESSAGE_BAR (self->message));
  request = self->host->make_request (self->config, self->host->data, &error);
  if (! request)
    {
      hd_message_bar_show (HD_MESSAGE_BAR (self->message), GTK_MESSAGE_ERROR, error->message);
      return;
    }

  self->cancellable = g_cancellable_new ();
  self->started = g_get_monotonic_time ();
  g_clear_handle_id (&self->estimate_id, g_source_remove);
  show_working (self, TRUE);
  hd_status_area_set_text (HD_STATUS_AREA (self->status), _("Loading the model…"));

  hd_run_engine_async (self->engine, request, show_progress, self, self->cancellable, take_result, self);
}

static void
stop_working (HdGenerateDialog *self)
{
  g_cancellable_cancel (self->cancellable);
  set_button (self, GTK_RESPONSE_CANCEL, NULL, FALSE, NULL);
  hd_status_area_set_text (HD_STATUS_AREA (self->status), _("Cancelling…"));
}

/* --- the dialog ---------------------------------------------------------------- */

/* Comes before gimp_procedure_dialog_run()'s own handlers, which end the dialog. */
static void
on_response (GtkDialog        *dialog,
             int               response,
             HdGenerateDialog *self)
{
  if (response == GTK_RESPONSE_OK && ! is_working (self))
    start_working (self);
  else if (response != GTK_RESPONSE_OK && response != RESPONSE_RESET && is_working (self))
    stop_working (self);
  else if (! is_working (self))
    return;

  g_signal_stop_emission_by_name (dialog, "response");
}

static gboolean
on_delete (GtkWidget        *dialog,
           GdkEvent         *event,
           HdGenerateDialog *self)
{
  if (! is_working (self))
    return GDK_EVENT_PROPAGATE;

  self->closing = TRUE;
  stop_working (self);
  return GDK_EVENT_STOP;
}

static gboolean
on_focus_in (GtkWidget        *dialog,
             GdkEvent         *event,
             HdGenerateDialog *self)
{
  if (! is_working (self))
    check_image (self);

  return GDK_EVENT_PROPAGATE;
}

/* A caller may have left strings out, and so may the settings of the last run. */
static void
settle_strings (GObject *config)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint                   n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (config), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_autofree char *value = NULL;

      if (! G_IS_PARAM_SPEC_STRING (pspecs[i]))
        continue;
      g_object_get (config, pspecs[i]->name, &value, NULL);
      if (! value)
        g_object_set_property (config, pspecs[i]->name, g_param_spec_get_default_value (pspecs[i]));
    }
}

static void
build_dialog (HdGenerateDialog *self,
              GimpProcedure    *procedure)
{
  g_auto (GStrv)  models = self->host->list_models ();
  GtkWidget      *content;

  self->dialog = gimp_procedure_dialog_new (procedure, self->config, _("Generate a Layer"));
  gimp_procedure_dialog_set_ok_label (GIMP_PROCEDURE_DIALOG (self->dialog), _("_Generate"));
  gtk_window_set_default_size (GTK_WINDOW (self->dialog), 600, -1);

  self->message = hd_message_bar_new ();
  self->form = hd_generate_form_new (GIMP_PROCEDURE_DIALOG (self->dialog), G_OBJECT (self->config),
                                     (const char * const *) models);
  self->status = hd_status_area_new ();

  content = gtk_dialog_get_content_area (GTK_DIALOG (self->dialog));
  gtk_box_set_spacing (GTK_BOX (content), 12);
  gtk_box_pack_start (GTK_BOX (content), self->message, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), self->form, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), self->status, FALSE, FALSE, 0);
  gtk_widget_show (self->form);
  gtk_widget_show (self->status);

  g_signal_connect (self->dialog, "response", G_CALLBACK (on_response), self);
  g_signal_connect (self->dialog, "delete-event", G_CALLBACK (on_delete), self);
  g_signal_connect (self->dialog, "focus-in-event", G_CALLBACK (on_focus_in), self);
}

void
hd_generate_dialog_run (GimpProcedure        *procedure,
                        GimpProcedureConfig  *config,
                        const HdGenerateHost *host)
{
  HdGenerateDialog self = { .config = config, .host = host, .base_type = GIMP_RGB };
  gulong           notify_id;

  gimp_ui_init (GETTEXT_PACKAGE);

  self.engine = hd_engine_new ();
  settle_strings (G_OBJECT (config));
  build_dialog (&self, procedure);
  notify_id = g_signal_connect_swapped (config, "notify", G_CALLBACK (check_arguments), &self);

  check_image (&self);
  show_working (&self, FALSE);
  gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (self.dialog));

  g_signal_handler_disconnect (config, notify_id);
  g_clear_handle_id (&self.estimate_id, g_source_remove);
  gtk_widget_destroy (self.dialog);
  hd_engine_free (self.engine);
}
