/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimp.h>

G_BEGIN_DECLS

/* A dialog's arguments as a whole. */

/* Gives strings that a caller has left out, or the settings of the last run, their defaults. */
void     hd_dialog_config_settle_strings (GObject       *config);

/* (transfer full): a copy of the arguments as they are now. */
GObject *hd_dialog_config_copy           (GimpProcedure *procedure,
                                          GObject       *config);

/* Makes the arguments those of a copy, for one picture of that seed. */
void     hd_dialog_config_restore        (GObject       *config,
                                          GObject       *copy,
                                          gint64         seed);

G_END_DECLS
