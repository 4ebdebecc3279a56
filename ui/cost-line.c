/* SPDX-License-Identifier: Apache-2.0 */

#include <libgimp/gimp.h>

#include "ui/cost-line.h"
#include "ui/progress-text.h"
#include "ui/speeds.h"

struct _HdCostLine
{
  GtkBox          parent_instance;

  HdEngine       *engine;
  HdForecaster   *forecaster;
  HdForecastFunc  func;
  gpointer        user_data;
  GtkWidget      *label;
  char           *speeds_path;
  HdSpeedWatch    watch;
};

G_DEFINE_FINAL_TYPE (HdCostLine, hd_cost_line, GTK_TYPE_BOX)

/* --- the forecast ---------------------------------------------------------------- */

/* For all pictures; negative while not known. */
static double
get_seconds (HdCostLine       *line,
             const HdForecast *forecast)
{
  const HdEstimate *estimate = forecast->estimate;
  double            speed;

  /* Of a run in this session the engine knows more than one number. */
  if (estimate->seconds >= 0.0)
    return estimate->seconds * forecast->settled->count;

  speed = hd_speeds_get (line->speeds_path, estimate->device);
  return speed > 0.0 ? estimate->flops * forecast->settled->count / speed : -1.0;
}

static void
take_forecast (const HdForecast *forecast,
               gpointer          user_data)
{
  HdCostLine      *line = user_data;
  g_autofree char *text = NULL;

  if (forecast->estimate)
    text = hd_describe_cost (forecast->estimate, get_seconds (line, forecast));
  gtk_label_set_text (GTK_LABEL (line->label), text ? text : "");

  line->func (forecast, line->user_data);
}

void
hd_cost_line_set_request (HdCostLine      *line,
                          const HdRequest *request)
{
  if (request)
    {
      hd_forecaster_ask (line->forecaster, request);
      return;
    }

  hd_forecaster_drop (line->forecaster);
  gtk_label_set_text (GTK_LABEL (line->label), "");
}

/* --- the speed ------------------------------------------------------------------- */

void
hd_cost_line_begin_run (HdCostLine *line)
{
  hd_forecaster_drop (line->forecaster);
  line->watch = (HdSpeedWatch) { 0 };
}

void
hd_cost_line_take_progress (HdCostLine       *line,
                            const HdProgress *progress)
{
  hd_speed_watch_take (&line->watch, progress, g_get_monotonic_time ());
}

void
hd_cost_line_end_run (HdCostLine *line,
                      gboolean    done)
{
  g_autofree char    *device = hd_engine_get_device (line->engine);
  g_autoptr (GError)  error = NULL;
  double              speed;

  if (done)
    hd_speed_watch_end (&line->watch, g_get_monotonic_time ());
  speed = hd_speed_watch_get (&line->watch);

  /* Only the next forecast is the poorer for it. */
  if (device && speed > 0.0 && ! hd_speeds_set (line->speeds_path, device, speed, &error))
    g_info ("%s", error->message);
}

/* --- the line -------------------------------------------------------------------- */

static void
hd_cost_line_dispose (GObject *object)
{
  HdCostLine *line = HD_COST_LINE (object);

  g_clear_pointer (&line->forecaster, hd_forecaster_free);
  g_clear_pointer (&line->speeds_path, g_free);
  G_OBJECT_CLASS (hd_cost_line_parent_class)->dispose (object);
}

static void
hd_cost_line_class_init (HdCostLineClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_cost_line_dispose;
}

static void
hd_cost_line_init (HdCostLine *line)
{
  line->label = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (line->label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (line->label), TRUE);
  gtk_label_set_width_chars (GTK_LABEL (line->label), 40);
  gtk_label_set_max_width_chars (GTK_LABEL (line->label), 40);
  gtk_box_pack_start (GTK_BOX (line), line->label, TRUE, TRUE, 0);
  gtk_widget_show (line->label);
}

GtkWidget *
hd_cost_line_new (HdEngine       *engine,
                  HdForecastFunc  func,
                  gpointer        user_data)
{
  HdCostLine *line = g_object_new (HD_TYPE_COST_LINE, NULL);

  line->engine = engine;
  line->func = func;
  line->user_data = user_data;
  line->forecaster = hd_forecaster_new (engine, take_forecast, line);
  line->speeds_path = g_build_filename (gimp_directory (), "hidiffusion-speeds.ini", NULL);

  return GTK_WIDGET (line);
}
