/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>

#include "engine/request_fields.h"
#include "ui/fields.h"
#include "ui/style-list.h"
#include "ui/style-names.h"

struct _HdStyleList
{
  GtkBox      parent_instance;

  GObject    *config;
  HdStyleSet *styles;
  gboolean    updating;    /* the buttons change because the argument did, or the other way round */
};

G_DEFINE_FINAL_TYPE (HdStyleList, hd_style_list, GTK_TYPE_BOX)

#define NAME_KEY "hd-style-name"

/* --- the argument ---------------------------------------------------------------- */

static char **
get_names (HdStyleList *list)
{
  g_autofree char *text = NULL;

  g_object_get (list->config, "styles", &text, NULL);
  return hd_style_names_split (text);
}

static void
set_names (HdStyleList        *list,
           const char * const *names)
{
  g_autofree char *text = g_strjoinv (", ", (char **) names);

  list->updating = TRUE;
  g_object_set (list->config, "styles", text, NULL);
  list->updating = FALSE;
}

/* In the order in which they were chosen, as they are applied. */
static void
set_chosen (HdStyleList *list,
            const char  *name,
            gboolean     chosen)
{
  g_auto (GStrv)           names = get_names (list);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv)           changed = NULL;

  for (int i = 0; names[i]; i++)
    if (! g_str_equal (names[i], name))
      g_strv_builder_add (builder, names[i]);
  if (chosen)
    g_strv_builder_add (builder, name);

  changed = g_strv_builder_end (builder);
  set_names (list, (const char * const *) changed);
}

/* --- settings ------------------------------------------------------------------- */

static char *
get_property_name (const HdRequestField *field)
{
  return g_strdelimit (g_strdup (field->member), "_", '-');
}

static gboolean
is_set (const HdRequestField *field,
        const HdRequest      *settings,
        const HdRequest      *usual)
{
  gconstpointer value = G_STRUCT_MEMBER_P (settings, field->offset);
  gconstpointer other = G_STRUCT_MEMBER_P (usual, field->offset);

  switch (field->kind)
    {
    case HD_FIELD_INT:
      return *(const int *) value != *(const int *) other;
    case HD_FIELD_DOUBLE:
      return *(const double *) value != *(const double *) other;
    case HD_FIELD_NAME:
      return ! g_str_equal (*(char * const *) value, *(char * const *) other);
    default:
      return FALSE;
    }
}

/* What the style sets is left to it; but for the size, which it gives once, as that of the image may be meant. */
static void
take_over (HdStyleList     *list,
           const HdRequest *settings)
{
  g_autoptr (HdRequest) usual = hd_request_new ();

  for (const HdRequestField *field = hd_request_fields (); field->name; field++)
    {
      g_autofree char *property = NULL;
      GParamSpec      *pspec;

      if (! field->member || ! g_strv_contains (hd_style_settings (), field->member) || ! is_set (field, settings, usual))
        continue;

      property = get_property_name (field);
      pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (list->config), property);
      if (! pspec)
        continue;
      if (g_str_equal (property, "width") || g_str_equal (property, "height"))
        g_object_set (list->config, property, G_STRUCT_MEMBER (int, settings, field->offset), NULL);
      else
        g_object_set_property (list->config, property, g_param_spec_get_default_value (pspec));
    }
}

static void
take_button (GtkToggleButton *button,
             HdStyleList     *list)
{
  const char    *name = g_object_get_data (G_OBJECT (button), NAME_KEY);
  const HdStyle *style = hd_styles_find (hd_style_set_list (list->styles), name);
  gboolean       chosen = gtk_toggle_button_get_active (button);

  if (list->updating)
    return;

  g_object_freeze_notify (list->config);
  if (chosen && style)
    take_over (list, style->settings);
  set_chosen (list, name, chosen);
  g_object_thaw_notify (list->config);
}

/* --- the buttons ----------------------------------------------------------------- */

