/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/loading.h"

#include <glib/gstdio.h>

#include "engine/lora.h"
#include "engine/model_places.h"
#include "engine/prompt.h"
#include "engine/weight_patches.h"

static char **
list_places (const HdRequest *request,
             HdLibraryKind    kind)
{
  HdPlaces places = { .folders = (const char * const *) request->search_folders };

  return hd_places_list (&places, kind);
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
          char             **places,
          GError           **error)
{
  HdLoraUse *use = g_new0 (HdLoraUse, 1);

  g_ptr_array_add (loading->loras, use);
  use->name = g_strdup (name);
  use->weight = weight;
  use->path = path != NULL ? g_strdup (path) : hd_lora_find (name, (const char * const *) places, error);

  return use->path != NULL;
}

static gboolean
find_loras (HdLoading        *loading,
            const HdRequest  *request,
            GError          **error)
{
  g_autoptr (HdPrompt) prompt = hd_prompt_parse (request->prompt);
  g_auto (GStrv)       places = NULL;

  if (request->loras->len == 0 && prompt->loras->len == 0)
    return TRUE;

  places = list_places (request, HD_LIBRARY_LORA);
  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      if (!add_lora (loading, use->name, use->path, use->weight, places, error))
        return FALSE;
    }
  for (guint i = 0; i < prompt->loras->len; i++)
    {
      const HdPromptLora *use = prompt->loras->pdata[i];

      if (!add_lora (loading, use->name, NULL, use->weight, places, error))
        return FALSE;
    }

  return TRUE;
}

static char *
make_key (const HdLoading *loading,
          const HdRequest *request)
{
  g_autofree char *files = hd_model_files_key (loading->model->files);
  GString         *key = g_string_new (files);

  g_string_append_printf (key, "|%s|%s", request->prediction, request->distillation);
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
hd_loading_load (const HdLoading  *loading,
                 HdContext        *context,
                 int               threads,
                 GCancellable     *cancellable,
                 GError          **error)
{
  g_autoptr (HdWeightPatches) patches = NULL;

  for (guint i = 0; i < loading->loras->len; i++)
    {
      const HdLoraUse   *use = loading->loras->pdata[i];
      g_autoptr (HdLora) lora = hd_lora_open (use->path, error);

      if (lora == NULL)
        return NULL;
      if (patches == NULL)
        {
          patches = hd_weight_patches_new (threads);
          hd_weight_patches_set_cancellable (patches, cancellable);
        }
      hd_weight_patches_add_lora (patches, lora, use->weight, use->weight);
    }

  return hd_pipeline_new (context, loading->model, patches, error);
}
