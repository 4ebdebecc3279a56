/* SPDX-License-Identifier: Apache-2.0 */

#include "engine/infotext.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "engine/error.h"
#include "kernels/i18n.h"

#define NEGATIVE "Negative prompt:"
#define FIRST    "Steps:"
#define MAX_TEXT (1 << 20)

typedef struct
{
  const char *ours;
  const char *theirs;
} Name;

static const Name samplers[] = {
  { "ddim", "DDIM" }, { "euler", "Euler" }, { "euler_a", "Euler a" }, { "heun", "Heun" }, { "dpmpp_2m", "DPM++ 2M" },
  { "dpmpp_2m_sde", "DPM++ 2M SDE" }, { "unipc", "UniPC" }, { "lcm", "LCM" }, { NULL },
};

static const Name schedules[] = {
  { "auto", "Automatic" }, { "karras", "Karras" }, { "linspace", "Uniform" }, { "leading", "DDIM" },
  { "trailing", "SGM Uniform" }, { NULL },
};

static const char *
find_theirs (const Name *names,
             const char *ours)
{
  for (; names->ours != NULL; names++)
    if (g_str_equal (names->ours, ours))
      return names->theirs;

  return NULL;
}

static const char *
find_ours (const Name *names,
           const char *theirs)
{
  for (; names->ours != NULL; names++)
    if (g_ascii_strcasecmp (names->theirs, theirs) == 0)
      return names->ours;

  return NULL;
}

/* --- writing -------------------------------------------------------------------- */

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

/* Their hash of a model is the beginning of SHA-256 of its file, which ours is not: it is left out. */
static char *
write_values (const HdRequest *request)
{
  GString         *line = g_string_new (NULL);
  const char      *sampler = find_theirs (samplers, request->sampler);
  g_autofree char *size = g_strdup_printf ("%dx%d", request->width, request->height);

  add_number (line, "Steps", request->steps);
  add_value (line, "Sampler", sampler != NULL ? sampler : request->sampler);
  add_value (line, "Schedule type", find_theirs (schedules, request->schedule));
  if (request->guidance_scale >= 0.0)
    add_number (line, "CFG scale", request->guidance_scale);
  add_number (line, "Seed", (double) request->seed);
  if (request->width > 0 && request->height > 0)
    add_value (line, "Size", size);
  add_value (line, "Model", request->model_name);
  if (request->task != HD_TASK_GENERATE && request->strength >= 0.0)
    add_number (line, "Denoising strength", request->strength);
  if (request->clip_skip > 0)
    add_number (line, "Clip skip", request->clip_skip);
  if (request->guidance_rescale > 0.0)
    add_number (line, "CFG Rescale Phi", request->guidance_rescale);
  if (request->eta > 0.0)
    add_number (line, "Eta", request->eta);
  add_value (line, "HiDiffusion", request->hidiffusion);

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

  return g_strdup_printf ("%s\n" NEGATIVE " %s\n%s", prompt, request->negative_prompt, values);
}

/* --- reading -------------------------------------------------------------------- */

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

/* Names in lower case, and their values. */
static GHashTable *
read_values (const char *line)
{
  GHashTable *values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  while (*line != '\0')
    {
      const char *colon = strchr (line, ':');
      const char *start = colon != NULL ? colon + 1 + strspn (colon + 1, " ") : NULL;
      const char *end = start != NULL ? end_of_value (start) : NULL;

      if (colon == NULL)
        break;

      {
        g_autofree char *name = g_strndup (line, (gsize) (colon - line));

        g_hash_table_replace (values, g_ascii_strdown (g_strstrip (name), -1), read_value (start, end));
      }
      line = end + strcspn (end, ",");
      line += strspn (line, ", ");
    }

  return values;
}

static gboolean
take_number (GHashTable *values,
             const char *name,
             double      min,
             double      max,
             double     *number)
{
  const char *text = g_hash_table_lookup (values, name);
  char       *end;
  double      value;

  if (text == NULL)
    return FALSE;

  value = g_ascii_strtod (text, &end);
  if (end == text || !(value >= min && value <= max))
    return FALSE;

  *number = value;

  return TRUE;
}

