/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "plugin/tasks.h"
#include "ui/cost-line.h"
#include "ui/form-scroller.h"
#include "ui/message-bar.h"
#include "ui/progress-text.h"
#include "ui/run-engine.h"
#include "ui/status-area.h"
#include "ui/task-dialog.h"
#include "ui/task-form.h"

/* GimpProcedureDialog's button, which has no name in public. */
#define RESPONSE_RESET 1

/* Of the screen's height, what is left for the rest of the dialog, its frame and the desktop's panels. */
#define HEIGHT_BESIDE_FORM 300

/* The dialog is idle while @cancellable is NULL, and at work otherwise. It belongs to the main thread; the
 * engine is lent to a worker while at work. */
typedef struct
{
  GimpProcedureConfig *config;
  const HdTaskHost    *host;
  const HdTaskTexts   *texts;
  HdEngine            *engine;

  GtkWidget           *dialog;
  GtkWidget           *message;
  GtkWidget           *form;
  GtkWidget           *cost;
  GtkWidget           *status;

  gboolean             has_reason;   /* the status says why the work cannot begin */
  char                *unfit;        /* why the last forecast said so; NULL: it did not */
  int                  base_type;    /* of the image, as it is known to the user */
  GCancellable        *loading;      /* of the catalog */
  GCancellable        *cancellable;
  gint64               started;      /* monotonic time */
  int                  n_made;       /* pictures of this run */
  gint64               first_seed;
  gboolean             closing;      /* to be closed as soon as the engine has stopped */
} HdTaskDialog;

static gboolean
is_working (HdTaskDialog *self)
{
  return self->cancellable != NULL;
}

static void
set_button (HdTaskDialog *self,
            int           response,
            const char   *label,
            gboolean      sensitive,
            const char   *tooltip)
{
  GtkWidget *button = gtk_dialog_get_widget_for_response (GTK_DIALOG (self->dialog), response);

  if (label)
    gtk_button_set_label (GTK_BUTTON (button), label);
  gtk_widget_set_sensitive (button, sensitive);
  gtk_widget_set_tooltip_text (button, tooltip);
}

static void
set_text (HdTaskDialog *self,
          const char   *text)
{
  hd_status_area_set_text (HD_STATUS_AREA (self->status), text);
}

static void
show_message (HdTaskDialog   *self,
              GtkMessageType  type,
              const char     *text)
{
  hd_message_bar_show (HD_MESSAGE_BAR (self->message), type, text);
}

/* --- idle: what can be run, and what it would need ----------------------------- */

/* Why the work cannot begin; NULL: it can. */
static void
set_reason (HdTaskDialog *self,
            const char   *reason)
{
  set_button (self, GTK_RESPONSE_OK, NULL, reason == NULL, reason);
  if (reason || self->has_reason)
    set_text (self, reason ? reason : "");
  self->has_reason = reason != NULL;
}

static HdRequest *
draft_request (HdTaskDialog  *self,
               GError       **error)
{
  return self->host->make_request (self->config, TRUE, self->host->data, error);
}

/* That the prompt is missing comes first: the rest is then only a draft's. */
static void
take_forecast (const HdForecast *forecast,
               gpointer          user_data)
{
  HdTaskDialog *self = user_data;

  if (is_working (self))
    return;

  if (forecast->settled)
    hd_task_form_set_suited (HD_TASK_FORM (self->form), forecast->settled);
  g_free (self->unfit);
  self->unfit = forecast->error ? g_strdup (forecast->error->message) : NULL;

  if (self->host->check_prompt (self->config, self->host->data, NULL))
    set_reason (self, self->unfit);
}

