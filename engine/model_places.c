/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/model_places.h"

#include <string.h>

#define PROGRAM         "/proc/self/exe"
#define MAX_HOME_ENTRIES 10000

typedef struct
{
  const HdPlaces *places;
  GStrvBuilder   *found;
  GHashTable     *seen;    /* canonical paths */
} Listing;

const char *
hd_library_kind_name (HdLibraryKind kind)
{
  static const char * const names[] = { "models", "loras", "controlnets", "embeddings" };

  return names[kind];
}

/* The names that folders of each kind have in our own places. */
static const char *
own_folder (HdLibraryKind kind)
{
  static const char * const names[] = { "models", "loras", "controlnet", "embeddings" };

  return names[kind];
}

static const char *
get_home (const HdPlaces *places)
{
  return places->home != NULL ? places->home : g_get_home_dir ();
}

/* The value of an environment variable that is an absolute path; NULL for none. */
static const char *
get_variable (const HdPlaces *places,
              const char     *name)
{
  const char *value = places->environment != NULL
                      ? g_environ_getenv ((char **) places->environment, name) : g_getenv (name);

  return value != NULL && g_path_is_absolute (value) ? value : NULL;
}

/* Adds @path if it is there and was not yet added. */
static void
add_path (Listing    *listing,
          const char *path,
          GFileTest   test)
{
  g_autofree char *canonical = g_canonicalize_filename (path, NULL);

  if (g_file_test (canonical, test) && !g_hash_table_contains (listing->seen, canonical))
    {
      g_strv_builder_add (listing->found, canonical);
      g_hash_table_add (listing->seen, g_steal_pointer (&canonical));
    }
}

/* Adds FOLDER/@below if it is there. */
static void
add (Listing    *listing,
     const char *folder,
     const char *below)
{
  g_autofree char *path = g_build_filename (folder, below, NULL);

  add_path (listing, path, G_FILE_TEST_IS_DIR);
}

static void
add_all (Listing            *listing,
         const char         *folder,
         const char * const *below)
{
  for (int i = 0; below[i] != NULL; i++)
    add (listing, folder, below[i]);
}

/* --- our own ------------------------------------------------------------------- */

char *
hd_places_get_user (const HdPlaces *places,
                    HdLibraryKind   kind)
{
  const char *data = places->data_home != NULL ? places->data_home : g_get_user_data_dir ();

  return g_build_filename (data, "hidiffusion", own_folder (kind), NULL);
}

static void
add_own (Listing       *listing,
         HdLibraryKind  kind)
{
  g_autofree char    *user = hd_places_get_user (listing->places, kind);
  g_autofree char    *below = g_build_filename ("hidiffusion", own_folder (kind), NULL);
  g_autofree char    *program = g_file_read_link (PROGRAM, NULL);
  g_autofree char    *program_folder = program != NULL ? g_path_get_dirname (program) : NULL;
  const char * const *system = g_get_system_data_dirs ();

  add (listing, user, "");
  /* A home in place of the user's is a world of its own. */
  for (int i = 0; listing->places->home == NULL && system[i] != NULL; i++)
    add (listing, system[i], below);
  if (listing->places->home == NULL)
    add (listing, HD_DATA_DIR, own_folder (kind));
  if (program_folder != NULL)
    add (listing, program_folder, own_folder (kind));
  for (int i = 0; listing->places->folders != NULL && listing->places->folders[i] != NULL; i++)
    add_path (listing, listing->places->folders[i], G_FILE_TEST_EXISTS);
}

/* --- other programs' ------------------------------------------------------------ */

static void
add_comfy (Listing       *listing,
           HdLibraryKind  kind)
{
  static const char * const roots[] = { "ComfyUI", "comfy/ComfyUI", "Documents/ComfyUI" };
  static const char * const below[][3] = {
    { "models/checkpoints", "models/diffusers", NULL },
    { "models/loras", NULL },
    { "models/controlnet", NULL },
    { "models/embeddings", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      g_autofree char *root = g_build_filename (get_home (listing->places), roots[i], NULL);

      add_all (listing, root, below[kind]);
    }
}

static int
compare_strings (gconstpointer a,
                 gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static void
add_web_ui (Listing       *listing,
            HdLibraryKind  kind)
{
  static const char * const below[][3] = {
    { "models/Stable-diffusion", NULL },
    { "models/Lora", "models/LyCORIS", NULL },
    { "models/ControlNet", "extensions/sd-webui-controlnet/models", NULL },
    { "embeddings", NULL },
  };
  g_autoptr (GPtrArray) roots = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir)      home = g_dir_open (get_home (listing->places), 0, NULL);
  const char           *name;

  for (int i = 0; home != NULL && i < MAX_HOME_ENTRIES && (name = g_dir_read_name (home)) != NULL; i++)
    if (g_str_has_prefix (name, "stable-diffusion-webui"))
      g_ptr_array_add (roots, g_build_filename (get_home (listing->places), name, NULL));

  /* The order must not depend on the file system. */
  g_ptr_array_sort (roots, compare_strings);
  for (guint i = 0; i < roots->len; i++)
    add_all (listing, g_ptr_array_index (roots, i), below[kind]);
}

char *
hd_places_get_hub (const HdPlaces *places)
{
  static const char * const variables[] = { "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE" };
  const char               *home = get_variable (places, "HF_HOME");
  const char               *cache = get_variable (places, "XDG_CACHE_HOME");

  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    if (get_variable (places, variables[i]) != NULL)
      return g_strdup (get_variable (places, variables[i]));
  if (home != NULL)
    return g_build_filename (home, "hub", NULL);
  if (cache != NULL)
    return g_build_filename (cache, "huggingface", "hub", NULL);

  return g_build_filename (get_home (places), ".cache", "huggingface", "hub", NULL);
}

char **
hd_places_list (const HdPlaces *places,
                HdLibraryKind   kind)
{
  g_autoptr (GStrvBuilder) found = g_strv_builder_new ();
  g_autoptr (GHashTable)   seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char         *hub = hd_places_get_hub (places);
  Listing                  listing = { .places = places, .found = found, .seen = seen };

  add_own (&listing, kind);
  add_comfy (&listing, kind);
  add_web_ui (&listing, kind);
  add (&listing, hub, "");

  return g_strv_builder_end (found);
}
