/* SPDX-License-Identifier: Apache-2.0 */

#include "tools/hidiffusion/batch_sheet.h"

#include <math.h>
#include <string.h>

#include "engine/file.h"
#include "engine/json.h"

#define MAX_BYTES   (64 << 20)
#define MAX_ROWS    1000000
#define MAX_COLUMNS 256
#define BOM         "\xef\xbb\xbf"

typedef struct
{
  const char         *path;
  const char * const *names;
  const char * const *numbers;
  GPtrArray          *rows;
} Sheet;

static void
sheet_row_free (gpointer data)
{
  HdSheetRow *row = data;

  json_object_unref (row->members);
  g_free (row);
}

static gboolean
fail (const Sheet  *sheet,
      int           line,
      GError      **error,
      const char   *format,
      ...) G_GNUC_PRINTF (4, 5);

static gboolean
fail (const Sheet  *sheet,
      int           line,
      GError      **error,
      const char   *format,
      ...)
{
  g_autofree char *message = NULL;
  va_list          arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s:%d: %s", sheet->path, line, message);

  return FALSE;
}

static gboolean
check_name (const Sheet  *sheet,
            const char   *name,
            int           line,
            GError      **error)
{
  g_autofree char *quoted = NULL;
  g_autofree char *list = NULL;

  if (g_strv_contains (sheet->names, name))
    return TRUE;

  quoted = hd_json_quote (name);
  list = g_strjoinv (", ", (char **) sheet->names);

  return fail (sheet, line, error, "expected names out of %s; found %s", list, quoted);
}

/* Adds a row of @members, which it takes. */
static gboolean
add_row (Sheet       *sheet,
         JsonObject  *members,
         int          line,
         GError     **error)
{
  HdSheetRow *row = g_new (HdSheetRow, 1);

  *row = (HdSheetRow) { (int) sheet->rows->len + 1, line, members };
  g_ptr_array_add (sheet->rows, row);

  return sheet->rows->len <= MAX_ROWS || fail (sheet, line, error, "expected at most %d rows", MAX_ROWS);
}

/* --- CSV ------------------------------------------------------------------------- */

/* The one that the first line has most of, outside of quotes. */
static char
find_separator (const char *text)
{
  static const char candidates[] = ",;\t";
  int               counts[sizeof candidates] = { 0 };
  gboolean          quoted = FALSE;
  int               best = 0;

  for (; *text != '\0' && (quoted || *text != '\n'); text++)
    {
      const char *found = strchr (candidates, *text);

      if (*text == '"')
        quoted = !quoted;
      else if (!quoted && found != NULL)
        counts[found - candidates]++;
    }
  for (int i = 1; candidates[i] != '\0'; i++)
    if (counts[i] > counts[best])
      best = i;

  return candidates[best];
}

static gboolean
check_header (const Sheet  *sheet,
              char        **header,
              GError      **error)
{
  guint n = g_strv_length (header);

  if (n > MAX_COLUMNS)
    return fail (sheet, 1, error, "expected at most %d columns, found %u", MAX_COLUMNS, n);

  for (guint i = 0; i < n; i++)
    {
      g_strstrip (header[i]);
      if (!check_name (sheet, header[i], 1, error))
        return FALSE;
      for (guint j = 0; j < i; j++)
        if (g_str_equal (header[i], header[j]))
          return fail (sheet, 1, error, "expected each name once, found \"%s\" twice", header[i]);
    }

  return TRUE;
}

static gboolean
set_field (const Sheet  *sheet,
           JsonObject   *members,
           const char   *name,
           const char   *text,
           int           line,
           GError      **error)
{
  g_autofree char *quoted = NULL;
  char            *end = NULL;
  double           number;

  if (!g_strv_contains (sheet->numbers, name))
    {
      json_object_set_string_member (members, name, text);
      return TRUE;
    }

  number = g_ascii_strtod (text, &end);
  if (end != text && *end == '\0' && isfinite (number))
    {
      json_object_set_double_member (members, name, number);
      return TRUE;
    }

  quoted = hd_json_quote (text);

  return fail (sheet, line, error, "expected a number as %s, found %s", name, quoted);
}

