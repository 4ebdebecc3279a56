/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "engine/error.h"
#include "tools/hidiffusion/batch_sheet.h"

static gboolean
is_end (char     c,
        char     separator)
{
  return c == separator || c == '\n' || c == '\r' || c == '\0';
}

/* The field in quotes that begins at *@where; NULL with an error. */
static char *
take_quoted (const char  *text,
             gsize       *where,
             int         *line,
             char         separator,
             GError     **error)
{
  g_autoptr (GString) field = g_string_new (NULL);
  const char         *c = text + *where + 1;

  for (; *c != '\0' && (*c != '"' || c[1] == '"'); c++)
    {
      if (*c == '"')
        c++;
      if (*c == '\n')
        (*line)++;
      g_string_append_c (field, *c);
    }

  if (*c != '"' || !is_end (c[1], separator))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "line %d: expected %s", *line,
                   *c != '"' ? "a quote that ends the field, found the end of the file"
                             : "the end of the field after its quote");
      return NULL;
    }
  *where = (gsize) (c + 1 - text);

  return g_string_free (g_steal_pointer (&field), FALSE);
}

static char *
take_plain (const char *text,
            gsize      *where,
            char        separator)
{
  gsize begin = *where;

  while (!is_end (text[*where], separator))
    (*where)++;

  return g_strndup (text + begin, *where - begin);
}

GStrv
hd_csv_split (const char  *text,
              gsize       *where,
              int         *line,
              char         separator,
              GError     **error)
{
  g_autoptr (GStrvBuilder) fields = g_strv_builder_new ();

  if (text[*where] == '\0')
    return NULL;

  while (TRUE)
    {
      g_autofree char *field = text[*where] == '"' ? take_quoted (text, where, line, separator, error)
                                                   : take_plain (text, where, separator);

      if (field == NULL)
        return NULL;

      g_strv_builder_add (fields, field);
      if (text[*where] != separator || separator == '\0')
        break;
      (*where)++;
    }

  if (text[*where] == '\r')
    (*where)++;
  if (text[*where] == '\n')
    (*where)++;
  (*line)++;

  return g_strv_builder_end (fields);
}
