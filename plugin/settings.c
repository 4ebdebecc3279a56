/* SPDX-License-Identifier: Apache-2.0 */

#include <glib/gi18n.h>
#include <libgimp/gimp.h>

#include "plugin/error.h"
#include "plugin/settings.h"

#define GROUP   "models"
#define FOLDERS "folders"

static char *
make_path (void)
{
  return g_build_filename (gimp_directory (), "hidiffusion.ini", NULL);
}

char **
hd_settings_get_folders (void)
{
  g_autoptr (GKeyFile)     file = g_key_file_new ();
  g_autofree char         *path = make_path ();
  g_auto (GStrv)           found = NULL;
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();

  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    found = g_key_file_get_string_list (file, GROUP, FOLDERS, NULL, NULL);
  for (int i = 0; found && found[i]; i++)
    if (g_path_is_absolute (found[i]))
      g_strv_builder_add (folders, found[i]);

  return g_strv_builder_end (folders);
}

gboolean
hd_settings_set_folders (const char * const  *folders,
                         GError             **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError)   cause = NULL;
  g_autofree char     *path = make_path ();

  /* What a later version has put there stays. */
  g_key_file_load_from_file (file, path, G_KEY_FILE_KEEP_COMMENTS, NULL);
  g_key_file_set_string_list (file, GROUP, FOLDERS, folders, g_strv_length ((char **) folders));
  if (g_key_file_save_to_file (file, path, &cause))
    return TRUE;

  /* TRANSLATORS: a file, and the system's message. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_SETTINGS,
               _("The settings could not be written to '%s': %s"), path, cause->message);
  return FALSE;
}