/* Lets the work begin, or says why it cannot. */
static void
check_arguments (HdTaskDialog *self)
{
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (GError)    error = NULL;

  if (is_working (self))
    return;

  if (! hd_catalog_is_loaded (self->host->catalog))
    {
      set_reason (self, _("Looking for models…"));
      return;
    }

  request = draft_request (self, &error);
  if (request)
    self->host->check_prompt (self->config, self->host->data, &error);
  hd_cost_line_set_request (HD_COST_LINE (self->cost), request);
  /* What did not fit may fit now, which takes a moment to find out. */
  set_reason (self, error ? error->message : self->unfit);
}

/* --- what is installed ----------------------------------------------------------- */

static void
take_catalog (HdTaskDialog *self)
{
  hd_task_form_show_catalog (HD_TASK_FORM (self->form));
  check_arguments (self);
}

static void
load_catalog (HdTaskDialog *self)
{
  if (self->loading)
    g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  self->loading = g_cancellable_new ();

  hd_catalog_load_async (self->host->catalog, self->loading, G_CALLBACK (take_catalog), self);
  check_arguments (self);
}

/* --- the image ------------------------------------------------------------------ */

static void check_image (HdTaskDialog *self);

static void
convert_image (HdTaskDialog *self)
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
tell_base_type (HdTaskDialog *self)
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

static void
show_image (HdTaskDialog *self)
{
  hd_task_form_set_image (HD_TASK_FORM (self->form),
                          self->host->get_image (self->host->data),
                          self->host->get_source (self->host->data));
}

/* The image may have been changed or closed since it was looked at last. */
static void
check_image (HdTaskDialog *self)
{
  GimpImage         *image = self->host->get_image (self->host->data);
  GimpImageBaseType  base_type = image ? gimp_image_get_base_type (image) : GIMP_RGB;

  show_image (self);
  /* What is upscaled has an image of its own. */
  if ((int) base_type != self->base_type && self->host->task != HD_TASK_UPSCALE)
    {
      self->base_type = base_type;
      tell_base_type (self);
    }

  check_arguments (self);
}

/* --- at work ------------------------------------------------------------------- */

static void
show_working (HdTaskDialog *self,
              gboolean      working)
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

  set_text (self, text);
  hd_status_area_set_fraction (HD_STATUS_AREA (self->status), progress->fraction);
}

static gboolean
take_picture (const HdPicture  *picture,
              gpointer          user_data,
              GError          **error)
{
  HdTaskDialog    *self = user_data;
  g_autofree char *message = NULL;

  if (! self->host->take_picture (picture, self->host->data, &message, error))
    return FALSE;

  gimp_displays_flush ();
  if (self->n_made++ == 0)
    self->first_seed = picture->request->seed;
  show_image (self);
  hd_task_form_set_seed (HD_TASK_FORM (self->form), picture->request->seed);
  if (message)
    show_message (self, GTK_MESSAGE_INFO, message);

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
    show_message (self, GTK_MESSAGE_ERROR, error->message);

  set_text (self, text ? text : "");
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
  show_working (self, FALSE);
  /* Says why, if the image has become one that cannot take another picture. */
  check_arguments (self);
  tell_result (self, error);

  if (self->closing)
    gtk_dialog_response (GTK_DIALOG (self->dialog), GTK_RESPONSE_CANCEL);
}

static void
start_working (HdTaskDialog *self)
{
  static const HdRunFuncs funcs = { .progress = show_progress, .picture = take_picture };
  g_autoptr (HdRequest)   request = NULL;
  g_autoptr (GError)      error = NULL;

  hd_message_bar_clear (HD_MESSAGE_BAR (self->message));
  request = self->host->make_request (self->config, FALSE, self->host->data, &error);
  if (! request)
    {
      show_message (self, GTK_MESSAGE_ERROR, error->message);
      return;
    }

  self->cancellable = g_cancellable_new ();
  self->started = g_get_monotonic_time ();
  self->n_made = 0;
  hd_cost_line_begin_run (HD_COST_LINE (self->cost));
  show_working (self, TRUE);
  set_text (self, _("Loading the model…"));

  hd_run_engine_async (self->engine, request, &funcs, self, self->cancellable, take_result, self);
}

