/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/command.h"
#include "tools/hidiffusion/inspect_report.h"

static void
count_parts (HdInspection *inspection)
{
  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    {
      HdTensorSource *source = hd_model_get_source (inspection->model, i);

      hd_contents_init (&inspection->parts[i]);
      for (guint j = 0; source != NULL && j < hd_tensor_source_get_n_files (source); j++)
        hd_contents_add (&inspection->parts[i], hd_tensor_source_get_file (source, j),
                         hd_tensor_source_get_names (source)->prefix);
    }
}

static gboolean
inspect_model (const char            *path,
               const HdModelOptions  *options,
               gboolean               json,
               GError               **error)
{
  g_autoptr (HdModel) model = hd_model_open (path, options, error);
  g_autofree char    *fingerprint = NULL;
  HdInspection        inspection = { 0 };

  if (model == NULL || !hd_model_check (model, error))
    return FALSE;

  fingerprint = hd_model_files_fingerprint (model->files, error);
  if (fingerprint == NULL)
    return FALSE;

  inspection.model = model;
  inspection.fingerprint = fingerprint;
  count_parts (&inspection);
  if (json)
    hd_inspection_print_json (&inspection);
  else
    hd_inspection_print (&inspection);
  for (int i = 0; i < HD_MODEL_N_PARTS; i++)
    hd_contents_clear (&inspection.parts[i]);

  return TRUE;
}

/* Whether @path is a file that belongs to models without being one; then it is told about. */
static gboolean
inspect_addition (const char *path,
                  gboolean    json)
{
  g_autoptr (HdSafetensors) file = NULL;
  HdSingleFile              contents;

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return FALSE;

  /* What is wrong with the file, inspecting it as a model tells. */
  file = hd_safetensors_open (path, NULL);
  if (file == NULL)
    return FALSE;

  hd_single_file_recognise (file, &contents);
  if (contents.kind == HD_FILE_CHECKPOINT || contents.kind == HD_FILE_OTHER)
    return FALSE;

  if (json)
    hd_inspection_print_file_json (file, &contents);
  else
    hd_inspection_print_file (file, &contents);

  return TRUE;
}

int
hd_command_inspect (GStrv *arguments)
{
  g_autofree char    *prediction = NULL;
  g_autofree char    *distillation = NULL;
  gboolean            json = FALSE;
  const GOptionEntry  entries[] = {
    { "prediction", 0, 0, G_OPTION_ARG_STRING, &prediction,
      "what the UNet predicts: auto, epsilon, v or sample (auto)", "WHAT" },
    { "distillation", 0, 0, G_OPTION_ARG_STRING, &distillation,
      "what makes it draw in a few steps: auto, none, turbo, lcm or lightning (auto)", "WHAT" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "write JSON", NULL },
    { NULL },
  };
  GOptionGroup   *group = g_option_group_new ("inspect", "", "", NULL, NULL);
  HdModelOptions  options;
  GError         *error = NULL;

  g_option_group_add_entries (group, entries);
  if (!hd_command_parse (arguments, group, "MODEL", "MODEL is a folder in diffusers' layout, or a safetensors file. A "
                         "model's files are checked as for a run: every tensor by name, type and shape. Of a LoRA, a "
                         "ControlNet, an embedding or a part of a model it is told what it is.", 1))
    return HD_EXIT_USAGE;

  options = (HdModelOptions) { .prediction = prediction, .distillation = distillation };
  if (inspect_addition ((*arguments)[1], json))
    return HD_EXIT_SUCCESS;
  if (!inspect_model ((*arguments)[1], &options, json, &error))
    return hd_command_fail (error);

  return HD_EXIT_SUCCESS;
}
