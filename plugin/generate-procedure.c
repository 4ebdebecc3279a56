/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include <glib/gi18n.h>
#include <gegl.h>

#include "engine/engine.h"
#include "plugin/adapt-request.h"
#include "plugin/error.h"
#include "plugin/find-model.h"
#include "plugin/generate-procedure.h"
#include "plugin/insert-layer.h"
#include "plugin/place-picture.h"
#include "ui/generate-dialog.h"
#include "ui/run-engine.h"

/* --- one picture, with GIMP's own progress ------------------------------------- */

typedef struct
{
  gboolean   done;
  HdPicture *picture;
  GError    *error;
} HdOutcome;

static void
show_progress (const HdProgress *progress,
               gpointer          user_data)
{
  if (progress->phase == HD_PHASE_DENOISING)
    gimp_progress_set_text_printf (_("Step %d of %d"), progress->step, progress->steps);
  gimp_progress_update (progress->fraction);
}

static void
take_outcome (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  HdOutcome *outcome = user_data;

  outcome->picture = hd_run_engine_finish (result, &outcome->error);
  outcome->done = TRUE;
}

/* In a context of its own: nothing else of libgimp's is to run meanwhile. */
static HdPicture *
generate_picture (const HdRequest  *request,
                  GError          **error)
{
  g_autoptr (HdEngine)     engine = hd_engine_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  HdOutcome                outcome = { FALSE };

  gimp_progress_init (_("Generating a picture"));

  g_main_context_push_thread_default (context);
  hd_run_engine_async (engine, request, show_progress, NULL, NULL, take_outcome, &outcome);
  while (! outcome.done)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  gimp_progress_end ();

  if (outcome.error)
    g_propagate_error (error, outcome.error);
  return outcome.picture;
}

static gboolean
generate_once (GimpProcedureConfig  *config,
               HdPlace              *place,
               GError              **error)
{
  g_autoptr (HdRequest) request = NULL;
  g_autoptr (HdPicture) picture = NULL;
  g_autofree char      *message = NULL;

  if (place->image && ! hd_image_takes_pictures (place->image, error))
    return FALSE;

  request = hd_adapt_request (config, place->image, error);
  if (! request)
    return FALSE;

  picture = generate_picture (request, error);
  if (! picture || ! hd_place_picture (place, picture, &message, error))
    return FALSE;

  if (message)
    gimp_message (message);
  return TRUE;
}

/* --- the dialog ---------------------------------------------------------------- */

static GimpImage *
host_get_image (gpointer data)
{
  return hd_place_get_image (data);
}

static HdRequest *
host_make_request (GimpProcedureConfig  *config,
                   gpointer              data,
                   GError              **error)
{
  GimpImage *image = hd_place_get_image (data);

  if (image && ! hd_image_takes_pictures (image, error))
    return NULL;

  return hd_adapt_request (config, image, error);
}

static gboolean
host_take_picture (const HdPicture  *picture,
                   gpointer          data,
                   char            **message,
                   GError          **error)
{
  return hd_place_picture (data, picture, message, error);
}

static GimpPDBStatusType
generate_in_dialog (GimpProcedure       *procedure,
                    GimpProcedureConfig *config,
                    HdPlace             *place)
{
  const HdGenerateHost host = {
    .get_image = host_get_image,
    .make_request = host_make_request,
    .take_picture = host_take_picture,
    .list_models = hd_list_models,
    .data = place,
  };

  hd_generate_dialog_run (procedure, config, &host);

  return place->layer ? GIMP_PDB_SUCCESS : GIMP_PDB_CANCEL;
}

/* --- the procedure ------------------------------------------------------------- */

static GimpValueArray *
generate_run (GimpProcedure        *procedure,
              GimpRunMode           run_mode,
              GimpImage            *image,
              GimpDrawable        **drawables,
              GimpProcedureConfig  *config,
              gpointer              run_data)
{
  HdPlace            place = { .image = image, .show = run_mode != GIMP_RUN_NONINTERACTIVE };
  GimpPDBStatusType  status = GIMP_PDB_SUCCESS;
  GError            *error = NULL;
  GimpValueArray    *values;

  gegl_init (NULL, NULL);

  if (run_mode == GIMP_RUN_INTERACTIVE)
    status = generate_in_dialog (procedure, config, &place);
  else if (! generate_once (config, &place, &error))
    status = hd_plugin_error_get_status (error);

  values = gimp_procedure_new_return_values (procedure, status, error);
  if (status == GIMP_PDB_SUCCESS)
    {
      GIMP_VALUES_SET_IMAGE (values, 1, place.image);
      GIMP_VALUES_SET_LAYER (values, 2, place.layer);
      gimp_displays_flush ();
    }

  return values;
}

