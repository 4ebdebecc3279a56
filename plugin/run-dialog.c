/* SPDX-License-Identifier: Apache-2.0 */

#include "plugin/adapt-request.h"
#include "plugin/run-dialog.h"
#include "plugin/take-settings.h"
#include "ui/task-dialog.h"

typedef struct
{
  HdPlace   *place;
  HdCatalog *catalog;
} Host;

static GimpImage *
get_image (gpointer data)
{
  return hd_place_get_image (((Host *) data)->place);
}

static GimpLayer *
get_source (gpointer data)
{
  GimpLayer *layer = ((Host *) data)->place->source.layer;

  return layer && gimp_item_is_valid (GIMP_ITEM (layer)) ? layer : NULL;
}

static HdRequest *
make_request (GimpProcedureConfig  *config,
              gboolean              draft,
              gpointer              data,
              GError              **error)
{
  Host *host = data;

  return hd_adapt_request (config, host->place, host->catalog, draft, error);
}

static gboolean
check_prompt (GimpProcedureConfig  *config,
              gpointer              data,
              GError              **error)
{
  Host *host = data;

  return hd_adapt_check_prompt (config, host->place->task, host->catalog, error);
}

static gboolean
take_picture (const HdPicture  *picture,
              gpointer          data,
              HdKeptPicture   **kept,
              char            **message,
              GError          **error)
{
  HdPlace *place = ((Host *) data)->place;

  if (! hd_place_picture (place, picture, message, error))
    return FALSE;

  *kept = hd_kept_picture_new (place, picture);
  return TRUE;
}

static gboolean
bring_back (HdKeptPicture  *kept,
            gpointer        data,
            char          **message,
            GError        **error)
{
  return hd_kept_picture_bring_back (kept, ((Host *) data)->place, message, error);
}

static gboolean
read_picture (const char           *path,
              GimpProcedureConfig  *config,
              gpointer              data,
              char                **message,
              GError              **error)
{
  Host *host = data;

  if (path)
    return hd_take_settings_from_file (path, host->place, host->catalog, config, message, error);

  return hd_take_settings_from_layer (host->place, host->catalog, config, message, error);
}

void
hd_run_dialog (GimpProcedure       *procedure,
               GimpProcedureConfig *config,
               HdPlace             *place,
               HdCatalog           *catalog,
               const char          *message)
{
  Host             host = { place, catalog };
  const HdTaskHost task_host = {
    .task = place->task,
    .message = message,
    .catalog = catalog,
    .get_image = get_image,
    .get_source = get_source,
    .make_request = make_request,
    .check_prompt = check_prompt,
    .take_picture = take_picture,
    .bring_back = bring_back,
    .read_picture = read_picture,
    .data = &host,
  };

  hd_task_dialog_run (procedure, config, &task_host);
}
