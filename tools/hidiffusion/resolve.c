/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/error.h"
#include "engine/model_files.h"
#include "engine/model_library.h"
#include "tools/hidiffusion/request_options.h"

static char *
find (const HdRequest  *request,
      HdLibraryKind     kind,
      const char       *name,
      GError          **error)
{
  HdPlaces         places = { .folders = (const char * const *) request->search_folders };
  g_autofree char *shown = g_filename_display_name (name);

  if (g_file_test (name, G_FILE_TEST_EXISTS))
    return g_strdup (name);

  return hd_library_find (&places, kind, shown, error);
}

/* Whether @path is the very model that the earlier picture was made with. */
static gboolean
check_model (const HdRequest  *request,
             const char       *path,
             GError          **error)
{
  g_autoptr (HdModelFiles) files = hd_model_files_find (path, error);
  g_autofree char         *fingerprint = files != NULL ? hd_model_files_fingerprint (files, error) : NULL;

  if (fingerprint == NULL)
    return FALSE;

  if (request->model_hash == NULL || g_str_equal (fingerprint, request->model_hash))
    return TRUE;

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
               "%s: expected the model \"%s\" of the picture that is repeated, found another one of this name; "
               "--model takes it nevertheless", path, request->model_name);

  return FALSE;
}

static gboolean
resolve_model (HdRequest  *request,
               GError    **error)
{
  gboolean         given = request->model[0] != '\0';
  g_autofree char *path = NULL;

  if (!given && request->model_name == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "expected --model NAME|PATH (\"hidiffusion models\" lists those that are installed)");
      return FALSE;
    }

  path = find (request, HD_LIBRARY_MODEL, given ? request->model : request->model_name, error);
  if (path == NULL || (!given && !check_model (request, path, error)))
    {
      g_prefix_error_literal (error, "--model: ");
      return FALSE;
    }
  hd_request_set (&request->model, path);

  return TRUE;
}

static gboolean
resolve_control_net (HdRequest  *request,
                     gboolean    has_image,
                     GError    **error)
{
  HdControlUse    *control = &request->control;
  g_autofree char *name = NULL;
  g_autofree char *shown = NULL;

  if ((control->name != NULL) != has_image)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           has_image ? "--control-image: expected --control-net NAME|PATH, too"
                                     : "--control-net: expected --control-image FILE.png, too");
      return FALSE;
    }

  if (control->name == NULL)
    return TRUE;

  control->path = find (request, HD_LIBRARY_CONTROL_NET, control->name, error);
  if (control->path == NULL)
    {
      g_prefix_error_literal (error, "--control-net: ");
      return FALSE;
    }

  /* Pictures keep names, never paths. */
  if (g_str_equal (control->path, control->name))
    {
      name = g_path_get_basename (control->path);
      if (g_str_has_suffix (name, ".safetensors"))
        name[strlen (name) - strlen (".safetensors")] = '\0';
      shown = g_filename_display_name (name);
      hd_request_set (&control->name, shown);
    }

  return TRUE;
}

gboolean
hd_request_options_resolve (HdRequestOptions  *options,
                            GError           **error)
{
  return resolve_model (options->request, error)
         && resolve_control_net (options->request, options->control_image != NULL, error);
}