/* What a style does, as far as a tooltip has room for it. */
static char *
describe_style (const HdStyle *style)
{
  GString *text = g_string_new (hd_style_get_description (style));

  if (*style->prompt)
    g_string_append_printf (text, "%s%s", text->len > 0 ? "\n" : "", style->prompt);
  if (*style->negative_prompt)
    {
      g_string_append (text, text->len > 0 ? "\n" : "");
      /* TRANSLATORS: a negative prompt. */
      g_string_append_printf (text, _("not: %s"), style->negative_prompt);
    }

  return g_string_free (text, FALSE);
}

static void
add_button (HdStyleList *list,
            const char  *name,
            const char  *label_text,
            const char  *tooltip)
{
  GtkWidget *button = gtk_check_button_new_with_label (label_text);
  GtkWidget *label = gtk_bin_get_child (GTK_BIN (button));

  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 40);
  gtk_widget_set_tooltip_text (button, tooltip);
  g_object_set_data_full (G_OBJECT (button), NAME_KEY, g_strdup (name), g_free);
  g_signal_connect (button, "toggled", G_CALLBACK (take_button), list);
  gtk_box_pack_start (GTK_BOX (list), button, FALSE, FALSE, 0);
  gtk_widget_show (button);
}

static void
show_button (GtkWidget *button,
             gpointer   data)
{
  const char * const *names = data;
  const char         *name = g_object_get_data (G_OBJECT (button), NAME_KEY);

  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (button), g_strv_contains (names, name));
}

static void
show_argument (HdStyleList *list)
{
  g_auto (GStrv) names = NULL;

  /* A change of the list's own; other settings may have changed with it. */
  if (list->updating)
    return;

  names = get_names (list);
  list->updating = TRUE;
  gtk_container_foreach (GTK_CONTAINER (list), show_button, names);
  list->updating = FALSE;
}

/* Chosen styles that are gone are there to be taken off. */
static void
add_missing (HdStyleList *list)
{
  g_auto (GStrv) names = get_names (list);

  for (int i = 0; names[i]; i++)
    if (! hd_styles_find (hd_style_set_list (list->styles), names[i]))
      {
        /* TRANSLATORS: %s is the name of a style. */
        g_autofree char *label = g_strdup_printf (_("%s (is not there)"), names[i]);

        add_button (list, names[i], label, NULL);
      }
}

void
hd_style_list_update (HdStyleList *list)
{
  const GPtrArray *styles = hd_style_set_list (list->styles);

  hd_remove_children (GTK_WIDGET (list));
  for (guint i = 0; i < styles->len; i++)
    {
      const HdStyle   *style = styles->pdata[i];
      g_autofree char *tooltip = describe_style (style);

      add_button (list, style->name, hd_style_get_title (style), tooltip);
    }
  add_missing (list);
  show_argument (list);
}

/* --- the list ------------------------------------------------------------------- */

static void
hd_style_list_dispose (GObject *object)
{
  HdStyleList *list = HD_STYLE_LIST (object);

  g_clear_object (&list->config);
  G_OBJECT_CLASS (hd_style_list_parent_class)->dispose (object);
}

static void
hd_style_list_class_init (HdStyleListClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_style_list_dispose;
}

static void
hd_style_list_init (HdStyleList *list)
{
  gtk_orientable_set_orientation (GTK_ORIENTABLE (list), GTK_ORIENTATION_VERTICAL);
}

GtkWidget *
hd_style_list_new (GObject    *config,
                   HdStyleSet *styles)
{
  HdStyleList *list = g_object_new (HD_TYPE_STYLE_LIST, NULL);

  list->config = g_object_ref (config);
  list->styles = styles;
  hd_style_list_update (list);
  g_signal_connect_object (config, "notify::styles", G_CALLBACK (show_argument), list, G_CONNECT_SWAPPED);

  return GTK_WIDGET (list);
}
