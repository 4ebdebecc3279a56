/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include <glib/gi18n.h>

#include "engine/error.h"
#include "engine/request_fields.h"
#include "plugin/styles.h"

#define PLACE "{prompt}"

#define MAX_NAME_LENGTH 100

/* Prompts that styles blow up beyond this are not read by any model. */
#define MAX_EXPANDED (1024 * 1024)

/* --- styles --------------------------------------------------------------------- */

HdStyle *
hd_style_new (const char *name)
{
  HdStyle *style = g_new0 (HdStyle, 1);

  style->name = g_strdup (name);
  style->description = g_strdup ("");
  style->prompt = g_strdup ("");
  style->negative_prompt = g_strdup ("");
  style->settings = hd_request_new ();

  return style;
}

void
hd_style_free (HdStyle *style)
{
  if (! style)
    return;

  g_free (style->name);
  g_free (style->description);
  g_free (style->prompt);
  g_free (style->negative_prompt);
  hd_request_free (style->settings);
  g_free (style);
}

gboolean
hd_style_check_name (const char *name)
{
  if (! *name || g_utf8_strlen (name, -1) > MAX_NAME_LENGTH
      || g_unichar_isspace (g_utf8_get_char (name))
      || g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (name + strlen (name)))))
    return FALSE;

  for (const char *p = name; *p; p = g_utf8_next_char (p))
    if (*p == ',' || g_unichar_iscntrl (g_utf8_get_char (p)))
      return FALSE;

  return TRUE;
}

GPtrArray *
hd_styles_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) hd_style_free);
}

const HdStyle *
hd_styles_find (const GPtrArray *styles,
                const char      *name)
{
  for (guint i = 0; i < styles->len; i++)
    {
      const HdStyle *style = styles->pdata[i];

      if (g_str_equal (style->name, name))
        return style;
    }

  return NULL;
}

const char * const *
hd_style_settings (void)
{
  static const char * const names[] = {
    "width", "height", "strength", "steps", "guidance_scale", "guidance_rescale", "sampler", "schedule", "eta",
    "clip_skip", "hidiffusion", "rau_net", "msw_msa", "t1", "t2", NULL,
  };

  return names;
}

/* --- prompts -------------------------------------------------------------------- */

static gboolean
is_blank (const char *text)
{
  return text[strspn (text, " \t\r\n")] == '\0';
}

char *
hd_style_expand (const char *piece,
                 const char *text)
{
  g_auto (GStrv) parts = NULL;

  if (is_blank (piece))
    return g_strdup (text);
  if (! strstr (piece, PLACE))
    return is_blank (text) ? g_strdup (piece) : g_strdup_printf ("%s, %s", text, piece);

  parts = g_strsplit (piece, PLACE, -1);
  return g_strjoinv (text, parts);
}

char **
hd_style_names_split (const char *names)
{
  g_auto (GStrv)           words = g_strsplit_set (names ? names : "", ",\n", -1);
  g_autoptr (GStrvBuilder) found = g_strv_builder_new ();

  for (int i = 0; words[i]; i++)
    if (*g_strstrip (words[i]))
      g_strv_builder_add (found, words[i]);

  return g_strv_builder_end (found);
}

/* How many bytes hd_style_expand() makes of them. */
static gsize
measure (const char *piece,
         const char *text)
{
  gsize length = strlen (piece);
  gsize added = strlen (text);
  gsize places = 0;

  for (const char *place = strstr (piece, PLACE); place; place = strstr (place + strlen (PLACE), PLACE))
    places++;

  if (places > 0)
    return length - places * strlen (PLACE) + places * added;

  if (is_blank (piece))
    return added;
  return is_blank (text) ? length : added + strlen (", ") + length;
}

static gboolean
expand (const HdStyle  *style,
        const char     *piece,
        char          **prompt,
        GError        **error)
{
  gsize  length = measure (piece, *prompt);
  char  *expanded;

  /* Before it is made: a file of a few megabytes can ask for terabytes. */
  if (length > MAX_EXPANDED)
    {
      /* TRANSLATORS: a style, and numbers of bytes. */
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST,
                   _("The style '%s' makes the prompt too long: expected at most %d bytes, found %zu."),
                   style->name, MAX_EXPANDED, length);
      return FALSE;
    }

  expanded = hd_style_expand (piece, *prompt);
  g_free (*prompt);
  *prompt = expanded;
  return TRUE;
}

/* --- settings ------------------------------------------------------------------- */

static gboolean
is_equal (const HdRequestField *field,
          const HdRequest      *a,
          const HdRequest      *b)
{
  gconstpointer first = G_STRUCT_MEMBER_P (a, field->offset);
  gconstpointer second = G_STRUCT_MEMBER_P (b, field->offset);

  switch (field->kind)
    {
    case HD_FIELD_INT:
      return *(const int *) first == *(const int *) second;
    case HD_FIELD_INT64:
      return *(const gint64 *) first == *(const gint64 *) second;
    case HD_FIELD_DOUBLE:
      return *(const double *) first == *(const double *) second;
    default:
      return g_strcmp0 (*(char * const *) first, *(char * const *) second) == 0;
    }
}

static void
copy (const HdRequestField *field,
      const HdRequest      *from,
      HdRequest            *to)
{
  gconstpointer source = G_STRUCT_MEMBER_P (from, field->offset);
  gpointer      target = G_STRUCT_MEMBER_P (to, field->offset);

  switch (field->kind)
    {
    case HD_FIELD_INT:
      *(int *) target = *(const int *) source;
      break;
    case HD_FIELD_INT64:
      *(gint64 *) target = *(const gint64 *) source;
      break;
    case HD_FIELD_DOUBLE:
      *(double *) target = *(const double *) source;
      break;
    default:
      hd_request_set (target, *(char * const *) source);
      break;
    }
}

/* What was not set by anybody else, @untouched being the request as it was before any style. */
static void
apply_settings (const HdStyle   *style,
                const HdRequest *untouched,
                HdRequest       *request)
{
  g_autoptr (HdRequest) usual = hd_request_new ();

  for (const HdRequestField *field = hd_request_fields (); field->name; field++)
    {
      gboolean is_size = g_strcmp0 (field->member, "width") == 0 || g_strcmp0 (field->member, "height") == 0;

      if (field->member && g_strv_contains (hd_style_settings (), field->member) && ! is_size
          && ! is_equal (field, style->settings, usual) && is_equal (field, untouched, usual))
        copy (field, style->settings, request);
    }
}

gboolean
hd_styles_apply (const GPtrArray  *styles,
                 const char       *names,
                 HdRequest        *request,
                 GError          **error)
{
  g_autoptr (HdRequest) untouched = hd_request_copy (request);
  g_auto (GStrv)        list = hd_style_names_split (names);

  for (int i = 0; list[i]; i++)
    {
      const HdStyle *style = hd_styles_find (styles, list[i]);

      if (! style)
        {
          /* TRANSLATORS: %s is a name. */
          g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_REQUEST, _("There is no style '%s'."), list[i]);
          return FALSE;
        }
      if (! expand (style, style->prompt, &request->prompt, error)
          || ! expand (style, style->negative_prompt, &request->negative_prompt, error))
        return FALSE;
      apply_settings (style, untouched, request);
    }

  return TRUE;
}
