/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/infotext.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/error.h"
#include "engine/infotext_names.h"
#include "kernels/i18n.h"

#define MAX_TEXT (1 << 20)

#define AT(field) G_STRUCT_OFFSET (HdRequest, field)

/* --- reading: names and values -------------------------------------------------- */

/* @taken: by the request, or it says nothing of the picture. */
typedef struct
{
  char     *name;
  char     *value;
  gboolean  taken;
} Value;

static void
value_free (gpointer data)
{
  Value *value = data;

  g_free (value->name);
  g_free (value->value);
  g_free (value);
}

/* The end of a value that begins at @text: after its closing quote, or before the next comma. */
static const char *
end_of_value (const char *text)
{
  if (*text != '"')
    return text + strcspn (text, ",");

  for (text++; *text != '\0' && *text != '"'; text++)
    if (*text == '\\' && text[1] != '\0')
      text++;

  return *text == '"' ? text + 1 : text;
}

static char *
read_value (const char *start,
            const char *end)
{
  g_autofree char     *raw = g_strndup (start, (gsize) (end - start));
  g_autoptr (JsonNode) node = *raw == '"' ? json_from_string (raw, NULL) : NULL;

  if (node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
    return json_node_dup_string (node);

  return g_strdup (g_strstrip (raw));
}

/* (element-type Value): in the line's order. */
static GPtrArray *
read_values (const char *line)
{
  GPtrArray *values = g_ptr_array_new_with_free_func (value_free);

  while (*line != '\0')
    {
      const char *colon = strchr (line, ':');
      const char *start = colon != NULL ? colon + 1 + strspn (colon + 1, " ") : NULL;
      const char *end = start != NULL ? end_of_value (start) : NULL;
      Value      *value;

      if (colon == NULL)
        break;

      value = g_new0 (Value, 1);
      value->name = g_strstrip (g_strndup (line, (gsize) (colon - line)));
      value->value = read_value (start, end);
      g_ptr_array_add (values, value);

      line = end + strcspn (end, ",");
      line += strspn (line, ", ");
    }

  return values;
}

static Value *
find_value (GPtrArray  *values,
            const char *name)
{
  for (guint i = 0; i < values->len; i++)
    {
      Value *value = values->pdata[i];

      if (g_ascii_strcasecmp (value->name, name) == 0)
        return value;
    }

  return NULL;
}

/* Takes a number of @field's range into it. */
static void
take_number (GPtrArray  *values,
             const char *name,
             gpointer    structure,
             gsize       offset)
{
  const HdRequestField *field = hd_infotext_find_field (offset, NULL);
  Value                *value = find_value (values, name);
  gpointer              member = G_STRUCT_MEMBER_P (structure, offset);
  char                 *end;
  double                number;

  if (value == NULL)
    return;

  number = g_ascii_strtod (value->value, &end);
  if (end == value->value || !(number >= field->min && number <= field->max)
      || (field->kind != HD_FIELD_DOUBLE && number != (double) (gint64) number))
    return;

  if (field->kind == HD_FIELD_INT)
    *(int *) member = (int) number;
  else if (field->kind == HD_FIELD_INT64)
    *(gint64 *) member = (gint64) number;
  else
    *(double *) member = number;
  value->taken = TRUE;
}

/* --- reading: what they mean ---------------------------------------------------- */

/* Older versions have the schedule in the sampler's name: "DPM++ 2M Karras". */
static const char *
split_sampler (char *sampler)
{
  for (const HdInfotextName *name = hd_infotext_schedules; name->ours != NULL; name++)
    {
      g_autofree char *ending = g_strconcat (" ", name->theirs, NULL);

      if (g_str_has_suffix (sampler, ending))
        {
          sampler[strlen (sampler) - strlen (ending)] = '\0';
          return name->theirs;
        }
    }

  return NULL;
}

static void
take_name (char        **field,
           const HdInfotextName   *names,
           Value        *value,
           const char   *theirs)
{
  const char *ours = theirs != NULL ? hd_infotext_find_ours (names, theirs) : NULL;

  if (value != NULL)
    value->taken = ours != NULL;
  if (ours != NULL)
    hd_request_set (field, ours);
}

static void
take_sampler (GPtrArray *values,
              HdRequest *request)
{
  Value           *type = find_value (values, "Schedule type");
  Value           *value = find_value (values, "Sampler");
  g_autofree char *sampler = value != NULL ? g_strdup (value->value) : NULL;
  const char      *schedule = sampler != NULL ? split_sampler (sampler) : NULL;

  take_name (&request->sampler, hd_infotext_samplers, value, sampler);
  take_name (&request->schedule, hd_infotext_schedules, type, schedule != NULL || type == NULL ? schedule : type->value);
}

static void
take_size (GPtrArray *values,
           HdRequest *request)
{
  Value          *size = find_value (values, "Size");
  g_auto (GStrv)  sides = g_strsplit (size != NULL ? size->value : "", "x", 3);
  gint64          width;
  gint64          height;

  if (g_strv_length (sides) == 2
      && g_ascii_string_to_signed (sides[0], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &width, NULL)
      && g_ascii_string_to_signed (sides[1], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &height, NULL))
    {
      request->width = (int) width;
      request->height = (int) height;
      size->taken = TRUE;
    }
}

static void
take_text (GPtrArray   *values,
           const char  *name,
           char       **field)
{
  Value *value = find_value (values, name);

  if (value == NULL || value->value[0] == '\0')
    return;

  hd_request_set (field, value->value);
  value->taken = TRUE;
}

static void
take_choices (GPtrArray *values,
              HdRequest *request)
{
  for (const HdInfotextName *choice = hd_infotext_choices; choice->ours != NULL; choice++)
    {
      const HdRequestField *field = hd_infotext_find_field (0, choice->ours);
      Value                *value = find_value (values, choice->theirs);

      if (value == NULL || !g_strv_contains (field->names (), value->value))
        continue;
      hd_request_set (G_STRUCT_MEMBER_P (request, field->offset), value->value);
      value->taken = TRUE;
    }
}

/* A model's short hash may follow its name: "canny [d14c016b]". */
static void
strip_hash (char *name)
{
  char *bracket = strrchr (name, '[');

  if (bracket != NULL && bracket > name && bracket[-1] == ' ' && g_str_has_suffix (name, "]"))
    bracket[-1] = '\0';
}

static void
take_control (GPtrArray *values,
              HdRequest *request)
{
  Value                *value = find_value (values, "ControlNet 0");
  g_autoptr (GPtrArray) unit = value != NULL ? read_values (value->value) : NULL;
  const Value          *module = unit != NULL ? find_value (unit, "Module") : NULL;

  if (unit == NULL || find_value (unit, "Model") == NULL || module == NULL
      || !g_strv_contains (hd_preprocessor_names (), module->value))
    return;

  take_text (unit, "Model", &request->control.name);
  if (request->control.name != NULL)
    strip_hash (request->control.name);
  hd_request_set (&request->control.preprocessor, module->value);
  take_number (unit, "Weight", request, AT (control.strength));
  take_number (unit, "Guidance Start", request, AT (control.start));
  take_number (unit, "Guidance End", request, AT (control.end));
  value->taken = TRUE;
}

static void
take_task (GPtrArray *values,
           HdRequest *request)
{
  Value               *value = find_value (values, "HiDiffusion task");
  const char * const  *names = hd_task_names ();

  for (int i = 0; value != NULL && names[i] != NULL; i++)
    if (g_str_equal (names[i], value->value))
      {
        request->task = i;
        value->taken = TRUE;
      }
}

/* Whether the values are of a picture that was enlarged in a second run: they then have a strength, which is that one's. */
static gboolean
has_second_run (GPtrArray *values)
{
  for (guint i = 0; i < values->len; i++)
    if (g_ascii_strncasecmp (((Value *) values->pdata[i])->name, "Hires", strlen ("Hires")) == 0)
      return TRUE;

  return FALSE;
}

static void
take_values (GPtrArray *values,
             HdRequest *request)
{
  for (const HdInfotextNumber *number = hd_infotext_numbers; number->theirs != NULL; number++)
    take_number (values, number->theirs, request, number->offset);
  if (!has_second_run (values))
    take_number (values, "Denoising strength", request, AT (strength));
  take_sampler (values, request);
  take_size (values, request);
  take_text (values, "Model", &request->model_name);
  take_text (values, "Model fingerprint", &request->model_hash);
  take_choices (values, request);
  take_control (values, request);
  take_task (values, request);
}

/* What is not taken, but for what says nothing of the picture. */
static GStrv
list_left_out (GPtrArray *values)
{
  static const char * const idle[] = {
    "version", "model hash", "vae hash", "lora hashes", "ti hashes", "hashes", "app", "backend", "created date",
    "civitai resources", "civitai metadata", "user", NULL,
  };
  g_autoptr (GStrvBuilder) list = g_strv_builder_new ();

  for (guint i = 0; i < values->len; i++)
    {
      const Value     *value = values->pdata[i];
      g_autofree char *name = g_ascii_strdown (value->name, -1);
      g_autofree char *text = g_strdup_printf ("%s: %s", value->name, value->value);

      if (!value->taken && *name != '\0' && *value->value != '\0' && !g_strv_contains (idle, name))
        g_strv_builder_add (list, text);
    }

  return g_strv_builder_end (list);
}

/* --- reading -------------------------------------------------------------------- */

/* The last line that begins as lines of values do; NULL if there is none. */
static char *
find_line (char *text)
{
  char *found = NULL;

  for (char *line = text; line != NULL; line = strchr (line, '\n') != NULL ? strchr (line, '\n') + 1 : NULL)
    if (g_str_has_prefix (line, HD_INFOTEXT_FIRST))
      found = line;

  return found;
}

static void
take_prompts (char      *text,
              HdRequest *request)
{
  char *negative = g_str_has_prefix (text, HD_INFOTEXT_NEGATIVE) ? text : strstr (text, "\n" HD_INFOTEXT_NEGATIVE);

  if (negative != NULL)
    {
      char *start = strstr (negative, HD_INFOTEXT_NEGATIVE) + strlen (HD_INFOTEXT_NEGATIVE);

      hd_request_set (&request->negative_prompt, g_strstrip (start));
      *negative = '\0';
    }
  hd_request_set (&request->prompt, g_strstrip (text));
}

/* Valid text with lines as they end here. */
static char *
clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, MAX_TEXT));
  g_auto (GStrv)   lines = g_strsplit (valid, "\r\n", -1);

  return g_strjoinv ("\n", lines);
}

HdRequest *
hd_infotext_read (const char  *text,
                  GStrv       *left_out,
                  GError     **error)
{
  HdRequest             *request;
  g_autofree char       *copy = clean (text);
  char                  *line = find_line (copy);
  g_autoptr (GPtrArray)  values = NULL;

  if (left_out != NULL)
    *left_out = NULL;
  if (line == NULL)
    {
      g_set_error_literal (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                           _("Parameters of a picture: expected a line that begins with \"Steps:\", found none"));
      return NULL;
    }

  line[strcspn (line, "\n")] = '\0';
  values = read_values (line);
  *line = '\0';

  request = hd_request_new ();
  take_values (values, request);
  take_prompts (copy, request);
  if (left_out != NULL)
    *left_out = list_left_out (values);

  return request;
}

gboolean
hd_infotext_is_ours (const char *text)
{
  g_autofree char       *copy = clean (text);
  const char            *line = find_line (copy);
  g_autoptr (GPtrArray)  values = line != NULL ? read_values (line) : NULL;
  const Value           *version = values != NULL ? find_value (values, "Version") : NULL;

  return version != NULL && g_str_has_prefix (version->value, HD_INFOTEXT_PROGRAM);
}
