/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>

#include "engine/single_file.h"
#include "ui/isolate.h"
#include "ui/model-info.h"

struct _HdModelInfo
{
  GtkBox     parent_instance;

  GObject   *config;
  HdTask     task;
  HdCatalog *catalog;
  GtkWidget *label;
};

G_DEFINE_FINAL_TYPE (HdModelInfo, hd_model_info, GTK_TYPE_BOX)

/* --- words ---------------------------------------------------------------------- */

/* The folder that a path is in, with "~" for the user's. */
static char *
describe_folder (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *shown = g_filename_display_name (folder);
  const char      *home = g_get_home_dir ();

  if (g_str_has_prefix (folder, home) && folder[strlen (home)] == G_DIR_SEPARATOR)
    {
      g_autofree char *below = g_filename_display_name (folder + strlen (home));

      return g_strconcat ("~", below, NULL);
    }

  return g_steal_pointer (&shown);
}

char *
hd_describe_place (const HdLibraryEntry *entry)
{
  g_autofree char *size = hd_isolate (g_format_size (entry->size));
  g_autofree char *folder = hd_isolate (describe_folder (entry->path));

  /* TRANSLATORS: how large a model's files are, and the folder that they are in. */
  return g_strdup_printf (_("%s · %s"), size, folder);
}

char *
hd_describe_model (const HdLibraryEntry *entry)
{
  g_autofree char *place = hd_describe_place (entry);
  g_autofree char *family = NULL;

  if (! entry->family_known)
    return g_steal_pointer (&place);

  family = hd_isolate (g_strdup (hd_family_name (entry->family)));
  /* TRANSLATORS: a model's family ("Stable Diffusion XL"), and "6.9 GB · ~/models". */
  return g_strdup_printf (_("%s · %s"), family, place);
}

/* --- the line ------------------------------------------------------------------- */

static const HdLibraryEntry *
find_entry (HdModelInfo *info)
{
  g_autofree char *name = NULL;

  /* Listing takes a while; it is done elsewhere. */
  if (! hd_catalog_is_loaded (info->catalog))
    return NULL;

  g_object_get (info->config, "model", &name, NULL);
  return name && *name ? hd_catalog_find_entry (info->catalog, HD_LIBRARY_MODEL, name)
                       : hd_catalog_get_default (info->catalog, info->task);
}

void
hd_model_info_update (HdModelInfo *info)
{
  const HdLibraryEntry *entry = find_entry (info);
  g_autofree char      *text = entry ? hd_describe_model (entry) : g_strdup ("");

  gtk_label_set_text (GTK_LABEL (info->label), text);
  gtk_widget_set_tooltip_text (info->label, entry ? entry->path : NULL);
  /* A path says all that is known. */
  gtk_widget_set_visible (info->label, entry != NULL);
}

static void
hd_model_info_dispose (GObject *object)
{
  HdModelInfo *info = HD_MODEL_INFO (object);

  g_clear_object (&info->config);
  G_OBJECT_CLASS (hd_model_info_parent_class)->dispose (object);
}

static void
hd_model_info_class_init (HdModelInfoClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = hd_model_info_dispose;
}

static void
hd_model_info_init (HdModelInfo *info)
{
  info->label = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (info->label), 0.0);
  gtk_label_set_ellipsize (GTK_LABEL (info->label), PANGO_ELLIPSIZE_MIDDLE);
  gtk_style_context_add_class (gtk_widget_get_style_context (info->label), GTK_STYLE_CLASS_DIM_LABEL);
  gtk_box_pack_start (GTK_BOX (info), info->label, TRUE, TRUE, 0);
}

GtkWidget *
hd_model_info_new (GObject   *config,
                   HdTask     task,
                   HdCatalog *catalog)
{
  HdModelInfo *info = g_object_new (HD_TYPE_MODEL_INFO, NULL);

  info->config = g_object_ref (config);
  info->task = task;
  info->catalog = catalog;
  hd_model_info_update (info);
  g_signal_connect_object (config, "notify::model", G_CALLBACK (hd_model_info_update), info, G_CONNECT_SWAPPED);

  return GTK_WIDGET (info);
}
