/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/loading.h"

#include <glib/gstdio.h>

#include "engine/lora.h"
#include "engine/model_library.h"
#include "engine/prompt.h"
#include "engine/weight_patches.h"
#include "kernels/i18n.h"

static HdPlaces
places_of (const HdRequest *request)
{
  return (HdPlaces) { .folders = (const char * const *) request->search_folders };
}

static char **
list_places (const HdRequest *request,
             HdLibraryKind    kind)
{
  HdPlaces places = places_of (request);

  return hd_places_list (&places, kind);
}

/* The file of a LoRA or ControlNet called @name; if there is none, the error says where it would be looked for first. */
static char *
find_by_name (const HdRequest  *request,
              HdLibraryKind     kind,
              const char       *name,
              GError          **error)
{
  HdPlaces            places = places_of (request);
  g_autoptr (GError)  problem = NULL;
  g_autofree char    *home = NULL;
  g_auto (GStrv)      folders = NULL;
  char               *path;

  if (kind == HD_LIBRARY_LORA)
    {
      folders = hd_places_list (&places, kind);
      path = hd_lora_find (name, (const char * const *) folders, &problem);
    }
  else
    path = hd_library_find (&places, kind, name, &problem);
  if (path != NULL)
    return path;

  home = hd_places_get_user (&places, kind);
  g_set_error (error, problem->domain, problem->code, _("%s. Such files belong into %s"), problem->message, home);

  return NULL;
}

char **
hd_loading_embedding_places (const HdRequest *request)
{
  return list_places (request, HD_LIBRARY_EMBEDDING);
}

char *
hd_loading_stamp (const char *path)
{
  GStatBuf status = { 0 };

  if (g_stat (path, &status) != 0)
    return g_strdup (path);

  return g_strdup_printf ("%s/%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT ".%09ld", path, (gint64) status.st_size,
                          (gint64) status.st_mtim.tv_sec, (long) status.st_mtim.tv_nsec);
}

static void
lora_use_free (gpointer data)
{
  HdLoraUse *use = data;

  g_free (use->name);
  g_free (use->path);
  g_free (use);
}

static gboolean
add_lora (HdLoading         *loading,
          const char        *name,
          const char        *path,
          double             weight,
          const HdRequest   *request,
          GError           **error)
{
  HdLoraUse *use = g_new0 (HdLoraUse, 1);

  g_ptr_array_add (loading->loras, use);
  use->name = g_strdup (name);
  use->weight = weight;
  use->path = path != NULL ? g_strdup (path) : find_by_name (request, HD_LIBRARY_LORA, name, error);

  return use->path != NULL;
}

static gboolean
find_loras (HdLoading        *loading,
            const HdRequest  *request,
            GError          **error)
{
  g_autoptr (HdPrompt) prompt = hd_prompt_parse (request->prompt);

  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      if (!add_lora (loading, use->name, use->path, use->weight, request, error))
        return FALSE;
    }
  for (guint i = 0; i < prompt->loras->len; i++)
    {
      const HdPromptLora *use = prompt->loras->pdata[i];

      if (!add_lora (loading, use->name, NULL, use->weight, request, error))
        return FALSE;
    }

  return TRUE;
}

char *
hd_loading_find_control_net (const HdRequest  *request,
                             GError          **error)
{
  const HdControlUse *control = &request->control;

  return control->path != NULL ? g_strdup (control->path)
                               : find_by_name (request, HD_LIBRARY_CONTROL_NET, control->name, error);
}

static char *
make_key (const HdLoading *loading,
          const HdRequest *request)
{
  g_autofree char *files = hd_model_files_key (loading->model->files);
  GString         *key = g_string_new (files);

  g_string_append_printf (key, "|%s|%s|%d", request->prediction, request->distillation, (int) loading->weight_form);
  for (guint i = 0; i < loading->loras->len; i++)
    {
      const HdLoraUse *use = loading->loras->pdata[i];
      g_autofree char *stamp = hd_loading_stamp (use->path);

      g_string_append_printf (key, "|%s*%.17g", stamp, use->weight);
    }

  return g_string_free (key, FALSE);
}

gboolean
hd_loading_init (HdLoading        *loading,
                 const HdRequest  *request,
                 GError          **error)
{
  HdModelOptions options = { .prediction = request->prediction, .distillation = request->distillation };

  *loading = (HdLoading) { .loras = g_ptr_array_new_with_free_func (lora_use_free) };
  loading->weight_form = g_str_equal (request->weights, "int8") ? HD_WEIGHT_FORM_INT8 : HD_WEIGHT_FORM_FULL;
  loading->model = hd_model_open (request->model, &options, error);
  if (loading->model == NULL || !find_loras (loading, request, error))
    return FALSE;

  loading->key = make_key (loading, request);

  return TRUE;
}

void
hd_loading_clear (HdLoading *loading)
{
  g_clear_pointer (&loading->model, hd_model_unref);
  g_clear_pointer (&loading->loras, g_ptr_array_unref);
  g_clear_pointer (&loading->key, g_free);
}

HdPipeline *
hd_loading_open (const HdLoading  *loading,
                 HdContext        *context,
                 int               threads,
                 GError          **error)
{
  g_autoptr (HdWeightPatches) patches = NULL;

  hd_context_set_weight_form (context, loading->weight_form);
  for (guint i = 0; i < loading->loras->len; i++)
    {
      const HdLoraUse   *use = loading->loras->pdata[i];
      g_autoptr (HdLora) lora = hd_lora_open (use->path, error);

      if (lora == NULL)
        return NULL;
      if (patches == NULL)
        patches = hd_weight_patches_new (threads);
      hd_weight_patches_add_lora (patches, lora, use->weight, use->weight);
    }

  return hd_pipeline_new (context, loading->model, patches);
}

HdPipeline *
hd_loading_load (const HdLoading  *loading,
                 HdContext        *context,
                 int               threads,
                 GCancellable     *cancellable,
                 GError          **error)
{
  g_autoptr (HdPipeline) pipeline = hd_loading_open (loading, context, threads, error);
  gboolean               success;

  if (pipeline == NULL)
    return NULL;

  hd_pipeline_set_cancellable (pipeline, cancellable);
  success = hd_pipeline_load_networks (pipeline, error);
  hd_pipeline_set_cancellable (pipeline, NULL);

  return success ? g_steal_pointer (&pipeline) : NULL;
}
