/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

G_BEGIN_DECLS

/* The seed, with a check button for a random one: the argument is then -1. */
#define HD_TYPE_SEED_FIELD (hd_seed_field_get_type ())
G_DECLARE_FINAL_TYPE (HdSeedField, hd_seed_field, HD, SEED_FIELD, GtkGrid)

GtkWidget *hd_seed_field_new      (GObject      *config,
                                   GtkSizeGroup *labels);

/* Shows the seed that was drawn; taking the check mark away keeps it. */
void       hd_seed_field_set_last (HdSeedField  *field,
                                   gint64        seed);

G_END_DECLS
