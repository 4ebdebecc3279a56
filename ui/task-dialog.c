/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/cost-line.h"
#include "ui/dialog-config.h"
#include "ui/form-scroller.h"
#include "ui/message-bar.h"
#include "ui/status-area.h"
#include "ui/task-dialog-private.h"
#include "ui/task-form.h"

/* Of the screen's height, what is left for the rest of the dialog, its frame and the desktop's panels. */
#define HEIGHT_BESIDE_FORM 300

#define FORM_WIDTH 620

gboolean
hd_task_dialog_is_working (HdTaskDialog *self)
{
  return self->cancellable != NULL;
}

void
hd_task_dialog_set_button (HdTaskDialog *self,
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

void
hd_task_dialog_set_text (HdTaskDialog *self,
                         const char   *text)
{
  hd_status_area_set_text (HD_STATUS_AREA (self->status), text);
}

void
hd_task_dialog_show_message (HdTaskDialog   *self,
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
  hd_task_dialog_set_button (self, GTK_RESPONSE_OK, NULL, reason == NULL, reason);
  if (reason || self->has_reason)
    hd_task_dialog_set_text (self, reason ? reason : "");
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

  /* What was asked before the models are looked for again is asked again when they are found. */
  if (hd_task_dialog_is_working (self) || ! hd_catalog_is_loaded (self->host->catalog))
    return;

  if (forecast->settled)
    hd_task_form_set_suited (HD_TASK_FORM (self->form), forecast->settled, forecast->native_size);
  g_free (self->unfit);
  self->unfit = forecast->error ? g_strdup (forecast->error->message) : NULL;

  if (self->host->check_prompt (self->config, self->host->data, NULL))
    set_reason (self, self->unfit);
}

void
hd_task_dialog_check_arguments (HdTaskDialog *self)
{
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (GError)    error = NULL;

  if (hd_task_dialog_is_working (self))
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

void
hd_task_dialog_show_image (HdTaskDialog *self)
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

  hd_task_dialog_show_image (self);
  /* What is upscaled has an image of its own. */
  if ((int) base_type != self->base_type && self->host->task != HD_TASK_UPSCALE)
    {
      self->base_type = base_type;
      tell_base_type (self);
    }

  hd_task_dialog_check_arguments (self);
}

/* --- the dialog ---------------------------------------------------------------- */

/* Comes before gimp_procedure_dialog_run()'s own handlers, which end the dialog. */
static void
on_response (GtkDialog    *dialog,
             int           response,
             HdTaskDialog *self)
{
  if (response == GTK_RESPONSE_OK && ! hd_task_dialog_is_working (self))
    hd_task_dialog_start (self);
  else if (response != GTK_RESPONSE_OK && response != HD_RESPONSE_RESET && hd_task_dialog_is_working (self))
    hd_task_dialog_stop (self);
  else if (! hd_task_dialog_is_working (self))
    return;

  g_signal_stop_emission_by_name (dialog, "response");
}

static gboolean
on_delete (GtkWidget    *dialog,
           GdkEvent     *event,
           HdTaskDialog *self)
{
  if (! hd_task_dialog_is_working (self))
    return GDK_EVENT_PROPAGATE;

  self->closing = TRUE;
  hd_task_dialog_stop (self);
  return GDK_EVENT_STOP;
}

static gboolean
on_focus_in (GtkWidget    *dialog,
             GdkEvent     *event,
             HdTaskDialog *self)
{
  if (! hd_task_dialog_is_working (self))
    check_image (self);
  /* Somebody who was told where to put one comes back. */
  if (! hd_task_dialog_has_model (self))
    hd_task_dialog_load_catalog (self);

  return GDK_EVENT_PROPAGATE;
}

static GtkWidget *
wrap_form (HdTaskDialog *self)
{
  GdkRectangle area;

  gdk_monitor_get_workarea (gimp_widget_get_monitor (self->dialog), &area);
  return hd_form_scroller_new (self->form, MAX (area.height - HEIGHT_BESIDE_FORM, 200));
}

/* The form, and in its place the page on models. */
static GtkWidget *
make_stack (HdTaskDialog *self)
{
  self->form = hd_task_form_new (G_OBJECT (self->config), self->host->task, self->host->catalog);
  g_signal_connect_swapped (self->form, "folders-changed", G_CALLBACK (hd_task_dialog_load_catalog), self);

  self->stack = gtk_stack_new ();
  gtk_widget_set_size_request (self->stack, FORM_WIDTH, -1);
  gtk_stack_add_named (GTK_STACK (self->stack), wrap_form (self), "form");
  gtk_stack_add_named (GTK_STACK (self->stack), hd_task_dialog_make_page (self), "models");
  gtk_widget_show (self->stack);

  return self->stack;
}

static void
build_dialog (HdTaskDialog *self)
{
  GtkWidget *content;
  GtkWidget *columns = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 18);

  self->dialog = gimp_procedure_dialog_new (self->procedure, self->config, _(self->texts->title));
  gimp_procedure_dialog_set_ok_label (GIMP_PROCEDURE_DIALOG (self->dialog), _(self->texts->ok_label));

  self->message = hd_message_bar_new ();
  self->cost = hd_cost_line_new (self->engine, take_forecast, self);
  self->from_picture = hd_task_dialog_make_settings (self);
  self->status = hd_status_area_new ();
  gtk_box_pack_start (GTK_BOX (columns), make_stack (self), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (columns), hd_task_dialog_make_pane (self), FALSE, FALSE, 0);

  content = gtk_dialog_get_content_area (GTK_DIALOG (self->dialog));
  gtk_box_set_spacing (GTK_BOX (content), 12);
  gtk_box_pack_start (GTK_BOX (content), self->message, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), columns, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (line), self->cost, TRUE, TRUE, 0);
  gtk_box_pack_end (GTK_BOX (line), self->from_picture, FALSE, FALSE, 0);
  gtk_widget_set_valign (self->from_picture, GTK_ALIGN_END);
  gtk_box_pack_start (GTK_BOX (content), line, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), self->status, FALSE, FALSE, 0);
  gtk_widget_show (columns);
  gtk_widget_show (line);
  gtk_widget_show (self->cost);
  gtk_widget_show (self->status);

  g_signal_connect (self->dialog, "response", G_CALLBACK (on_response), self);
  g_signal_connect (self->dialog, "delete-event", G_CALLBACK (on_delete), self);
  g_signal_connect (self->dialog, "focus-in-event", G_CALLBACK (on_focus_in), self);
}

