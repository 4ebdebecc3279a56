/* SPDX-License-Identifier: Apache-2.0 */

#include <math.h>
#include <string.h>

#include <glib/gi18n.h>

#include "plugin/adapt-request.h"
#include "plugin/arguments.h"
#include "plugin/error.h"
#include "plugin/lora-list.h"

/* --- what is only called otherwise ----------------------------------------------- */

typedef enum
{
  STRING,
  INT,
  INT64,
  DOUBLE,
} Kind;

typedef struct
{
  const char *property;
  Kind        kind;
  gsize       offset;
} Argument;

#define AT(field) G_STRUCT_OFFSET (HdRequest, field)

static const Argument arguments[] = {
  { "prompt",               STRING, AT (prompt) },
  { "negative-prompt",      STRING, AT (negative_prompt) },
  { "width",                INT,    AT (width) },
  { "height",               INT,    AT (height) },
  { "strength",             DOUBLE, AT (strength) },
  { "steps",                INT,    AT (steps) },
  { "guidance-scale",       DOUBLE, AT (guidance_scale) },
  { "sampler",              STRING, AT (sampler) },
  { "schedule",             STRING, AT (schedule) },
  { "seed",                 INT64,  AT (seed) },
  { "count",                INT,    AT (count) },
  { "hidiffusion",          STRING, AT (hidiffusion) },
  { "control-preprocessor", STRING, AT (control.preprocessor) },
  { "control-strength",     DOUBLE, AT (control.strength) },
  { "control-start",        DOUBLE, AT (control.start) },
  { "control-end",          DOUBLE, AT (control.end) },
  { "rau-net",              STRING, AT (rau_net) },
  { "msw-msa",              STRING, AT (msw_msa) },
  { "t1",                   DOUBLE, AT (t1) },
  { "t2",                   DOUBLE, AT (t2) },
  { "guidance-rescale",     DOUBLE, AT (guidance_rescale) },
  { "eta",                  DOUBLE, AT (eta) },
  { "clip-skip",            INT,    AT (clip_skip) },
  { "prediction",           STRING, AT (prediction) },
  { "distillation",         STRING, AT (distillation) },
  { "device",               STRING, AT (device) },
  { "precision",            STRING, AT (precision) },
  { "weights",              STRING, AT (weights) },
  { "threads",              INT,    AT (threads) },
  { "memory-budget",        INT,    AT (memory_budget) },
};

/* Not all tasks have all arguments. */
static gboolean
has_argument (GimpProcedureConfig *config,
              const char          *name)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (config), name) != NULL;
}

/* NULL where the caller left it out: it then arrives as NULL or "". */
static char *
get_string (GimpProcedureConfig *config,
            const char          *name)
{
  char *value = NULL;

  if (has_argument (config, name))
    g_object_get (config, name, &value, NULL);
  if (value && ! *value)
    g_clear_pointer (&value, g_free);

  return value;
}

static void
take_argument (GimpProcedureConfig *config,
               const Argument      *argument,
               HdRequest           *request)
{
  gpointer         field = G_STRUCT_MEMBER_P (request, argument->offset);
  g_autofree char *string = NULL;
  int              number;

  switch (argument->kind)
    {
    case STRING:
      string = get_string (config, argument->property);
      if (string)
        hd_request_set (field, string);
      break;

    case INT64:
      g_object_get (config, argument->property, &number, NULL);
      *(gint64 *) field = number;
      break;

    case INT:
    case DOUBLE:
      g_object_get (config, argument->property, field, NULL);
      break;
    }
}

static void
show_argument (const HdRequest     *request,
               const Argument      *argument,
               GimpProcedureConfig *config)
{
  gconstpointer field = G_STRUCT_MEMBER_P (request, argument->offset);

  switch (argument->kind)
    {
    case STRING:
      g_object_set (config, argument->property, *(char * const *) field, NULL);
      break;
    case INT:
      g_object_set (config, argument->property, *(const int *) field, NULL);
      break;
    case INT64:
      g_object_set (config, argument->property, (int) *(const gint64 *) field, NULL);
      break;
    case DOUBLE:
      g_object_set (config, argument->property, *(const double *) field, NULL);
      break;
    }
}

/* --- names ---------------------------------------------------------------------- */

