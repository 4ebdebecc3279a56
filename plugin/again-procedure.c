/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <gegl.h>

#include "engine/model_files.h"
#include "plugin/adapt-request.h"
#include "plugin/again-procedure.h"
#include "plugin/catalog.h"
#include "plugin/error.h"
#include "plugin/remember.h"
#include "plugin/return-layers.h"
#include "plugin/run-dialog.h"
#include "plugin/run-task.h"
#include "plugin/task-procedure.h"
#include "plugin/tasks.h"

/* --- what a layer was made from -------------------------------------------------- */

/* The model of the request's name; the same one, as far as its fingerprint is known. */
static gboolean
find_model (HdRequest  *request,
            HdCatalog  *catalog,
            GError    **error)
{
  const char               *name = request->model_name ? request->model_name : "";
  g_autofree char          *path = hd_catalog_find_model (catalog, request->task, name, error);
  g_autoptr (HdModelFiles)  files = NULL;
  g_autofree char          *hash = NULL;

  if (! path)
    return FALSE;

  hd_request_set (&request->model, path);
  files = hd_model_files_find (path, error);
  if (files)
    hash = hd_model_files_fingerprint (files, error);
  if (! hash)
    return FALSE;

  if (! request->model_hash || ! *request->model_hash || g_str_equal (request->model_hash, hash))
    return TRUE;

  /* TRANSLATORS: %s is the name of a model. */
  g_set_error (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
               _("The model '%s' that is installed is not the one that the layer was made with."), name);
  return FALSE;
}

static gboolean
find_layers (GimpLayer        *layer,
             const HdRequest  *request,
             const HdOrigin   *origin,
             HdPlace          *place,
             GError          **error)
{
  place->task = request->task;
  place->again = layer;

  if (request->task != HD_TASK_GENERATE)
    {
      place->source.layer = hd_origin_find_source (origin, place->image, error);
      if (! place->source.layer)
        return FALSE;
    }
  if (request->task == HD_TASK_FILL)
    place->outline = (HdOutline) { .layer = layer, .x = origin->x, .y = origin->y };

  if (request->control.name)
    {
      place->control = hd_origin_find_control (origin, place->image, error);
      if (! place->control)
        return FALSE;
    }

  return TRUE;
}

/* --- both ways to make it -------------------------------------------------------- */

static gboolean
run_once (HdRequest  *request,
          HdPlace    *place,
          HdCatalog  *catalog,
          GError    **error)
{
  /* A filled rectangle has the size that suited the model, which it will have again. */
  if (request->task == HD_TASK_FILL)
    request->width = request->height = 0;

  return hd_place_check (place, error)
         && find_model (request, catalog, error)
         && hd_complete_request (request, place, catalog, FALSE, error)
         && hd_run_task (request, place, error);
}

/* The dialog says itself what is missing among the arguments. What it cannot see is that a model is another one than it
 * was, or damaged. */
static void
run_in_dialog (GimpProcedure *procedure,
               HdRequest     *request,
               HdPlace       *place,
               HdCatalog     *catalog)
{
  g_autoptr (GimpProcedure)       task_procedure = NULL;
  g_autoptr (GimpProcedureConfig) config = NULL;
  g_autoptr (GError)              error = NULL;
  gboolean                        is_installed;

  task_procedure = hd_task_procedure_new (gimp_procedure_get_plug_in (procedure), request->task);
  config = gimp_procedure_create_config (task_procedure);
  hd_adapt_config (request, place, config);
  find_model (request, catalog, &error);

  is_installed = *request->model != '\0';

  hd_run_dialog (task_procedure, config, place, catalog, error && is_installed ? error->message : NULL);
}

static gboolean
run (GimpProcedure  *procedure,
     GimpRunMode     run_mode,
     GimpDrawable  **drawables,
     HdPlace        *place,
     GError        **error)
{
  g_autoptr (HdCatalog) catalog = hd_catalog_new ();
  g_autoptr (HdRequest) request = NULL;
  HdOrigin              origin = { 0 };
  GimpLayer            *layer = hd_source_find (place->image, drawables, error);
  gboolean              found = FALSE;

  if (layer)
    request = hd_recall (layer, &origin, error);
  if (request)
    found = find_layers (layer, request, &origin, place, error);
  hd_origin_clear (&origin);
  if (! found)
    return FALSE;

  if (run_mode != GIMP_RUN_INTERACTIVE)
    return run_once (request, place, catalog, error);

  run_in_dialog (procedure, request, place, catalog);
  return TRUE;
}

static GimpValueArray *
again_run (GimpProcedure        *procedure,
           GimpRunMode           run_mode,
           GimpImage            *image,
           GimpDrawable        **drawables,
           GimpProcedureConfig  *config,
           gpointer              run_data)
{
  HdPlace         place;
  GError         *error = NULL;
  GimpValueArray *values;

  gegl_init (NULL, NULL);

  hd_place_init (&place, HD_TASK_GENERATE, image, run_mode != GIMP_RUN_NONINTERACTIVE);
  run (procedure, run_mode, drawables, &place, &error);
  values = hd_return_values_new (procedure, &place, run_mode == GIMP_RUN_INTERACTIVE, error);
  hd_place_clear (&place);

  return values;
}

GimpProcedure *
hd_again_procedure_new (GimpPlugIn *plug_in)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, HD_AGAIN_PROCEDURE, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                       again_run, NULL, NULL);

  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, GIMP_PROCEDURE_SENSITIVE_DRAWABLE);
  gimp_procedure_set_menu_label (procedure, _("_Again..."));
  gimp_procedure_add_menu_path (procedure, HD_MENU_PATH);
  gimp_procedure_set_documentation (procedure,
                                    _("Make a layer again, or one like it"),
                                    _("Opens the dialog that the selected layer was made with, with the settings that "
                                      "it was made with, as the parasite 'hidiffusion-request' has kept them. With "
                                      "the same settings and the same seed the same picture comes out. Without a "
                                      "dialog that is done at once."),
                                    NULL);
  gimp_procedure_set_attribution (procedure, "HiDiffusion for GIMP", "HiDiffusion for GIMP", "2026");
  hd_return_values_add (procedure);

  return procedure;
}
