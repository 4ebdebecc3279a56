/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"
#include "plugin/catalog.h"
#include "plugin/kept-picture.h"

G_BEGIN_DECLS

/**
 * HdTaskHost:
 * @task: what the dialog is for
 * @message: (nullable): what the user is to be told when it opens
 * @catalog: what is installed
 * @get_image: the image that pictures go into; %NULL if none is open
 * @get_source: the layer that they are made from; %NULL if there is none
 * @make_request: turns the arguments into a request; an error says why they cannot be run. A draft is for an estimate:
 *   without pixels, and maybe without a prompt
 * @check_prompt: whether the prompt will do
 * @take_picture: takes a finished picture and keeps it (transfer full); may set *message to what the user is to be told
 *   (transfer full)
 * @bring_back: brings the layer of such a picture back; may set *message, likewise
 * @read_picture: fills the arguments from a file that knows how it was made or, for %NULL, from the selected layer; may set
 *   *message, likewise
 * @data: passed to all of these
 *
 * What the dialog asks of the procedure that it belongs to.
 */
typedef struct
{
  HdTask       task;
  const char  *message;
  HdCatalog   *catalog;
  GimpImage *  (* get_image)    (gpointer              data);
  GimpLayer *  (* get_source)   (gpointer              data);
  HdRequest *  (* make_request) (GimpProcedureConfig  *config,
                                 gboolean              draft,
                                 gpointer              data,
                                 GError              **error);
  gboolean     (* check_prompt) (GimpProcedureConfig  *config,
                                 gpointer              data,
                                 GError              **error);
  gboolean     (* take_picture) (const HdPicture      *picture,
                                 gpointer              data,
                                 HdKeptPicture       **kept,
                                 char                **message,
                                 GError              **error);
  gboolean     (* bring_back)   (HdKeptPicture        *kept,
                                 gpointer              data,
                                 char                **message,
                                 GError              **error);
  gboolean     (* read_picture) (const char           *path,
                                 GimpProcedureConfig  *config,
                                 gpointer              data,
                                 char                **message,
                                 GError              **error);
  gpointer     data;
} HdTaskHost;

/**
 * hd_task_dialog_run:
 * @procedure: the task's
 * @config: its arguments, which the dialog changes
 *
 * Shows the dialog and makes pictures as often as the user asks for some, until it is closed. The model stays
 * loaded from one to the next, and the pictures are kept as far as there is memory for them.
 */
void hd_task_dialog_run (GimpProcedure       *procedure,
                         GimpProcedureConfig *config,
                         const HdTaskHost    *host);

G_END_DECLS
