/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/section.h"

static gboolean
is_default (GObject    *config,
            const char *property)
{
  GParamSpec     *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (config), property);
  g_auto (GValue) value = G_VALUE_INIT;

  if (! pspec)
    return TRUE;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (config, property, &value);
  return g_param_value_defaults (pspec, &value);
}

/* A title like those of GimpFrame. */
static GtkWidget *
make_title (const char *title)
{
  GtkWidget     *label = gtk_label_new_with_mnemonic (title);
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  gtk_label_set_attributes (GTK_LABEL (label), attributes);
  /* Read from the right, it is on the right only if it fills the line. */
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  pango_attr_list_unref (attributes);
  gtk_widget_show (label);

  return label;
}

GtkWidget *
hd_section_new (const char         *title,
                GtkWidget          *content,
                GObject            *config,
                const char * const *properties)
{
  GtkWidget *section = gtk_expander_new (NULL);
  gboolean   expanded = FALSE;

  for (int i = 0; properties[i]; i++)
    expanded = expanded || ! is_default (config, properties[i]);

  gtk_expander_set_label_widget (GTK_EXPANDER (section), make_title (title));
  gtk_expander_set_label_fill (GTK_EXPANDER (section), TRUE);
  gtk_expander_set_expanded (GTK_EXPANDER (section), expanded);
  gtk_widget_set_margin_top (content, 6);
  gtk_widget_set_margin_start (content, 16);
  gtk_container_add (GTK_CONTAINER (section), content);
  gtk_widget_show (content);
  gtk_widget_show (section);

  return section;
}
