/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/model_library.h"
#include "engine/single_file.h"
#include "tools/hidiffusion/command.h"

/* Families, and the end of their list for what is not known. */
#define N_FAMILIES (HD_FAMILY_SDXL_TURBO + 1)

static gboolean
is_in_group (const HdLibraryEntry *entry,
             int                   group)
{
  return group == N_FAMILIES ? !entry->family_known : entry->family_known && (int) entry->family == group;
}

static void
print_entry (const HdLibraryEntry *entry)
{
  g_autofree char *size = g_format_size_full (entry->size, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *path = g_filename_display_name (entry->path);

  printf ("  %s%s, %s\n    %s\n", entry->name, entry->inpainting ? " (inpainting)" : "", size, path);
}

static void
print_groups (GPtrArray *entries)
{
  for (int group = 0; group <= N_FAMILIES; group++)
    {
      gboolean begun = FALSE;

      for (guint i = 0; i < entries->len; i++)
        {
          const HdLibraryEntry *entry = g_ptr_array_index (entries, i);

          if (!is_in_group (entry, group))
            continue;
          if (!begun)
            printf ("%s\n", group < N_FAMILIES ? hd_family_name ((HdFamily) group) : "Family not known");
          begun = TRUE;
          print_entry (entry);
        }
    }
}

static void
print_json (GPtrArray *entries)
{
  g_autoptr (JsonBuilder)   builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode)      root = NULL;
  g_autofree char          *text = NULL;

  json_builder_begin_array (builder);
  for (guint i = 0; i < entries->len; i++)
    {
      const HdLibraryEntry *entry = g_ptr_array_index (entries, i);
      g_autofree char      *path = g_filename_display_name (entry->path);

      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "name");
      json_builder_add_string_value (builder, entry->name);
      json_builder_set_member_name (builder, "path");
      json_builder_add_string_value (builder, path);
      json_builder_set_member_name (builder, "family");
      if (entry->family_known)
        json_builder_add_string_value (builder, hd_family_name (entry->family));
      else
        json_builder_add_null_value (builder);
      json_builder_set_member_name (builder, "inpainting");
      json_builder_add_boolean_value (builder, entry->inpainting);
      json_builder_set_member_name (builder, "bytes");
      json_builder_add_int_value (builder, (gint64) entry->size);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  printf ("%s\n", text);
}

/* The kind called @name; HD_LIBRARY_N_KINDS after a complaint. */
static HdLibraryKind
find_kind (const char *name)
{
  g_autofree char *message = NULL;
  HdLibraryKind    kind;

  if (name == NULL)
    return HD_LIBRARY_MODEL;
  for (kind = 0; kind < HD_LIBRARY_N_KINDS; kind++)
    if (g_str_equal (hd_library_kind_name (kind), name))
      return kind;

  message = g_strdup_printf ("--kind: expected models, loras, controlnets or embeddings, found \"%s\"", name);
  hd_command_complain (message);

  return kind;
}

int
hd_command_models (GStrv *arguments)
{
  g_auto (GStrv)        folders = NULL;
  g_autofree char      *kind_name = NULL;
  gboolean              json = FALSE;
  const GOptionEntry    entries[] = {
    { "kind", 'k', 0, G_OPTION_ARG_STRING, &kind_name, "models, loras, controlnets or embeddings (models)", "KIND" },
    { "folder", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &folders,
      "look in this folder, too; can be given several times", "FOLDER" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "write JSON", NULL },
    { NULL },
  };
  GOptionGroup         *group = g_option_group_new ("models", "", "", NULL, NULL);
  g_autoptr (GPtrArray) found = NULL;
  HdPlaces              places = { 0 };
  HdLibraryKind         kind;

  g_option_group_add_entries (group, entries);
  if (!hd_command_parse (arguments, group, "", "Looks in hidiffusion's own folders (~/.local/share/hidiffusion), where "
                         "ComfyUI, Automatic1111 and Forge keep theirs in the home folder, and in the Hugging Face "
                         "cache.", 0))
    return HD_EXIT_USAGE;

  kind = find_kind (kind_name);
  if (kind == HD_LIBRARY_N_KINDS)
    return HD_EXIT_USAGE;

  places.folders = (const char * const *) folders;
  found = hd_library_list (&places, kind, NULL);
  if (json)
    print_json (found);
  else if (found->len > 0)
    print_groups (found);
  else
    {
      g_autofree char *user = hd_places_get_user (&places, kind);

      printf ("No %s found. Put them into %s, or name a folder with --folder.\n", hd_library_kind_name (kind), user);
    }

  return HD_EXIT_SUCCESS;
}
