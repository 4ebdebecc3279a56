/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "engine/file.h"
#include "engine/model_files.h"
#include "engine/model_library.h"
#include "engine/single_file.h"
#include "plugin/error.h"
#include "plugin/recognise.h"

/* No home of anybody's. */
#define NOWHERE "/nonexistent"

/* Of a file, to tell what it is. */
#define SIGNATURE_BYTES 12

void
hd_found_free (HdFound *found)
{
  g_free (found->path);
  g_clear_error (&found->error);
  g_free (found);
}

static void
set_wrong (HdFound    *found,
           const char *description)
{
  /* TRANSLATORS: a file or folder, and what it is: "a Flux model". */
  g_set_error (&found->error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("'%s' holds %s. What can be used are Stable Diffusion 1, 2 and XL models, their LoRAs, ControlNets and "
                 "embeddings, as .safetensors files or folders, and pictures that know how they were made."),
               found->path, description);
}

/* --- files ---------------------------------------------------------------------- */

/* PNG, JPEG and WebP, which can say how they were made. */
static gboolean
has_settings (const guchar start[SIGNATURE_BYTES])
{
  static const guchar png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
  static const guchar jpeg[] = { 0xff, 0xd8, 0xff };
  static const guchar riff[] = { 'R', 'I', 'F', 'F' };
  static const guchar webp[] = { 'W', 'E', 'B', 'P' };

  return memcmp (start, png, sizeof png) == 0
         || memcmp (start, jpeg, sizeof jpeg) == 0
         || (memcmp (start, riff, sizeof riff) == 0 && memcmp (start + 8, webp, sizeof webp) == 0);
}

static gboolean
is_picture (const char *path)
{
  guchar   start[SIGNATURE_BYTES];
  guint64  size;
  int      fd = hd_file_open (path, &size, NULL);
  gboolean is;

  if (fd < 0)
    return FALSE;

  is = size >= sizeof start && hd_file_read_at (fd, path, 0, start, sizeof start, NULL) && has_settings (start);
  close (fd);
  return is;
}

static gboolean
is_other_picture (const char *path)
{
  g_autofree char *type = g_content_type_guess (path, NULL, 0, NULL);

  return g_content_type_is_a (type, "image/*");
}

static void
recognise_weights (HdFound *found)
{
  g_autoptr (HdSafetensors) file = hd_safetensors_open_unmapped (found->path, &found->error);
  HdSingleFile              contents;

  if (! file)
    return;

  hd_single_file_recognise (file, &contents);
  switch (contents.kind)
    {
    case HD_FILE_CHECKPOINT:
      found->kind = HD_FOUND_MODEL;
      break;
    case HD_FILE_LORA:
      found->kind = HD_FOUND_LORA;
      break;
    case HD_FILE_CONTROL_NET:
      found->kind = HD_FOUND_CONTROL_NET;
      break;
    case HD_FILE_EMBEDDING:
      found->kind = HD_FOUND_EMBEDDING;
      break;
    case HD_FILE_UNET:
    case HD_FILE_VAE:
    case HD_FILE_TEXT_ENCODER:
    case HD_FILE_OTHER:
      set_wrong (found, contents.description);
      break;
    }
}

static void
recognise_file (HdFound *found)
{
  if (is_picture (found->path))
    found->kind = HD_FOUND_PICTURE;
  else if (is_other_picture (found->path))
    set_wrong (found, _("a picture, but not as PNG, JPEG or WebP: open it with GIMP to work on it"));
  else
    recognise_weights (found);
}

/* --- folders -------------------------------------------------------------------- */

/* What is in the folder, or is the folder itself: what lies elsewhere is listed, too. */
static const HdLibraryEntry *
find_entry (const GPtrArray *list,
            const char      *folder)
{
  gsize length = strlen (folder);

  for (guint i = 0; i < list->len; i++)
    {
      const HdLibraryEntry *entry = list->pdata[i];

      if (strncmp (entry->path, folder, length) == 0
          && (entry->path[length] == '\0' || entry->path[length] == G_DIR_SEPARATOR))
        return entry;
    }

  return NULL;
}

static gboolean
search_folder (HdFound       *found,
               const char    *folder,
               HdLibraryKind  kind,
               HdFoundKind    found_kind,
               GCancellable  *cancellable)
{
  const char * const    folders[] = { folder, NULL };
  const char * const    environment[] = { NULL };
  const HdPlaces        places = { .folders = folders, .home = NOWHERE, .data_home = NOWHERE, .environment = environment };
  g_autoptr (GPtrArray) list = hd_library_list (&places, kind, cancellable);
  const HdLibraryEntry *entry = find_entry (list, folder);

  if (! entry)
    return FALSE;

  found->kind = g_str_equal (entry->path, folder) ? found_kind : HD_FOUND_COLLECTION;
  return TRUE;
}

static void
recognise_folder (HdFound      *found,
                  GCancellable *cancellable)
{
  static const HdFoundKind      kinds[HD_LIBRARY_N_KINDS] = {
    [HD_LIBRARY_MODEL] = HD_FOUND_MODEL,
    [HD_LIBRARY_LORA] = HD_FOUND_LORA,
    [HD_LIBRARY_CONTROL_NET] = HD_FOUND_CONTROL_NET,
    [HD_LIBRARY_EMBEDDING] = HD_FOUND_EMBEDDING,
  };
  g_autofree char              *folder = g_canonicalize_filename (found->path, NULL);
  g_autoptr (HdModelFiles)      files = NULL;

  for (int kind = 0; kind < HD_LIBRARY_N_KINDS; kind++)
    if (search_folder (found, folder, kind, kinds[kind], cancellable))
      return;

  /* The message says which part of a model is missing. */
  files = hd_model_files_find (folder, &found->error);
  if (files)
    found->kind = HD_FOUND_MODEL;
}

/* --- both ----------------------------------------------------------------------- */

HdFound *
hd_recognise (const char   *path,
              GCancellable *cancellable)
{
  HdFound *found = g_new0 (HdFound, 1);

  found->path = g_strdup (path);
  if (! g_utf8_validate (path, -1, NULL))
    {
      g_free (found->path);
      found->path = g_filename_display_name (path);
      /* TRANSLATORS: %s is a file or folder. */
      g_set_error (&found->error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                   _("The name of '%s' is not in UTF-8: give it another one first."), found->path);
    }
  else if (g_file_test (path, G_FILE_TEST_IS_DIR))
    recognise_folder (found, cancellable);
  else
    recognise_file (found);

  return found;
}

static void
recognise_all (GTask        *task,
               gpointer      source_object,
               gpointer      task_data,
               GCancellable *cancellable)
{
  const char * const *paths = task_data;
  GPtrArray          *all = g_ptr_array_new_with_free_func ((GDestroyNotify) hd_found_free);

  for (int i = 0; paths[i] && ! g_cancellable_is_cancelled (cancellable); i++)
    g_ptr_array_add (all, hd_recognise (paths[i], cancellable));

  g_task_return_pointer (task, all, (GDestroyNotify) g_ptr_array_unref);
}

void
hd_recognise_async (const char * const  *paths,
                    GCancellable        *cancellable,
                    GAsyncReadyCallback  callback,
                    gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, hd_recognise_async);
  g_task_set_task_data (task, g_strdupv ((char **) paths), (GDestroyNotify) g_strfreev);
  g_task_run_in_thread (task, recognise_all);
}

GPtrArray *
hd_recognise_finish (GAsyncResult *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}
