/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <gegl.h>

#include "plugin/adapt-request.h"
#include "plugin/arguments.h"
#include "plugin/catalog.h"
#include "plugin/return-layers.h"
#include "plugin/run-dialog.h"
#include "plugin/run-task.h"
#include "plugin/task-procedure.h"
#include "plugin/tasks.h"

static gboolean
run_once (GimpProcedureConfig  *config,
          HdPlace              *place,
          HdCatalog            *catalog,
          GError              **error)
{
  g_autoptr (HdRequest) request = hd_adapt_request (config, place, catalog, FALSE, error);

  return request && hd_run_task (request, place, error);
}

static gboolean
run (GimpProcedure        *procedure,
     GimpRunMode           run_mode,
     GimpProcedureConfig  *config,
     GimpDrawable        **drawables,
     HdPlace              *place,
     GError              **error)
{
  g_autoptr (HdCatalog) catalog = hd_catalog_new ();

  if (place->task != HD_TASK_GENERATE)
    {
      place->source.layer = hd_source_find (place->image, drawables, error);
      if (! place->source.layer)
        return FALSE;
    }

  if (run_mode != GIMP_RUN_INTERACTIVE)
    return run_once (config, place, catalog, error);

  hd_run_dialog (procedure, config, place, catalog, NULL);
  return TRUE;
}

static GimpValueArray *
task_run (GimpProcedure        *procedure,
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

  hd_place_init (&place, GPOINTER_TO_INT (run_data), image, run_mode != GIMP_RUN_NONINTERACTIVE);
  run (procedure, run_mode, config, drawables, &place, &error);
  values = hd_return_values_new (procedure, &place, run_mode == GIMP_RUN_INTERACTIVE, error);
  hd_place_clear (&place);

  return values;
}

GimpProcedure *
hd_task_procedure_new (GimpPlugIn *plug_in,
                       HdTask      task)
{
  const HdTaskTexts *texts = hd_task_get_texts (task);
  GimpProcedure     *procedure = gimp_image_procedure_new (plug_in, texts->procedure, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                           task_run, GINT_TO_POINTER (task), NULL);

  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, task == HD_TASK_GENERATE ? GIMP_PROCEDURE_SENSITIVE_ALWAYS
                                                                           : GIMP_PROCEDURE_SENSITIVE_DRAWABLE);
  gimp_procedure_set_menu_label (procedure, _(texts->menu_label));
  gimp_procedure_add_menu_path (procedure, HD_MENU_PATH);
  gimp_procedure_set_documentation (procedure, _(texts->blurb), _(texts->help), NULL);
  gimp_procedure_set_attribution (procedure, "HiDiffusion for GIMP", "HiDiffusion for GIMP", "2026");
  hd_arguments_add (procedure, task);
  hd_return_values_add (procedure);

  return procedure;
}
