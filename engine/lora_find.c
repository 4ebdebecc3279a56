/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/lora.h"

#include <string.h>

#include "engine/json.h"
#include "kernels/i18n.h"

/* A link may lead round in circles, and a folder of a user's choice may be anything. */
#define MAX_DEPTH   8
#define MAX_ENTRIES 100000
#define MAX_NAME    256

#define MAX_SIMILAR 5
#define EXTENSION   ".safetensors"

typedef struct
{
  const char *name;        /* looked for, without the extension */
  char       *folded;      /* without case */
  int         entries;     /* looked at so far */
  char       *exact;       /* path */
  char       *caseless;    /* path */
  GPtrArray  *similar;     /* of names */
} Search;

/* --- similarity ---------------------------------------------------------------- */

/* Levenshtein's distance of two short strings, in bytes. */
static gsize
edit_distance (const char *a,
               const char *b)
{
  const gsize       n = strlen (b);
  g_autofree gsize *row = g_new (gsize, n + 1);

  for (gsize j = 0; j <= n; j++)
    row[j] = j;
  for (gsize i = 0; a[i] != '\0'; i++)
    {
      gsize diagonal = row[0];

      row[0] = i + 1;
      for (gsize j = 1; j <= n; j++)
        {
          gsize change = diagonal + (a[i] != b[j - 1]);

          diagonal = row[j];
          row[j] = MIN (change, MIN (row[j], row[j - 1]) + 1);
        }
    }

  return row[n];
}

static gboolean
is_similar (const char *wanted,
            const char *found)
{
  const gsize length = strlen (wanted);

  if (length == 0 || length > MAX_NAME || strlen (found) > MAX_NAME)
    return FALSE;

  return strstr (found, wanted) != NULL || strstr (wanted, found) != NULL
         || edit_distance (wanted, found) <= 1 + length / 4;
}

/* --- searching ----------------------------------------------------------------- */

/* Whether the file's name without extension, @relative to the folder, is what is looked for: its last part, or, if
 * that has folders before it, as many of them. */
static gboolean
names_match (const char *wanted,
             const char *relative)
{
  const gsize length = strlen (relative);
  const gsize end = strlen (wanted);

  return end > 0 && length >= end && g_str_equal (relative + length - end, wanted)
         && (length == end || relative[length - end - 1] == '/');
}

static void
look_at_file (Search     *search,
              const char *path,
              const char *relative)
{
  g_autofree char *name = g_strndup (relative, strlen (relative) - strlen (EXTENSION));
  g_autofree char *folded = g_utf8_casefold (name, -1);
  const char      *last = strrchr (folded, '/');

  if (search->exact == NULL && names_match (search->name, name))
    search->exact = g_strdup (path);
  else if (search->caseless == NULL && names_match (search->folded, folded))
    search->caseless = g_strdup (path);
  else if (search->similar->len < MAX_SIMILAR && is_similar (search->folded, last != NULL ? last + 1 : folded))
    g_ptr_array_add (search->similar, g_path_get_basename (name));
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

/* (element-type utf8): the folder's entries, sorted, so that the same folder gives the same file. */
static GPtrArray *
list_folder (Search     *search,
             const char *folder)
{
  GPtrArray       *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char      *name;

  while (dir != NULL && search->entries < MAX_ENTRIES && (name = g_dir_read_name (dir)) != NULL)
    {
      search->entries++;
      if (name[0] != '.' && g_utf8_validate (name, -1, NULL))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);

  return names;
}

static void
look_into_folder (Search     *search,
                  const char *folder,
                  const char *relative,
                  int         depth)
{
  g_autoptr (GPtrArray) names = list_folder (search, folder);

  for (guint i = 0; i < names->len && search->exact == NULL; i++)
    {
      const char      *name = g_ptr_array_index (names, i);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *inner = relative[0] != '\0' ? g_strconcat (relative, "/", name, NULL) : g_strdup (name);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          if (depth < MAX_DEPTH)
            look_into_folder (search, path, inner, depth + 1);
        }
      else if (g_str_has_suffix (name, EXTENSION))
        look_at_file (search, path, inner);
    }
}

/* What the user has named may be a file. */
static void
look_into (Search     *search,
           const char *place)
{
  g_autofree char *base = g_path_get_basename (place);

  if (g_file_test (place, G_FILE_TEST_IS_DIR))
    look_into_folder (search, place, "", 0);
  else if (g_str_has_suffix (base, EXTENSION) && g_utf8_validate (base, -1, NULL))
    look_at_file (search, place, base);
}

static void
fail (const Search        *search,
      const char * const  *folders,
      GError             **error)
{
  g_autofree char *quoted = hd_json_quote (search->name);
  g_autofree char *places = g_strjoinv (", ", (char **) folders);
  g_autofree char *similar = NULL;

  g_ptr_array_add (search->similar, NULL);
  similar = g_strjoinv (", ", (char **) search->similar->pdata);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               _("Expected a LoRA %s in %s, found %s%s"), quoted, places[0] != '\0' ? places : _("no folder"),
               similar[0] != '\0' ? _("only similar names: ") : _("none"), similar);
}

char *
hd_lora_find (const char          *name,
              const char * const  *folders,
              GError             **error)
{
  g_autofree char *stem = g_utf8_make_valid (name, -1);
  Search           search = { .name = stem };
  char            *path;

  if (g_str_has_suffix (stem, EXTENSION))
    stem[strlen (stem) - strlen (EXTENSION)] = '\0';
  search.folded = g_utf8_casefold (stem, -1);
  search.similar = g_ptr_array_new_with_free_func (g_free);
  for (gsize i = 0; folders[i] != NULL && search.exact == NULL; i++)
    look_into (&search, folders[i]);

  path = g_strdup (search.exact != NULL ? search.exact : search.caseless);
  if (path == NULL)
    fail (&search, folders, error);

  g_ptr_array_unref (search.similar);
  g_free (search.folded);
  g_free (search.exact);
  g_free (search.caseless);

  return path;
}
