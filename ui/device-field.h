/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * hd_device_field_new:
 * @labels: of the fields below each other
 *
 * A list of the devices for the argument "device". The graphics cards' names and free memory are found out by a thread, as
 * that starts their driver; where there is none, the list says so and the tooltip why.
 */
GtkWidget *hd_device_field_new (GObject      *config,
                                GtkSizeGroup *labels);

G_END_DECLS
