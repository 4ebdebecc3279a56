/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libgimp/gimpui.h>

#include "plugin/catalog.h"

G_BEGIN_DECLS

/* The name of something installed, or a path: an entry with a list of what there is, by family, and a button that
 * looks for a file or a folder. */
#define HD_TYPE_NAME_FIELD (hd_name_field_get_type ())
G_DECLARE_FINAL_TYPE (HdNameField, hd_name_field, HD, NAME_FIELD, GtkBox)

/**
 * hd_name_field_new:
 * @property: a string
 * @kind: what is looked for
 * @list_name: what screen readers call the list
 * @browse: (nullable): label of the button; %NULL: a symbol
 */
GtkWidget  *hd_name_field_new         (GObject       *config,
                                       const char    *property,
                                       HdLibraryKind  kind,
                                       const char    *list_name,
                                       const char    *browse,
                                       GtkSizeGroup  *labels);

/* What is shown where nothing is entered. */
void        hd_name_field_set_default (HdNameField   *field,
                                       const char    *text);

/* Offers what is installed. */
void        hd_name_field_set_catalog (HdNameField   *field,
                                       HdCatalog     *catalog);

G_END_DECLS
