/* SPDX-License-Identifier: Apache-2.0 */

#include "ui/fields.h"
#include "ui/section.h"

/* Pixels; more than any dialog has. */
#define WIDE 4000

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

/* --- the title ------------------------------------------------------------------- */

/* GTK puts an expander's title to the left in all languages. One that would like to be as wide as it may is where its
 * text begins. */
#define HD_TYPE_SECTION_TITLE (hd_section_title_get_type ())
G_DECLARE_FINAL_TYPE (HdSectionTitle, hd_section_title, HD, SECTION_TITLE, GtkBox)

struct _HdSectionTitle
{
  GtkBox parent_instance;
};

G_DEFINE_FINAL_TYPE (HdSectionTitle, hd_section_title, GTK_TYPE_BOX)

static void
get_preferred_width (GtkWidget *widget,
                     int       *minimum,
                     int       *natural)
{
  GTK_WIDGET_CLASS (hd_section_title_parent_class)->get_preferred_width (widget, minimum, natural);
  *natural = MAX (*natural, WIDE);
}

static void
get_preferred_width_for_height (GtkWidget *widget,
                                int        height,
                                int       *minimum,
                                int       *natural)
{
  get_preferred_width (widget, minimum, natural);
}

static void
hd_section_title_class_init (HdSectionTitleClass *klass)
{
  GTK_WIDGET_CLASS (klass)->get_preferred_width = get_preferred_width;
  GTK_WIDGET_CLASS (klass)->get_preferred_width_for_height = get_preferred_width_for_height;
}

static void
hd_section_title_init (HdSectionTitle *title)
{
}

/* A title like those of GimpFrame. */
static GtkWidget *
make_title (const char *text)
{
  GtkWidget     *title = g_object_new (HD_TYPE_SECTION_TITLE, NULL);
  GtkWidget     *label = gtk_label_new_with_mnemonic (text);
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
  gtk_label_set_attributes (GTK_LABEL (label), attributes);
  pango_attr_list_unref (attributes);
  gtk_box_pack_start (GTK_BOX (title), label, FALSE, FALSE, 0);
  gtk_widget_show_all (title);

  return title;
}

/* --- the section ----------------------------------------------------------------- */

static void
unfold (GObject      *config,
        GParamSpec   *pspec,
        GtkExpander  *section)
{
  if (! is_default (config, pspec->name))
    gtk_expander_set_expanded (section, TRUE);
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
    {
      g_autofree char *signal = g_strconcat ("notify::", properties[i], NULL);

      expanded = expanded || ! is_default (config, properties[i]);
      g_signal_connect_object (config, signal, G_CALLBACK (unfold), section, 0);
    }

  gtk_expander_set_label_widget (GTK_EXPANDER (section), make_title (title));
  hd_field_set_name (section, title);
  gtk_expander_set_expanded (GTK_EXPANDER (section), expanded);
  gtk_widget_set_margin_top (content, 6);
  gtk_widget_set_margin_start (content, 16);
  gtk_container_add (GTK_CONTAINER (section), content);
  /* GTK lets the focus go into what is folded away. */
  g_object_bind_property (section, "expanded", content, "visible", G_BINDING_SYNC_CREATE);
  gtk_widget_show (section);

  return section;
}