/* What users call a LoRA or ControlNet: its name or, of a path, the file's without ending. */
static char *
make_name (const char *name)
{
  g_autofree char *base = NULL;
  char            *dot;

  if (! g_path_is_absolute (name) && name[0] != '~')
    return g_strdup (name);

  base = g_path_get_basename (name);
  dot = strrchr (base, '.');
  if (dot && dot != base)
    *dot = '\0';
  return g_steal_pointer (&base);
}

static void
take_loras (GimpProcedureConfig *config,
            HdRequest           *request)
{
  g_autofree char      *text = get_string (config, "loras");
  g_autoptr (GPtrArray) list = hd_lora_list_parse (text);

  for (guint i = 0; i < list->len; i++)
    {
      const HdLoraItem *item = list->pdata[i];

      /* As it was written, until it has been looked for. */
      hd_request_add_lora (request, item->name, NULL, item->weight);
    }
}

static gboolean
find_loras (HdRequest  *request,
            HdCatalog  *catalog,
            GError    **error)
{
  for (guint i = 0; i < request->loras->len; i++)
    {
      HdLoraUse *use = request->loras->pdata[i];
      char      *path = hd_catalog_find (catalog, HD_LIBRARY_LORA, use->name, error);
      char      *name;

      if (! path)
        return FALSE;

      name = make_name (use->name);
      g_free (use->path);
      g_free (use->name);
      use->path = path;
      use->name = name;
    }

  return TRUE;
}

static gboolean
find_control_net (HdRequest  *request,
                  HdPlace    *place,
                  HdCatalog  *catalog,
                  GError    **error)
{
  char *name;

  if (! request->control.name || ! *request->control.name)
    {
      g_clear_pointer (&request->control.name, g_free);
      return TRUE;
    }

  g_free (request->control.path);
  request->control.path = hd_catalog_find (catalog, HD_LIBRARY_CONTROL_NET, request->control.name, error);
  if (! request->control.path)
    return FALSE;

  if (! place->control || ! gimp_item_is_valid (GIMP_ITEM (place->control)))
    {
      g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                           _("A ControlNet needs a layer to follow: choose one."));
      return FALSE;
    }

  name = make_name (request->control.name);
  g_free (request->control.name);
  request->control.name = name;
  return TRUE;
}

static void
take_control (GimpProcedureConfig *config,
              HdPlace             *place,
              HdRequest           *request)
{
  GimpDrawable *drawable = NULL;

  request->control.name = get_string (config, "control-net");
  g_object_get (config, "control-layer", &drawable, NULL);
  place->control = drawable;
  /* libgimp keeps one for as long as the procedure runs. */
  g_clear_object (&drawable);
}

static gboolean
take_metadata (GimpProcedureConfig  *config,
               HdPlace              *place,
               GError              **error)
{
  g_autofree char *name = get_string (config, "metadata");

  place->metadata = HD_METADATA_NONE;
  return ! name || hd_metadata_find (name, &place->metadata, error);
}

/* --- sizes ---------------------------------------------------------------------- */

/* Without an image 0 remains, for what suits the model. */
static void
take_image_size (GimpImage *image,
                 HdRequest *request)
{
  if (! image)
    return;

  if (request->width == 0)
    request->width = gimp_image_get_width (image);
  if (request->height == 0)
    request->height = gimp_image_get_height (image);
}

static void
take_factor (GimpProcedureConfig *config,
             HdPlace             *place,
             HdRequest           *request)
{
  GimpDrawable *drawable = GIMP_DRAWABLE (place->source.layer);
  double        factor;

  g_object_get (config, "factor", &factor, NULL);
  request->width = (int) lround (factor * gimp_drawable_get_width (drawable));
  request->height = (int) lround (factor * gimp_drawable_get_height (drawable));
}

static void
take_size (GimpProcedureConfig *config,
           HdPlace             *place,
           HdRequest           *request)
{
  if (place->task == HD_TASK_GENERATE)
    take_image_size (hd_place_get_image (place), request);
  else if (place->task == HD_TASK_UPSCALE)
    take_factor (config, place, request);
}

/* --- both ways ------------------------------------------------------------------ */

