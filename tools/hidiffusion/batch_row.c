/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/batch_row.h"

#include <math.h>
#include <string.h>

#include "engine/error.h"
#include "engine/json.h"
#include "engine/request_fields.h"

static const char * const own_names[] = { "output", "input", "mask", "control_image", NULL };
static const char * const other_names[] = { "task", "loras", "schema_version", "scale", NULL };

static void
batch_row_free (gpointer data)
{
  HdBatchRow *row = data;

  g_clear_pointer (&row->request, hd_request_free);
  g_free (row->output);
  g_free (row->input);
  g_free (row->mask);
  g_free (row->control_image);
  g_free (row);
}

/* The names that a row may have; of those only the ones of numbers. */
static GStrv
list_names (gboolean only_numbers)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (const HdRequestField *field = hd_request_fields (); field->name != NULL; field++)
    {
      gboolean number = field->kind == HD_FIELD_INT || field->kind == HD_FIELD_INT64 || field->kind == HD_FIELD_DOUBLE;

      if (field->member != NULL && (number || !only_numbers))
        g_strv_builder_add (names, field->member);
    }
  if (only_numbers)
    g_strv_builder_add_many (names, "schema_version", "scale", NULL);
  else
    {
      g_strv_builder_addv (names, (const char **) own_names);
      g_strv_builder_addv (names, (const char **) other_names);
    }

  return g_strv_builder_end (names);
}

/* --- a row ------------------------------------------------------------------------ */

static gboolean
take_string (const HdSheetRow  *source,
             const char        *name,
             char             **value,
             GError           **error)
{
  JsonNode *node = json_object_get_member (source->members, name);

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING
      || json_node_get_string (node)[0] == '\0')
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "expected the name of a file as \"%s\"", name);
      return FALSE;
    }
  *value = g_strdup (json_node_get_string (node));

  return TRUE;
}

/* A file to read: relative to the sheet's folder. */
static gboolean
take_file (const HdSheetRow  *source,
           const char        *folder,
           const char        *name,
           char             **path,
           GError           **error)
{
  g_autofree char *value = NULL;

  if (!take_string (source, name, &value, error))
    return FALSE;
  if (value != NULL)
    *path = g_path_is_absolute (value) ? g_steal_pointer (&value) : g_build_filename (folder, value, NULL);

  return TRUE;
}

static gboolean
take_scale (const HdSheetRow  *source,
            double            *scale,
            GError           **error)
{
  JsonNode *node = json_object_get_member (source->members, "scale");
  GType     type = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;

  if (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE)
    *scale = json_node_get_double (node);
  else if (node != NULL && !JSON_NODE_HOLDS_NULL (node))
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "expected a number as \"scale\"");
      return FALSE;
    }

  return TRUE;
}

/* Names of pictures stay below the folder for pictures, where nothing is replaced but pictures. */
static gboolean
check_output (const char  *output,
              GError     **error)
{
  g_auto (GStrv) parts = g_strsplit (output, "/", -1);
  gsize          length = strlen (output);
  gboolean       good = !g_path_is_absolute (output) && length > strlen (".png")
                        && g_ascii_strcasecmp (output + length - strlen (".png"), ".png") == 0;

  for (int i = 0; parts[i] != NULL; i++)
    good = good && parts[i][0] != '\0' && parts[i][0] != '.';
  if (!good)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                 "expected NAME.png or FOLDER/NAME.png as \"output\", without \"..\" or hidden names, found \"%s\"", output);

  return good;
}

static HdRequest *
read_request (const HdSheetRow  *source,
              GError           **error)
{
  g_autoptr (JsonNode)  node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char      *text = NULL;

  /* The same sheet gives the same pictures. */
  if (!json_object_has_member (source->members, "seed"))
    json_object_set_int_member (source->members, "seed", source->number);
  json_node_set_object (node, source->members);
  text = json_to_string (node, FALSE);

  return hd_request_from_json (text, error);
}

/* What a request needs beside its pictures, which are not read yet. */
static gboolean
check_request (const HdRequest  *request,
               GError          **error)
{
  g_autoptr (HdRequest) copy = hd_request_copy (request);

  copy->task = HD_TASK_GENERATE;
  if (request->task != HD_TASK_GENERATE)
    copy->strength = HD_REQUEST_AUTO;
  g_clear_pointer (&copy->control.name, g_free);
  hd_request_set (&copy->model, "any");

  return hd_request_check (copy, error);
}

static gboolean
fill_row (HdBatchRow        *row,
          const HdSheetRow  *source,
          const char        *folder,
          const char        *stem,
          GError           **error)
{
  row->request = read_request (source, error);
  if (row->request == NULL || !check_request (row->request, error)
      || !take_string (source, "output", &row->output, error)
      || !take_file (source, folder, "input", &row->input, error)
      || !take_file (source, folder, "mask", &row->mask, error)
      || !take_file (source, folder, "control_image", &row->control_image, error)
      || !take_scale (source, &row->scale, error))
    return FALSE;

  if (row->output == NULL)
    row->output = g_strdup_printf ("%s-%04d.png", stem, row->number);

  return check_output (row->output, error);
}

/* --- the sheet -------------------------------------------------------------------- */

static HdBatchRow *
make_row (const HdSheetRow  *source,
          const char        *path,
          GHashTable        *outputs,
          GError           **error)
{
  HdBatchRow      *row = g_new0 (HdBatchRow, 1);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *stem = g_path_get_basename (path);
  const HdBatchRow *other;

  *strrchr (stem, '.') = '\0';
  row->number = source->number;
  row->line = source->line;
  row->scale = NAN;
  if (!fill_row (row, source, folder, stem, error))
    {
      g_prefix_error (error, "%s:%d: ", path, source->line);
      batch_row_free (row);
      return NULL;
    }

  other = g_hash_table_lookup (outputs, row->output);
  if (other != NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, "%s:%d: expected another output than row %d has, %s",
                   path, source->line, other->number, row->output);
      batch_row_free (row);
      return NULL;
    }
  g_hash_table_insert (outputs, row->output, row);

  return row;
}

GPtrArray *
hd_batch_rows_read (const char  *path,
                    GError     **error)
{
  g_auto (GStrv)         names = list_names (FALSE);
  g_auto (GStrv)         numbers = list_names (TRUE);
  g_autoptr (GPtrArray)  sources = hd_sheet_read (path, (const char * const *) names, (const char * const *) numbers, error);
  g_autoptr (GPtrArray)  rows = g_ptr_array_new_with_free_func (batch_row_free);
  g_autoptr (GHashTable) outputs = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; sources != NULL && i < sources->len; i++)
    {
      HdBatchRow *row = make_row (g_ptr_array_index (sources, i), path, outputs, error);

      if (row == NULL)
        return NULL;
      g_ptr_array_add (rows, row);
    }

  return sources != NULL ? g_steal_pointer (&rows) : NULL;
}

/* --- with the command line --------------------------------------------------------- */

static void
set_default (char       **given,
             const char  *value)
{
  if (*given == NULL)
    *given = g_strdup (value);
}

void
hd_batch_row_apply (const HdBatchRow *row,
                    HdTaskOptions    *task_options)
{
  HdRequestOptions *options = task_options->options;

  hd_request_options_repeat (options, hd_request_copy (row->request));
  task_options->task = row->request->task;
  options->has_prompt = TRUE;
  set_default (&options->control_image, row->control_image);
  set_default (&task_options->mask, row->mask);
  if (isnan (task_options->scale))
    task_options->scale = row->scale;
}
