/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

G_BEGIN_DECLS

/* The procedure that makes a layer again as its parasite says: at once, or after changes in the dialog of its task. */
GimpProcedure *hd_again_procedure_new (GimpPlugIn *plug_in);

G_END_DECLS
