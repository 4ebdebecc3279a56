/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/infotext.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/infotext_names.h"

static void
add_value (GString    *line,
           const char *name,
           const char *value)
{
  if (value == NULL || *value == '\0')
    return;

  if (line->len > 0)
    g_string_append (line, ", ");
  g_string_append_printf (line, "%s: ", name);
  if (strpbrk (value, ",:\"\n\\") != NULL)
    {
      g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), value);
      g_autofree char     *quoted = json_to_string (node, FALSE);

      g_string_append (line, quoted);
    }
  else
    g_string_append (line, value);
}

static void
add_number (GString    *line,
            const char *name,
            double      value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof text, "%.10g", value);
  add_value (line, name, text);
}

static double
get_number (const HdRequest      *request,
            const HdRequestField *field)
{
  gconstpointer member = G_STRUCT_MEMBER_P (request, field->offset);

  if (field->kind == HD_FIELD_INT)
    return *(const int *) member;

  return field->kind == HD_FIELD_INT64 ? (double) *(const gint64 *) member : *(const double *) member;
}

/* Those that say something: not 0 for nothing, and not what is left to the model. At most @count, and what follows them. */
static const HdInfotextNumber *
add_numbers (GString                *line,
             const HdRequest        *request,
             const HdInfotextNumber *number,
             int                     count)
{
  for (; number->theirs != NULL && count > 0; number++, count--)
    {
      const HdRequestField *field = hd_infotext_find_field (number->offset, NULL);
      double                value = get_number (request, field);
      gboolean              said = field->has_automatic ? value != field->automatic : value != 0.0;

      if (said || number->always)
        add_number (line, number->theirs, value);
    }

  return number;
}

static void
add_choices (GString         *line,
             const HdRequest *request)
{
  for (const HdInfotextName *choice = hd_infotext_choices; choice->ours != NULL; choice++)
    {
      const char *value = G_STRUCT_MEMBER (char *, request, hd_infotext_find_field (0, choice->ours)->offset);

      if (choice == hd_infotext_choices || !g_str_equal (value, "auto"))
        add_value (line, choice->theirs, value);
    }
}

/* As the extension for ControlNets does it: names and values once more, within one string. */
static void
add_control (GString         *line,
             const HdRequest *request)
{
  const HdControlUse *control = &request->control;
  g_autoptr (GString) unit = g_string_new (NULL);

  if (control->name == NULL || control->name[0] == '\0')
    return;

  add_value (unit, "Module", control->preprocessor);
  add_value (unit, "Model", control->name);
  add_number (unit, "Weight", control->strength);
  add_number (unit, "Guidance Start", control->start);
  if (control->end >= 0.0)
    add_number (unit, "Guidance End", control->end);
  add_value (line, "ControlNet 0", unit->str);
}

/* Their hash of a model is the beginning of SHA-256 of its file, which ours is not: it has another name. */
static char *
write_values (const HdRequest *request)
{
  GString                *line = g_string_new (NULL);
  const char             *sampler = hd_infotext_find_theirs (hd_infotext_samplers, request->sampler);
  const char             *schedule = hd_infotext_find_theirs (hd_infotext_schedules, request->schedule);
  g_autofree char        *size = g_strdup_printf ("%dx%d", request->width, request->height);
  const HdInfotextNumber *number;

  number = add_numbers (line, request, hd_infotext_numbers, 1);
  add_value (line, "Sampler", sampler != NULL ? sampler : request->sampler);
  add_value (line, "Schedule type", schedule != NULL ? schedule : request->schedule);
  number = add_numbers (line, request, number, 2);
  if (request->width > 0 && request->height > 0)
    add_value (line, "Size", size);
  add_value (line, "Model", request->model_name);
  if (request->task != HD_TASK_GENERATE && request->strength >= 0.0)
    add_number (line, "Denoising strength", request->strength);
  add_numbers (line, request, number, G_MAXINT);
  add_control (line, request);
  add_choices (line, request);
  if (request->task != HD_TASK_GENERATE)
    add_value (line, "HiDiffusion task", hd_task_names ()[request->task]);
  add_value (line, "Model fingerprint", request->model_hash);
  add_value (line, "Version", HD_INFOTEXT_PROGRAM " " HD_VERSION);

  return g_string_free (line, FALSE);
}

/* The request's LoRAs as tags, which is how such programs name them. */
static char *
write_prompt (const HdRequest *request)
{
  GString *prompt = g_string_new (request->prompt);

  for (guint i = 0; i < request->loras->len; i++)
    {
      const HdLoraUse *use = request->loras->pdata[i];
      char             weight[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_formatd (weight, sizeof weight, "%.10g", use->weight);
      g_string_append_printf (prompt, "%s<lora:%s:%s>", prompt->len > 0 ? " " : "", use->name, weight);
    }

  return g_string_free (prompt, FALSE);
}

char *
hd_infotext_write (const HdRequest *request)
{
  g_autofree char *prompt = write_prompt (request);
  g_autofree char *values = write_values (request);

  if (request->negative_prompt[0] == '\0')
    return g_strdup_printf ("%s\n%s", prompt, values);

  return g_strdup_printf ("%s\n" HD_INFOTEXT_NEGATIVE " %s\n%s", prompt, request->negative_prompt, values);
}