static gboolean
add_record (Sheet   *sheet,
            char   **header,
            char   **fields,
            int      line,
            GError **error)
{
  g_autoptr (JsonObject) members = json_object_new ();
  guint                  n = g_strv_length (fields);

  if (n != g_strv_length (header))
    return fail (sheet, line, error, "expected %u fields, as in the first line, found %u", g_strv_length (header), n);

  for (guint i = 0; i < n; i++)
    if (fields[i][0] != '\0' && !set_field (sheet, members, header[i], fields[i], line, error))
      return FALSE;

  return add_row (sheet, g_steal_pointer (&members), line, error);
}

static gboolean
read_csv (Sheet       *sheet,
          const char  *text,
          GError     **error)
{
  char               separator = find_separator (text);
  gsize              where = 0;
  int                line = 1;
  g_autoptr (GError) problem = NULL;
  g_auto (GStrv)     header = hd_csv_split (text, &where, &line, separator, &problem);

  if (header != NULL && !check_header (sheet, header, error))
    return FALSE;

  while (problem == NULL)
    {
      int            begin = line;
      g_auto (GStrv) fields = hd_csv_split (text, &where, &line, separator, &problem);
      gboolean       empty = fields != NULL && fields[0][0] == '\0' && fields[1] == NULL;

      if (fields == NULL)
        break;
      if (!empty && !add_record (sheet, header, fields, begin, error))
        return FALSE;
    }

  if (problem != NULL)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: %s", sheet->path, problem->message);
      return FALSE;
    }

  return TRUE;
}

/* --- JSON lines ------------------------------------------------------------------- */

static gboolean
add_object (Sheet       *sheet,
            const char  *text,
            gsize        length,
            int          line,
            GError     **error)
{
  g_autofree char        *name = g_strdup_printf ("%s:%d", sheet->path, line);
  g_autoptr (JsonObject)  members = hd_json_parse (text, length, name, error);
  g_autoptr (GList)       found = members != NULL ? json_object_get_members (members) : NULL;

  if (members == NULL)
    return FALSE;

  for (GList *item = found; item != NULL; item = item->next)
    if (!check_name (sheet, item->data, line, error))
      return FALSE;

  return add_row (sheet, g_steal_pointer (&members), line, error);
}

static gboolean
read_json_lines (Sheet       *sheet,
                 const char  *text,
                 GError     **error)
{
  int line = 1;

  while (*text != '\0')
    {
      gsize length = strcspn (text, "\n");

      if (strspn (text, " \t\r") < length && !add_object (sheet, text, length, line, error))
        return FALSE;
      text += length + (text[length] == '\n' ? 1 : 0);
      line++;
    }

  return TRUE;
}

/* --- files ------------------------------------------------------------------------ */

static gboolean
has_ending (const char *path,
            const char *ending)
{
  gsize length = strlen (path);

  return length > strlen (ending) && g_ascii_strcasecmp (path + length - strlen (ending), ending) == 0;
}

static gboolean
read_text (Sheet       *sheet,
           const char  *text,
           gsize        length,
           GError     **error)
{
  if (!g_utf8_validate (text, (gssize) length, NULL))
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected text in UTF-8", sheet->path);
      return FALSE;
    }
  if (g_str_has_prefix (text, BOM))
    text += strlen (BOM);

  if (has_ending (sheet->path, ".csv"))
    return read_csv (sheet, text, error);
  if (has_ending (sheet->path, ".jsonl"))
    return read_json_lines (sheet, text, error);

  g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected a sheet named NAME.csv or NAME.jsonl",
               sheet->path);

  return FALSE;
}

GPtrArray *
hd_sheet_read (const char          *path,
               const char * const  *names,
               const char * const  *numbers,
               GError             **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (sheet_row_free);
  Sheet                 sheet = { path, names, numbers, rows };
  gsize                 length = 0;
  g_autofree char      *text = hd_file_contents (path, MAX_BYTES, &length, error);

  if (text == NULL || !read_text (&sheet, text, length, error))
    return NULL;

  if (rows->len == 0)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, "%s: expected at least one row", path);
      return NULL;
    }

  return g_steal_pointer (&rows);
}
