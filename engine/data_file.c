/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/data_file.h"

#define PROGRAM      "/proc/self/exe"
#define ENVIRONMENT  "HIDIFFUSION_DATA_DIR"
#define MAX_ANCESTOR 4

static char *
find_in (const char *folder,
         const char *below,
         const char *name)
{
  g_autofree char *path = g_build_filename (folder, below, name, NULL);

  return g_file_test (path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&path) : NULL;
}

static char *
find_near_program (const char *name)
{
  g_autofree char *folder = g_file_read_link (PROGRAM, NULL);
  char            *found = NULL;

  for (int i = 0; folder != NULL && found == NULL && i < MAX_ANCESTOR; i++)
    {
      char *parent = g_path_get_dirname (folder);

      g_free (folder);
      folder = parent;
      found = find_in (folder, "data", name);
      if (found == NULL)
        found = find_in (folder, "share/hidiffusion", name);
    }

  return found;
}

char *
hd_data_file_find (const char  *name,
                   GError     **error)
{
  const char *chosen = g_getenv (ENVIRONMENT);
  char       *found = NULL;

  if (chosen != NULL && *chosen != '\0')
    found = find_in (chosen, "", name);
  if (found == NULL)
    found = find_near_program (name);
  if (found == NULL)
    found = find_in (HD_DATA_DIR, "", name);

  if (found == NULL)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                 "%s: expected this file in %s, in data/ near the program, or where " ENVIRONMENT " says; found it in "
                 "none of them; the installation is not complete", name, HD_DATA_DIR);

  return found;
}