void
hd_task_dialog_run (GimpProcedure       *procedure,
                    GimpProcedureConfig *config,
                    const HdTaskHost    *host)
{
  HdTaskDialog self = { .procedure = procedure, .config = config, .host = host, .base_type = GIMP_RGB };
  gulong       notify_id;

  gimp_ui_init (GETTEXT_PACKAGE);

  self.texts = hd_task_get_texts (host->task);
  self.engine = hd_engine_new ();
  hd_engine_set_previews (self.engine, TRUE);
  hd_dialog_config_settle_strings (G_OBJECT (config));
  build_dialog (&self);
  hd_task_dialog_take_files (&self);
  notify_id = g_signal_connect_swapped (config, "notify", G_CALLBACK (hd_task_dialog_check_arguments), &self);

  check_image (&self);
  hd_task_dialog_show_working (&self, FALSE);
  hd_task_dialog_load_catalog (&self);
  if (host->message)
    hd_task_dialog_show_message (&self, GTK_MESSAGE_WARNING, host->message);
  gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (self.dialog));

  g_signal_handler_disconnect (config, notify_id);
  g_cancellable_cancel (self.loading);
  g_clear_object (&self.loading);
  gtk_widget_destroy (self.dialog);
  hd_file_taker_free (self.files);
  g_free (self.unfit);
  hd_engine_free (self.engine);
}
