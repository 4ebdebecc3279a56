/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "plugin/catalog.h"
#include "plugin/place-picture.h"

G_BEGIN_DECLS

/* Shows the task's dialog until it is closed. @message: (nullable): what the user is to be told at first. */
void hd_run_dialog (GimpProcedure       *procedure,
                    GimpProcedureConfig *config,
                    HdPlace             *place,
                    HdCatalog           *catalog,
                    const char          *message);

G_END_DECLS