static void
take_int (GHashTable *values,
          const char *name,
          int         min,
          int         max,
          int        *number)
{
  double value;

  if (take_number (values, name, min, max, &value))
    *number = (int) value;
}

/* Older versions have the schedule in the sampler's name: "DPM++ 2M Karras". */
static void
take_sampler (GHashTable *values,
              HdRequest  *request)
{
  const char      *schedule = g_hash_table_lookup (values, "schedule type");
  g_autofree char *sampler = g_strdup (g_hash_table_lookup (values, "sampler"));
  const char      *ours;

  if (sampler != NULL && g_str_has_suffix (sampler, " Karras"))
    {
      sampler[strlen (sampler) - strlen (" Karras")] = '\0';
      schedule = "Karras";
    }

  ours = sampler != NULL ? find_ours (samplers, sampler) : NULL;
  if (ours != NULL)
    hd_request_set (&request->sampler, ours);
  ours = schedule != NULL ? find_ours (schedules, schedule) : NULL;
  if (ours != NULL)
    hd_request_set (&request->schedule, ours);
}

static void
take_size (GHashTable *values,
           HdRequest  *request)
{
  const char     *size = g_hash_table_lookup (values, "size");
  g_auto (GStrv)  sides = g_strsplit (size != NULL ? size : "", "x", 3);
  gint64          width;
  gint64          height;

  if (g_strv_length (sides) == 2
      && g_ascii_string_to_signed (sides[0], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &width, NULL)
      && g_ascii_string_to_signed (sides[1], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &height, NULL))
    {
      request->width = (int) width;
      request->height = (int) height;
    }
}

static void
take_values (GHashTable *values,
             HdRequest  *request)
{
  const char *model = g_hash_table_lookup (values, "model");
  const char *hidiffusion = g_hash_table_lookup (values, "hidiffusion");
  double      seed;

  take_int (values, "steps", 1, HD_REQUEST_MAX_STEPS, &request->steps);
  take_sampler (values, request);
  take_size (values, request);
  take_number (values, "cfg scale", 0.0, HD_REQUEST_MAX_GUIDANCE, &request->guidance_scale);
  take_number (values, "cfg rescale phi", 0.0, 1.0, &request->guidance_rescale);
  take_number (values, "denoising strength", 0.0, 1.0, &request->strength);
  take_number (values, "eta", 0.0, 1.0, &request->eta);
  take_int (values, "clip skip", 1, 12, &request->clip_skip);
  if (take_number (values, "seed", 0.0, HD_REQUEST_MAX_SEED, &seed))
    request->seed = (gint64) seed;
  if (model != NULL)
    hd_request_set (&request->model_name, model);
  if (hidiffusion != NULL && g_strv_contains (hd_hidiffusion_names (), hidiffusion))
    hd_request_set (&request->hidiffusion, hidiffusion);
}

/* The last line that begins as lines of values do; NULL if there is none. */
static char *
find_values (char *text)
{
  char *found = NULL;

  for (char *line = text; line != NULL; line = strchr (line, '\n') != NULL ? strchr (line, '\n') + 1 : NULL)
    if (g_str_has_prefix (line, FIRST))
      found = line;

  return found;
}

static void
take_prompts (char      *text,
              HdRequest *request)
{
  char *negative = g_str_has_prefix (text, NEGATIVE) ? text : strstr (text, "\n" NEGATIVE);

  if (negative != NULL)
    {
      char *start = strstr (negative, NEGATIVE) + strlen (NEGATIVE);

      hd_request_set (&request->negative_prompt, g_strstrip (start));
      *negative = '\0';
    }
  hd_request_set (&request->prompt, g_strstrip (text));
}

HdRequest *
hd_infotext_read (const char  *text,
                  GError     **error)
{
  HdRequest              *request;
  g_autofree char        *copy = g_utf8_make_valid (text, (gssize) strnlen (text, MAX_TEXT));
  char                   *line = find_values (copy);
  g_autoptr (GHashTable)  values = NULL;

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

  return request;
}
