/* SPDX-License-Identifier: Apache-2.0 */

#include "metadata/picture_settings.h"

#include <string.h>
#include <unistd.h>

#include "engine/error.h"
#include "engine/file.h"
#include "engine/infotext.h"
#include "kernels/i18n.h"
#include "metadata/exif_comment.h"
#include "metadata/png_texts.h"

#define MAGIC_LENGTH 12
#define MAX_SHOWN    400   /* letters of what is left out */

typedef enum
{
  KIND_OTHER,
  KIND_PNG,
  KIND_WITH_EXIF,
} Kind;

void
hd_picture_settings_free (HdPictureSettings *settings)
{
  if (settings == NULL)
    return;

  hd_request_free (settings->request);
  g_strfreev (settings->left_out);
  g_free (settings);
}

/* The file is anybody's: no line breaks or sequences for terminals, and not very long. */
char *
hd_picture_settings_describe_left_out (const HdPictureSettings *settings)
{
  g_autofree char *all = g_strjoinv (", ", settings->left_out);
  g_autofree char *start = g_utf8_substring (all, 0, MIN (g_utf8_strlen (all, -1), MAX_SHOWN));
  GString         *line;

  if (*all == '\0')
    return NULL;

  line = g_string_new (NULL);
  for (const char *p = start; *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_unichar (line, g_unichar_isprint (g_utf8_get_char (p)) ? g_utf8_get_char (p) : ' ');
  if (strlen (start) < strlen (all))
    g_string_append (line, "…");

  return g_string_free (line, FALSE);
}

/* --- texts ---------------------------------------------------------------------- */

static HdPictureSettings *
take_request (HdRequest *request,
              GStrv      left_out,
              gboolean   complete)
{
  HdPictureSettings *settings = g_new0 (HdPictureSettings, 1);

  settings->request = request;
  settings->left_out = left_out != NULL ? left_out : g_new0 (char *, 1);
  settings->complete = complete;

  return settings;
}

static HdPictureSettings *
read_json (const char  *text,
           GError     **error)
{
  g_autoptr (HdRequest) request = hd_request_from_json (text, error);

  if (request == NULL || !hd_request_check_settings (request, error))
    return NULL;

  return take_request (g_steal_pointer (&request), NULL, TRUE);
}

static HdPictureSettings *
read_infotext (const char *text)
{
  GStrv      left_out = NULL;
  HdRequest *request = hd_infotext_read (text, &left_out, NULL);

  return request != NULL ? take_request (request, left_out, FALSE) : NULL;
}

static const char *
find_text (const GPtrArray *texts,
           const char      *key)
{
  for (guint i = 0; i < texts->len; i++)
    {
      const HdPngText *text = texts->pdata[i];

      if (g_str_equal (text->key, key))
        return text->text;
    }

  return NULL;
}

/* The request itself before what others understand of it, and before comments, which anybody may have written. */
static HdPictureSettings *
search_texts (const GPtrArray  *texts,
              GError          **error)
{
  static const char * const keys[] = { HD_PNG_PARAMETERS_KEY, "Comment", "Description", "UserComment" };
  const char               *json = find_text (texts, HD_PNG_REQUEST_KEY);
  HdPictureSettings        *settings = json != NULL ? read_json (json, error) : NULL;

  for (gsize i = 0; settings == NULL && i < G_N_ELEMENTS (keys); i++)
    {
      const char *text = find_text (texts, keys[i]);

      settings = text != NULL ? read_infotext (text) : NULL;
    }

  return settings;
}

static HdPictureSettings *
search_exif (const char *path)
{
  g_auto (GStrv)     comments = hd_exif_read_comments (path);
  HdPictureSettings *settings = NULL;

  for (int i = 0; settings == NULL && comments[i] != NULL; i++)
    settings = read_infotext (comments[i]);

  return settings;
}

/* --- the file ------------------------------------------------------------------- */

static gboolean
find_kind (const char  *path,
           Kind        *kind,
           GError     **error)
{
  guint8   magic[MAGIC_LENGTH] = { 0 };
  guint64  size;
  int      fd = hd_file_open (path, &size, error);
  gboolean success = fd >= 0 && hd_file_read_at (fd, path, 0, magic, MIN (size, MAGIC_LENGTH), error);

  if (fd >= 0)
    close (fd);

  if (memcmp (magic, "\x89PNG\r\n\x1a\n", 8) == 0)
    *kind = KIND_PNG;
  else if (memcmp (magic, "\xff\xd8\xff", 3) == 0 || (memcmp (magic, "RIFF", 4) == 0 && memcmp (magic + 8, "WEBP", 4) == 0))
    *kind = KIND_WITH_EXIF;
  else
    *kind = KIND_OTHER;

  return success;
}

static HdPictureSettings *
search (const char  *path,
        Kind         kind,
        gboolean    *is_workflow,
        GError     **error)
{
  g_autoptr (GPtrArray)  texts = NULL;
  HdPictureSettings     *settings = NULL;

  *is_workflow = FALSE;
  if (kind == KIND_PNG)
    {
      texts = hd_png_texts_read (path, error);
      if (texts == NULL)
        return NULL;
      *is_workflow = find_text (texts, "workflow") != NULL;
      settings = search_texts (texts, error);
    }

  return settings != NULL ? settings : search_exif (path);
}

HdPictureSettings *
hd_picture_settings_read (const char  *path,
                          GError     **error)
{
  g_autofree char   *shown = g_filename_display_name (path);
  g_autoptr (GError) problem = NULL;
  HdPictureSettings *settings;
  gboolean           is_workflow;
  Kind               kind;

  if (!find_kind (path, &kind, error))
    return NULL;

  if (kind == KIND_OTHER)
    {
      g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: expected a PNG, JPEG or WebP file, found another kind"),
                   shown);
      return NULL;
    }

  settings = search (path, kind, &is_workflow, &problem);
  if (settings != NULL)
    return settings;

  if (problem != NULL)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE, _("%s: its settings are damaged: %s"), shown, problem->message);
  else if (is_workflow)
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                 _("%s: expected settings as HiDiffusion or Automatic1111 write them, found a workflow of ComfyUI"), shown);
  else
    g_set_error (error, HD_ENGINE_ERROR, HD_ENGINE_ERROR_FILE,
                 _("%s: expected a picture with the settings that made it, found none"), shown);

  return NULL;
}