static void
stop_working (HdTaskDialog *self)
{
  g_cancellable_cancel (self->cancellable);
  set_button (self, GTK_RESPONSE_CANCEL, NULL, FALSE, NULL);
  set_text (self, _("Cancelling…"));
}

/* --- the dialog ---------------------------------------------------------------- */

/* Comes before gimp_procedure_dialog_run()'s own handlers, which end the dialog. */
static void
on_response (GtkDialog    *dialog,
             int           response,
             HdTaskDialog *self)
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
on_delete (GtkWidget    *dialog,
           GdkEvent     *event,
           HdTaskDialog *self)
{
  if (! is_working (self))
    return GDK_EVENT_PROPAGATE;

  self->closing = TRUE;
  stop_working (self);
  return GDK_EVENT_STOP;
}

static gboolean
on_focus_in (GtkWidget    *dialog,
             GdkEvent     *event,
             HdTaskDialog *self)
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

static GtkWidget *
wrap_form (HdTaskDialog *self)
{
  GdkRectangle area;

  gdk_monitor_get_workarea (gimp_widget_get_monitor (self->dialog), &area);
  return hd_form_scroller_new (self->form, MAX (area.height - HEIGHT_BESIDE_FORM, 200));
}

static void
build_dialog (HdTaskDialog  *self,
              GimpProcedure *procedure)
{
  GtkWidget *content;

  self->dialog = gimp_procedure_dialog_new (procedure, self->config, _(self->texts->title));
  gimp_procedure_dialog_set_ok_label (GIMP_PROCEDURE_DIALOG (self->dialog), _(self->texts->ok_label));
  gtk_window_set_default_size (GTK_WINDOW (self->dialog), 620, -1);

  self->message = hd_message_bar_new ();
  self->form = hd_task_form_new (G_OBJECT (self->config), self->host->task, self->host->catalog);
  self->cost = hd_cost_line_new (self->engine, take_forecast, self);
  self->status = hd_status_area_new ();

  content = gtk_dialog_get_content_area (GTK_DIALOG (self->dialog));
  gtk_box_set_spacing (GTK_BOX (content), 12);
  gtk_box_pack_start (GTK_BOX (content), self->message, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), wrap_form (self), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (content), self->cost, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), self->status, FALSE, FALSE, 0);
  gtk_widget_show (self->cost);
  gtk_widget_show (self->status);

  g_signal_connect (self->dialog, "response", G_CALLBACK (on_response), self);
  g_signal_connect (self->dialog, "delete-event", G_CALLBACK (on_delete), self);
  g_signal_connect (self->dialog, "focus-in-event", G_CALLBACK (on_focus_in), self);
  g_signal_connect_swapped (self->form, "folders-changed", G_CALLBACK (load_catalog), self);
}

void
hd_task_dialog_run (GimpProcedure       *procedure,
                    GimpProcedureConfig *config,
                    const HdTaskHost    *host)
{
  HdTaskDialog self = { .config = config, .host = host, .base_type = GIMP_RGB };
  gulong       notify_id;

  gimp_ui_init (GETTEXT_PACKAGE);

  self.texts = hd_task_get_texts (host->task);
  self.engine = hd_engine_new ();
  settle_strings (G_OBJECT (config));
  build_dialog (&self, procedure);
  notify_id = g_signal_connect_swapped (config, "notify", G_CALLBACK (check_arguments), &self);

  check_image (&self);
  show_working (&self, FALSE);
  load_catalog (&self);
  if (host->message)
    show_message (&self, GTK_MESSAGE_WARNING, host->message);
  gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (self.dialog));

  g_signal_handler_disconnect (config, notify_id);
  g_cancellable_cancel (self.loading);
  g_clear_object (&self.loading);
  gtk_widget_destroy (self.dialog);
  g_free (self.unfit);
  hd_engine_free (self.engine);
}