static gboolean
check_prompt (const HdRequest  *request,
              GError          **error)
{
  /* Enlarging needs no words, and a hole can be filled with what is around it. */
  if (request->prompt[strspn (request->prompt, " \t\r\n")] || request->task == HD_TASK_FILL
      || request->task == HD_TASK_UPSCALE)
    return TRUE;

  g_set_error_literal (error, HD_PLUGIN_ERROR, HD_PLUGIN_ERROR_ARGUMENT,
                       _("The prompt is empty: say what the picture is to show."));
  return FALSE;
}

/* All that stands in the arguments alone. */
static HdRequest *
take_arguments (GimpProcedureConfig  *config,
                HdTask                task,
                HdCatalog            *catalog,
                GError              **error)
{
  g_autoptr (HdRequest) request = hd_request_new ();
  g_autofree char      *styles = get_string (config, "styles");

  request->task = task;
  for (gsize i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (has_argument (config, arguments[i].property))
      take_argument (config, &arguments[i], request);

  return hd_style_set_apply (hd_catalog_get_styles (catalog), styles, request, error) ? g_steal_pointer (&request) : NULL;
}

gboolean
hd_adapt_check_prompt (GimpProcedureConfig  *config,
                       HdTask                task,
                       HdCatalog            *catalog,
                       GError              **error)
{
  g_autoptr (HdRequest) request = take_arguments (config, task, catalog, error);

  return request && check_prompt (request, error);
}

static gboolean
take_model (GimpProcedureConfig  *config,
            HdRequest            *request,
            HdCatalog            *catalog,
            GError              **error)
{
  g_autofree char *model = get_string (config, "model");
  g_autofree char *path = hd_catalog_find_model (catalog, request->task, model, error);

  if (! path)
    return FALSE;

  hd_request_set (&request->model, path);
  return TRUE;
}

gboolean
hd_complete_request (HdRequest  *request,
                     HdPlace    *place,
                     HdCatalog  *catalog,
                     gboolean    draft,
                     GError    **error)
{
  request->task = place->task;
  g_strfreev (request->search_folders);
  request->search_folders = g_strdupv ((char **) hd_catalog_get_folders (catalog));

  return find_loras (request, catalog, error)
         && find_control_net (request, place, catalog, error)
         && hd_place_read (place, request, draft, error)
         && hd_request_check (request, error);
}

HdRequest *
hd_adapt_request (GimpProcedureConfig  *config,
                  HdPlace              *place,
                  HdCatalog            *catalog,
                  gboolean              draft,
                  GError              **error)
{
  g_autoptr (HdRequest) request = take_arguments (config, place->task, catalog, error);

  if (! request)
    return NULL;

  take_loras (config, request);
  take_control (config, place, request);

  if (! hd_place_check (place, error)
      || ! take_metadata (config, place, error)
      || (! draft && ! check_prompt (request, error))
      || ! take_model (config, request, catalog, error))
    return NULL;

  take_size (config, place, request);
  if (! hd_complete_request (request, place, catalog, draft, error))
    return NULL;

  return g_steal_pointer (&request);
}

static void
show_loras (const HdRequest     *request,
            GimpProcedureConfig *config)
{
  g_autoptr (GPtrArray) list = hd_lora_list_new ();
  g_autofree char      *text = NULL;

  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];

      hd_lora_list_add (list, use->name, use->weight);
    }
  text = hd_lora_list_format (list);
  g_object_set (config, "loras", text, NULL);
}

void
hd_adapt_config (const HdRequest     *request,
                 const HdPlace       *place,
                 GimpProcedureConfig *config)
{
  for (gsize i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (has_argument (config, arguments[i].property))
      show_argument (request, &arguments[i], config);

  show_loras (request, config);
  g_object_set (config,
                /* What they did is in the prompts and numbers. */
                "styles",        "",
                "model",         request->model_name ? request->model_name : "",
                "control-net",   request->control.name ? request->control.name : "",
                "control-layer", place->control,
                NULL);
  if (place->task == HD_TASK_UPSCALE && place->source.layer && gimp_item_is_valid (GIMP_ITEM (place->source.layer)))
    g_object_set (config,
                  "factor", CLAMP (request->width / (double) gimp_drawable_get_width (GIMP_DRAWABLE (place->source.layer)),
                                   HD_MIN_FACTOR, HD_MAX_FACTOR),
                  NULL);
}
