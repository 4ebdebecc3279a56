/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

G_BEGIN_DECLS

#define HD_GENERATE_PROCEDURE "plug-in-hidiffusion-generate"

/* The procedure that makes a layer from a prompt: its arguments, its place in the menus, and how it runs. */
GimpProcedure *hd_generate_procedure_new (GimpPlugIn *plug_in);

G_END_DECLS
