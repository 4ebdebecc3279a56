/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

#include "engine/request.h"

G_BEGIN_DECLS

#define HD_MIN_FACTOR     1.0
#define HD_MAX_FACTOR     8.0
#define HD_DEFAULT_FACTOR 2.0

/* Declares the arguments of the task's procedure. Those that tasks have in common have one name, meaning and default
 * in all of them, so that whatever reads or shows them looks for a property and need not know the task. Values from
 * a list are strings, which the engine checks: GIMP silently replaces unknown values of choice arguments. */
void hd_arguments_add (GimpProcedure *procedure,
                       HdTask         task);

G_END_DECLS
