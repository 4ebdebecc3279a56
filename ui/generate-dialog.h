/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/engine.h"

G_BEGIN_DECLS

/**
 * HdGenerateHost:
 * @get_image: the image that pictures go into; %NULL if none is open
 * @make_request: turns the arguments into a request; an error says why they cannot be run
 * @take_picture: takes a finished picture; may set *message to what the user is to be told (transfer full)
 * @list_models: the folders of the installed models, the default one first (transfer full)
 * @data: passed to all of these
 *
 * What the dialog asks of the procedure that it belongs to.
 */
typedef struct
{
  GimpImage *  (* get_image)    (gpointer              data);
  HdRequest *  (* make_request) (GimpProcedureConfig  *config,
                                 gpointer              data,
                                 GError              **error);
  gboolean     (* take_picture) (const HdPicture      *picture,
                                 gpointer              data,
                                 char                **message,
                                 GError              **error);
  char      ** (* list_models)  (void);
  gpointer     data;
} HdGenerateHost;

/**
 * hd_generate_dialog_run:
 * @config: the arguments, which the dialog changes
 *
 * Shows the dialog and makes pictures as often as the user asks for one, until it is closed. The model stays
 * loaded from one to the next.
 */
void hd_generate_dialog_run (GimpProcedure        *procedure,
                             GimpProcedureConfig  *config,
                             const HdGenerateHost *host);

G_END_DECLS
