/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/job.h"
#include "ui/settler.h"

struct _HdSettler
{
  HdModel *model;
  char    *key;      /* what it was opened from */
};

HdSettler *
hd_settler_new (void)
{
  return g_new0 (HdSettler, 1);
}

void
hd_settler_free (HdSettler *settler)
{
  g_clear_pointer (&settler->model, hd_model_unref);
  g_free (settler->key);
  g_free (settler);
}

static gboolean
open_model (HdSettler        *settler,
            const HdRequest  *request,
            GError          **error)
{
  const HdModelOptions  options = { .prediction = request->prediction, .distillation = request->distillation };
  char                 *key = g_strjoin ("\n", request->prediction, request->distillation, request->model, NULL);

  if (settler->model && g_strcmp0 (settler->key, key) == 0)
    {
      g_free (key);
      return TRUE;
    }

  g_clear_pointer (&settler->model, hd_model_unref);
  g_free (settler->key);
  settler->key = key;
  settler->model = hd_model_open (request->model, &options, error);
  return settler->model != NULL;
}

HdRequest *
hd_settler_settle (HdSettler        *settler,
                   const HdRequest  *request,
                   GError          **error)
{
  g_autoptr (HdRequest) settled = NULL;

  if (! open_model (settler, request, error))
    return NULL;

  settled = hd_request_copy (request);
  return hd_request_settle (settled, settler->model, error) ? g_steal_pointer (&settled) : NULL;
}

int
hd_settler_get_native_size (HdSettler *settler)
{
  return settler->model ? settler->model->native_size : 0;
}
