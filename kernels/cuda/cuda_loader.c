/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <gmodule.h>

#include "kernels/cuda/cuda_module.h"
#include "kernels/i18n.h"

/* The program's side of the module hd-cuda. GModule counts who has opened it, and it stays once it is there: nothing is
 * kept here. */

#define FILE_NAME   "hd-cuda.so"
#define ENVIRONMENT "HIDIFFUSION_CUDA_MODULE"

static char *
find_beside_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : NULL;
  g_autofree char *path = folder != NULL ? g_build_filename (folder, FILE_NAME, NULL) : NULL;

  return path != NULL && g_file_test (path, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&path) : NULL;
}

/* The file where the environment says, else beside the program, else where it is installed. */
static char *
find_module (GError **error)
{
  const char      *chosen = g_getenv (ENVIRONMENT);
  g_autofree char *installed = g_build_filename (HD_MODULE_DIR, FILE_NAME, NULL);
  char            *found;

  if (chosen != NULL && *chosen != '\0')
    return g_strdup (chosen);

  found = find_beside_program ();
  if (found != NULL)
    return found;
  if (g_file_test (installed, G_FILE_TEST_IS_REGULAR))
    return g_steal_pointer (&installed);

  g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
               _("The module for NVIDIA GPUs is not installed: %s lies neither beside the program nor in %s"),
               FILE_NAME, HD_MODULE_DIR);
  return NULL;
}

static const HdCudaModule *
open_module (GError **error)
{
  g_autofree char    *path = find_module (error);
  GModule            *library;
  gpointer            symbol = NULL;
  const HdCudaModule *module;

  if (path == NULL)
    return NULL;

  library = g_module_open (path, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  if (library == NULL || !g_module_symbol (library, HD_CUDA_MODULE_OPEN, &symbol) || symbol == NULL)
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED, _("%s: the module for NVIDIA GPUs does not load: %s"),
                   path, g_module_error ());
      g_clear_pointer (&library, g_module_close);
      return NULL;
    }

  /* What it has started, with the driver's threads, cannot be unloaded. */
  g_module_make_resident (library);

  module = ((HdCudaModuleOpen) symbol) ();
  if (!g_str_equal (module->version, HD_VERSION) || module->structures != hd_cuda_module_structures ())
    {
      g_set_error (error, HD_KERNEL_ERROR, HD_KERNEL_ERROR_UNSUPPORTED,
                   _("%s: expected the module of this very build of version %s, found one of version %s"),
                   path, HD_VERSION, module->version);
      return NULL;
    }

  return module;
}

GPtrArray *
hd_cuda_list_devices (GError **error)
{
  const HdCudaModule *module = open_module (error);

  return module != NULL ? module->list_devices (error) : NULL;
}

HdContext *
hd_cuda_context_new (int           index,
                     HdPrecision   precision,
                     GError      **error)
{
  const HdCudaModule *module = open_module (error);

  return module != NULL ? module->context_new (index, precision, error) : NULL;
}
