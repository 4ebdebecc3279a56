/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "engine/engine.h"

G_BEGIN_DECLS

/* What a request would take, found out by a thread: models' files may be on slow disks, and a device may take seconds to
 * wake. */

/**
 * HdForecast:
 * @settled: (nullable): the request with everything filled in that was left to the model or the task
 * @native_size: side in pixels of the pictures that the model was trained on; 0 if it cannot be opened
 * @estimate: (nullable): what it takes
 * @error: (nullable): why it cannot be run as it is
 */
typedef struct
{
  HdRequest  *settled;
  int         native_size;
  HdEstimate *estimate;
  GError     *error;
} HdForecast;

typedef struct _HdForecaster HdForecaster;

typedef void (* HdForecastFunc) (const HdForecast *forecast,
                                 gpointer          user_data);

/**
 * hd_forecaster_new:
 * @engine: (transfer none): that will run the requests; to be kept until the forecaster is freed
 * @func: called in the caller's thread-default main context with every answer
 */
HdForecaster *hd_forecaster_new  (HdEngine        *engine,
                                  HdForecastFunc   func,
                                  gpointer         user_data);

/* Waits for the thread, which is at most one dry run away. */
void          hd_forecaster_free (HdForecaster    *forecaster);

/* Asks for the forecast of @request, which is copied. The answer comes once no other question has come for a moment;
 * only the latest question is answered. */
void          hd_forecaster_ask  (HdForecaster    *forecaster,
                                  const HdRequest *request);

/* What was asked is not answered any more. */
void          hd_forecaster_drop (HdForecaster    *forecaster);

G_END_DECLS
