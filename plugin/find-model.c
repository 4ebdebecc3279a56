/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>
#include <libgimp/gimp.h>

#include "plugin/error.h"
#include "plugin/find-model.h"

char *
hd_user_models_path (void)
{
  return g_build_filename (g_get_user_data_dir (), "hidiffusion", "models", NULL);
}

static GPtrArray *
list_folders (void)
{
  GPtrArray          *folders = g_ptr_array_new_with_free_func (g_free);
  const char * const *system_dirs = g_get_system_data_dirs ();
  g_autofree char    *program_dir = g_path_get_dirname (gimp_get_progname ());

  g_ptr_array_add (folders, hd_user_models_path ());
  for (int i = 0; system_dirs[i]; i++)
    g_ptr_array_add (folders, g_build_filename (system_dirs[i], "hidiffusion", "models", NULL));
  g_ptr_array_add (folders, g_build_filename (program_dir, "models", NULL));

  return folders;
}

static gboolean
is_model (const char *path)
{
  g_autofree char *index = g_build_filename (path, "model_index.json", NULL);

  return g_file_test (index, G_FILE_TEST_IS_REGULAR);
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

/* The names in a folder, sorted, so that "the first" does not depend on the file system. Those that are not in
 * UTF-8 cannot be arguments of a procedure. */
static GPtrArray *
list_names (const char *folder)
{
  GPtrArray       *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char      *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_utf8_validate (name, -1, NULL))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);

  return names;
}

char **
hd_list_models (void)
{
  g_autoptr (GPtrArray)    folders = list_folders ();
  g_autoptr (GHashTable)   seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GStrvBuilder) models = g_strv_builder_new ();

  for (guint i = 0; i < folders->len; i++)
    {
      const char           *folder = g_ptr_array_index (folders, i);
      g_autoptr (GPtrArray) names = list_names (folder);

      for (guint j = 0; j < names->len; j++)
        {
          const char      *name = g_ptr_array_index (names, j);
          g_autofree char *path = g_build_filename (folder, name, NULL);

          if (is_model (path) && g_hash_table_add (seen, g_strdup (name)))
            g_strv_builder_add (models, path);
        }
    }

  return g_strv_builder_end (models);
}

static char *
find_default (char   **models,
              GError **error)
{
  g_autofree char *folder = NULL;

  if (models[0])
    return g_strdup (models[0]);

  folder = hd_user_models_path ();
  /* TRANSLATORS: %s is a folder. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("No model is installed. Put a model's folder into '%s', or choose another folder."), folder);
  return NULL;
}

static char *
find_name (char      **models,
           const char *name,
           GError    **error)
{
  for (int i = 0; models[i]; i++)
    {
      g_autofree char *model_name = g_path_get_basename (models[i]);

      if (g_str_equal (model_name, name))
        return g_strdup (models[i]);
    }

  /* TRANSLATORS: %s is what was given as the model. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("There is no model '%s': expected the path of a model's folder, or the name of an installed model."),
               name);
  return NULL;
}

char *
hd_find_model (const char  *model,
               GError     **error)
{
  g_auto (GStrv) models = NULL;

  if (model && g_path_is_absolute (model))
    return g_strdup (model);
  if (model && g_str_has_prefix (model, "~/"))
    return g_build_filename (g_get_home_dir (), model + 2, NULL);
  /* Relative to where GIMP was started, which only scripts know. */
  if (model && strchr (model, G_DIR_SEPARATOR))
    return g_canonicalize_filename (model, NULL);

  models = hd_list_models ();
  if (! model || ! *model)
    return find_default (models, error);

  return find_name (models, model, error);
}
