/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/request_options.h"

#include "tools/hidiffusion/command.h"

static void
set_bad_value (GError    **error,
               const char *name,
               const char *expected,
               const char *value)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: expected %s, found \"%s\"", name, expected, value);
}

static gboolean
parse_whole (const char  *name,
             const char  *value,
             gint64       min,
             gint64       max,
             gint64      *number,
             GError     **error)
{
  g_autofree char *expected = NULL;

  if (g_ascii_string_to_signed (value, 10, min, max, number, NULL))
    return TRUE;

  expected = g_strdup_printf ("a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min, max);
  set_bad_value (error, name, expected, value);

  return FALSE;
}

/* Prompts come in the locale's encoding, or in UTF-8 whatever the locale says. */
static gboolean
parse_text (const char  *name,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  HdRequest       *request = data;
  char           **field = g_str_equal (name, "--negative") ? &request->negative_prompt : &request->prompt;
  g_autofree char *text = g_utf8_validate (value, -1, NULL) ? g_strdup (value)
                                                            : g_locale_to_utf8 (value, -1, NULL, NULL, NULL);

  if (text == NULL)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: expected text in UTF-8", name);
      return FALSE;
    }
  hd_request_set (field, text);

  return TRUE;
}

static gboolean
parse_model (const char  *name,
             const char  *value,
             gpointer     data,
             GError     **error)
{
  hd_request_set (&((HdRequest *) data)->model, value);

  return TRUE;
}

static gboolean
parse_size (const char  *name,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  HdRequest      *request = data;
  g_auto (GStrv)  sides = g_strsplit (value, "x", 3);
  gint64          width;
  gint64          height;

  if (g_strv_length (sides) != 2
      || !g_ascii_string_to_signed (sides[0], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &width, NULL)
      || !g_ascii_string_to_signed (sides[1], 10, HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE, &height, NULL))
    {
      g_autofree char *expected = g_strdup_printf ("WIDTHxHEIGHT, each from %d to %d",
                                                   HD_REQUEST_MIN_SIZE, HD_REQUEST_MAX_SIZE);

      set_bad_value (error, name, expected, value);
      return FALSE;
    }
  request->width = (int) width;
  request->height = (int) height;

  return TRUE;
}

static gboolean
parse_guidance (const char  *name,
                const char  *value,
                gpointer     data,
                GError     **error)
{
  char   *end;
  double  number = g_ascii_strtod (value, &end);

  if (end == value || *end != '\0' || !(number >= 0.0 && number <= HD_REQUEST_MAX_GUIDANCE))
    {
      g_autofree char *expected = g_strdup_printf ("a number from 0 to %g", HD_REQUEST_MAX_GUIDANCE);

      set_bad_value (error, name, expected, value);
      return FALSE;
    }
  ((HdRequest *) data)->guidance_scale = number;

  return TRUE;
}

static gboolean
parse_number (const char  *name,
              const char  *value,
              gpointer     data,
              GError     **error)
{
  HdRequest *request = data;
  gint64     number;

  if (g_str_equal (name, "--seed"))
    return parse_whole (name, value, HD_REQUEST_RANDOM_SEED, HD_REQUEST_MAX_SEED, &request->seed, error);

  if (g_str_equal (name, "--steps"))
    {
      if (!parse_whole (name, value, 1, HD_REQUEST_MAX_STEPS, &number, error))
        return FALSE;
      request->steps = (int) number;
      return TRUE;
    }

  if (!parse_whole (name, value, 0, G_MAXINT, &number, error))
    return FALSE;
  request->threads = (int) number;

  return TRUE;
}

static gboolean
parse_name (const char  *name,
            const char  *value,
            gpointer     data,
            GError     **error)
{
  HdRequest *request = data;
  struct
  {
    const char         *name;
    char              **field;
    const char * const *values;
  } fields[] = {
    { "--sampler", &request->sampler, hd_sampler_names () },
    { "--hidiffusion", &request->hidiffusion, hd_hidiffusion_names () },
    { "--device", &request->device, hd_device_names () },
    { "--precision", &request->precision, hd_precision_names () },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    if (g_str_equal (fields[i].name, name))
      {
        g_autofree char *list = NULL;
        g_autofree char *expected = NULL;

        if (g_strv_contains (fields[i].values, value))
          {
            hd_request_set (fields[i].field, value);
            return TRUE;
          }
        list = g_strjoinv (", ", (char **) fields[i].values);
        expected = g_strdup_printf ("one of %s", list);
        set_bad_value (error, name, expected, value);
        return FALSE;
      }

  g_return_val_if_reached (FALSE);
}

GOptionGroup *
hd_request_options_new (HdRequest          *request,
                        const GOptionEntry *others)
{
  /* Raw bytes where the text is not for GLib to convert. */
  const int raw = G_OPTION_FLAG_FILENAME;
  const GOptionEntry entries[] = {
    { "model", 'm', raw, G_OPTION_ARG_CALLBACK, parse_model, "the model's folder, as diffusers lays it out", "FOLDER" },
    { "prompt", 'p', raw, G_OPTION_ARG_CALLBACK, parse_text, "what the picture is to show", "TEXT" },
    { "negative", 'n', raw, G_OPTION_ARG_CALLBACK, parse_text, "what it is not to show", "TEXT" },
    { "size", 's', 0, G_OPTION_ARG_CALLBACK, parse_size, "pixels (512x512)", "WIDTHxHEIGHT" },
    { "steps", 0, 0, G_OPTION_ARG_CALLBACK, parse_number, "denoising steps (25)", "N" },
    { "guidance", 'g', 0, G_OPTION_ARG_CALLBACK, parse_guidance, "weight of the prompt; 1: no guidance (7.5)", "SCALE" },
    { "sampler", 0, 0, G_OPTION_ARG_CALLBACK, parse_name, "ddim or euler_a (ddim)", "NAME" },
    { "seed", 0, 0, G_OPTION_ARG_CALLBACK, parse_number, "the same seed gives the same picture; -1: random (-1)", "N" },
    { "hidiffusion", 0, 0, G_OPTION_ARG_CALLBACK, parse_name, "auto, on or off (auto)", "WHEN" },
    { "device", 'd', 0, G_OPTION_ARG_CALLBACK, parse_name, "auto or cpu (auto)", "NAME" },
    { "precision", 0, 0, G_OPTION_ARG_CALLBACK, parse_name,
      "auto, float32 or bfloat16 (auto: the fastest that the device has)", "TYPE" },
    { "threads", 't', 0, G_OPTION_ARG_CALLBACK, parse_number, "the most threads; 0: one a processor (0)", "N" },
    { NULL },
  };
  GOptionGroup *group = g_option_group_new ("picture", "", "", request, NULL);

  g_option_group_add_entries (group, entries);
  if (others != NULL)
    g_option_group_add_entries (group, others);

  return group;
}

gboolean
hd_request_options_check (const HdRequest *request)
{
  g_autoptr (GError) error = NULL;

  if (request->model == NULL || request->model[0] == '\0')
    {
      hd_command_complain ("expected --model FOLDER");
      return FALSE;
    }

  if (!hd_request_check (request, &error))
    {
      hd_command_complain (error->message);
      return FALSE;
    }

  return TRUE;
}
