/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

/* The procedure of a task: its arguments, its place in the menus, and how it runs. */
GimpProcedure *hd_task_procedure_new (GimpPlugIn *plug_in,
                                      HdTask      task);

G_END_DECLS