static void
add_text_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_string_argument (procedure, "model",
                                      _("M_odel"),
                                      _("The name of an installed model, or the path of a model's folder. "
                                        "Empty: the first of the installed models."),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "prompt",
                                      _("_Prompt"),
                                      _("What the picture is to show"),
                                      "", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "negative-prompt",
                                      _("_Negative prompt"),
                                      _("What the picture is not to show. May be empty."),
                                      "", G_PARAM_READWRITE);
}

static void
add_size_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_int_argument (procedure, "width",
                                   _("_Width"),
                                   _("Width of the layer in pixels. 0: the width of the image, "
                                     "or 512 if none is open."),
                                   0, HD_REQUEST_MAX_SIZE, 0, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "height",
                                   _("H_eight"),
                                   _("Height of the layer in pixels. 0: the height of the image, "
                                     "or 512 if none is open."),
                                   0, HD_REQUEST_MAX_SIZE, 0, G_PARAM_READWRITE);
}

static void
add_sampling_arguments (GimpProcedure *procedure)
{
  gimp_procedure_add_int_argument (procedure, "steps",
                                   _("S_teps"),
                                   _("How often the picture is refined. More steps take longer "
                                     "and show finer detail."),
                                   1, HD_REQUEST_MAX_STEPS, 25, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "guidance-scale",
                                      _("G_uidance"),
                                      _("How closely the picture follows the prompt. Low values leave more to "
                                        "chance, very high ones make colours harsh."),
                                      0.0, HD_REQUEST_MAX_GUIDANCE, 7.5, G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "sampler",
                                      _("S_ampler"),
                                      _("How noise is turned into a picture, step by step"),
                                      "ddim", G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (procedure, "seed",
                                   _("See_d"),
                                   _("Where chance begins: the same seed with the same settings makes the same "
                                     "picture. -1: another one each time."),
                                   HD_REQUEST_RANDOM_SEED, HD_REQUEST_MAX_SEED, HD_REQUEST_RANDOM_SEED,
                                   G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "hidiffusion",
                                      _("HiDi_ffusion"),
                                      _("Keeps pictures that are larger than those the model has learnt from free "
                                        "of repeated objects, and makes them faster: auto, on or off. "
                                        "auto: on where the picture is large enough."),
                                      "auto", G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (procedure, "device",
                                      _("De_vice"),
                                      _("What the picture is computed on. auto: the fastest there is."),
                                      "auto", G_PARAM_READWRITE);
}

GimpProcedure *
hd_generate_procedure_new (GimpPlugIn *plug_in)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, HD_GENERATE_PROCEDURE, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                       generate_run, NULL, NULL);

  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, GIMP_PROCEDURE_SENSITIVE_ALWAYS);
  gimp_procedure_set_menu_label (procedure, _("_Generate..."));
  gimp_procedure_add_menu_path (procedure, "<Image>/Filters/Render/HiDiffusion");
  gimp_procedure_set_documentation (procedure,
                                    _("Make a layer from a description"),
                                    _("Makes a picture from a description in words with a Stable Diffusion model, "
                                      "and adds it to the image as a layer, or opens it as a new image where none "
                                      "is open. The settings are kept with the layer, in the parasite "
                                      "'hidiffusion-request'."),
                                    NULL);
  gimp_procedure_set_attribution (procedure, "HiDiffusion for GIMP", "HiDiffusion for GIMP", "2026");

  add_text_arguments (procedure);
  add_size_arguments (procedure);
  add_sampling_arguments (procedure);

  gimp_procedure_add_image_return_value (procedure, "image", "Image",
                                         "The image that the picture is in", TRUE, G_PARAM_READWRITE);
  gimp_procedure_add_layer_return_value (procedure, "layer", "Layer",
                                         "The layer that is the picture", TRUE, G_PARAM_READWRITE);

  return procedure;
}
